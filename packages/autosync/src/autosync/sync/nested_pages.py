"""Ask for children with their parents: many parents a query, all kinds of their children in one.

A query for 100 parents is a point for each kind: GitHub counts a request for the parents and one
for each parent's list (https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api).
Where a parent has more children than came along, its list is read on, at a point for each hundred.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from autosync import moments
from autosync.github import GraphQLTooHeavy, InstallationClient
from autosync.github.price import MOST_NODES
from autosync.github.purpose import made_for
from autosync.kinds import Derived
from autosync.kinds._nest import Nest
from autosync.mirror.children import Parent
from autosync.mirror.models import Repository
from autosync.mirror.upsert import Row
from autosync.sync import unread
from autosync.sync.paging import Paging
from autosync.sync.refusals import Refused, out_of_sight, refusal_at

logger = logging.getLogger(__name__)
PARENTS = 100
PAGE = 100
_NAME = 64  # characters that the name of a list may have


@dataclass
class Children:
    """What GitHub said of one parent's children of one kind. Not `whole`: some may be missing."""

    nest: Nest
    parent: Parent
    asked_at: datetime
    clock: datetime | None
    place: Row
    nodes: list[Any]
    whole: bool
    rows: list[Row] = field(default_factory=list)
    odd: list[unread.Unread] = field(default_factory=list)


def read_children(
    nests: Sequence[Nest],
    repository: Repository,
    client: InstallationClient,
    parents: Sequence[Parent],
) -> Iterator[list[Children]]:
    """The children of `parents`, which are of one kind and have all these, a page of parents at a
    time; smaller pages while too heavy. `repository` is that of the first, if not of all.

    A parent that GitHub does not show is left out: its own list says what became of it. So is one
    whose children GitHub does not answer for even alone, which is remembered as such.
    """
    lists = " ".join(nest.read.name for nest in nests)
    name = f"{nests[0].parent.name} {lists}"[:_NAME]
    paging = Paging(_most(nests), repository.pk, name)
    left = list(parents)
    while left:
        group = left[: paging.size]
        try:
            page = _ask(nests, repository, client, group)
        except GraphQLTooHeavy:
            if paging.too_heavy():
                continue
            page = [one for nest in nests for one in _alone(nest, client, group[0])]
            paging.was_one_object()
        else:
            paging.went_well()
        del left[: len(group)]
        for one in page:
            _understand(one)
        yield page


def _most(nests: Sequence[Nest]) -> int:
    """How many parents a query asks for: GitHub refuses more than so many nodes."""
    return min(PARENTS, MOST_NODES // (1 + sum(nest.read.first for nest in nests)))


def _ask(
    nests: Sequence[Nest],
    repository: Repository,
    client: InstallationClient,
    parents: Sequence[Parent],
) -> list[Children]:
    lists = " ".join(nest.list(f"first: {nest.read.first}") for nest in nests)
    query = (
        "query($ids: [ID!]!, $home: ID!) { home: node(id: $home) { id } "
        f"parents: nodes(ids: $ids) {{ ... on {nests[0].parent.graphql_type} "
        f"{{ {_of_parents(nests)} {lists} }} }} }}"
    )
    asked_at = timezone.now()
    variables = {"ids": [one.node_id for one in parents], "home": repository.node_id}
    with made_for(nest.kind.name for nest in nests):
        reply = client.graphql(query, variables, partial=True)
    if not reply.data.get("home"):
        raise out_of_sight(repository)
    found = reply.data.get("parents")
    if not isinstance(found, list) or len(found) != len(parents):
        raise GraphQLTooHeavy(
            "GitHub answered with other nodes than were asked for",
            installation_id=client.installation_id,
        )
    answered = []
    for place, (parent, node) in enumerate(zip(parents, found, strict=True)):
        for nest in nests:
            if not isinstance(node, dict) or node.get(nest.kind.name) is None:
                refusal = refusal_at(reply, "parents", place)
                if refusal is not None:
                    raise Refused(refusal)
                continue
            try:
                answered.append(_read_on(nest, client, parent, asked_at, node))
            except GraphQLTooHeavy as error:
                _not_answered(nest, client, parent, error)
    return answered


def _alone(nest: Nest, client: InstallationClient, parent: Parent) -> list[Children]:
    """One whose children GitHub did not send along: they are read by themselves, fewer at once."""
    try:
        return [_read_on(nest, client, parent, timezone.now(), None)]
    except GraphQLTooHeavy as error:
        _not_answered(nest, client, parent, error)
        return []


def _not_answered(
    nest: Nest, client: InstallationClient, parent: Parent, error: GraphQLTooHeavy
) -> None:
    """If GitHub shows the parent it is up, and it is these children; raises otherwise. They wait,
    and are asked for at each sync.
    """
    query = "query($id: ID!) { node(id: $id) { id } }"
    if client.graphql(query, {"id": parent.node_id}).data.get("node"):
        of = f"the {nest.parent.name} {parent.pk}"
        why = f"{unread.NOT_ANSWERED} ({nest.kind.name}s of {of}): {error.what}"
        one = unread.Unread(parent.pk, parent.node_id, why)
        unread.remember(nest.kind.resource, [(parent.repository_id, one)])


def _read_on(
    nest: Nest,
    client: InstallationClient,
    parent: Parent,
    asked_at: datetime,
    node: dict[str, Any] | None,
) -> Children:
    """All children of one parent; `node` has the first of them, if any came along.

    The clock is that of the first page: what changes meanwhile moves it.
    """
    query = (
        "query($id: ID!, $first: Int!, $after: String) { parent: node(id: $id) { "
        f"... on {nest.parent.graphql_type} {{ {_of_parents([nest])} "
        f"{nest.list('first: $first, after: $after')} }} }} }}"
    )
    paging = Paging(PAGE)
    clock = nodes = None
    place: Row = {}
    total, after, more = 0, "", True
    while more:
        if node is None:
            variables = {"id": parent.node_id, "first": paging.size, "after": after or None}
            try:
                with made_for([nest.kind.name]):
                    node = client.graphql(query, variables).data.get("parent")
            except GraphQLTooHeavy:
                if paging.too_heavy():
                    continue
                raise
            paging.went_well()
        try:
            page = node[nest.kind.name]  # type: ignore[index]
            count, info = int(page[nest.total]), page["pageInfo"]
            total = total + count if nest.read.union else count
            if nodes is None:
                clock = moments.moment(node[nest.clock])  # type: ignore[index]
                place = nest.place(node)  # type: ignore[arg-type]
                nodes = []
            nodes += page["nodes"]
            more = bool(info["hasNextPage"])
            after = info["endCursor"] if more else ""
        except unread.ODD:
            raise GraphQLTooHeavy(
                f"GitHub answered with a page of {nest.read.name} that is none",
                installation_id=client.installation_id,
            ) from None
        node = None
    assert nodes is not None
    whole = len(nodes) == total and all(nodes)
    return Children(nest, parent, asked_at, clock, place, nodes, whole)


def read_deep(
    kind: Derived, repository: Repository, client: InstallationClient, page: Sequence[Children]
) -> None:
    """Add to the rows of `page` what GitHub is asked for by their node ids, a hundred a point. One
    for which it does not answer even alone goes without.
    """
    if not kind.deep:
        return
    query = (
        f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {kind.graphql_type} "
        f"{{ id {kind.deep_fields} }} }} }}"
    )
    paging = Paging(PAGE, repository.pk, f"{kind.name} in detail")
    left = [str(row["node_id"]) for one in page for row in one.rows]
    found: dict[str, Row] = {}
    while left:
        group = left[: paging.size]
        try:
            nodes = client.graphql(query, {"ids": group}, partial=True).data.get("nodes") or []
        except GraphQLTooHeavy as error:
            if paging.too_heavy():
                continue
            if not found:
                raise  # no object's fault: GitHub is down
            logger.warning("%s of a %s: %s", kind.deep_fields, kind.name, error)
            nodes = []
            paging.was_one_object()
        else:
            paging.went_well()
        del left[: len(group)]
        found |= {node["id"]: kind.deep_of(node) for node in nodes if node}
    for one in page:
        one.rows = [{**row, **found.get(str(row["node_id"]), {})} for row in one.rows]


def _of_parents(nests: Sequence[Nest]) -> str:
    return " ".join(dict.fromkeys(field for nest in nests for field in nest.of_parent))


def _understand(one: Children) -> None:
    for at, node in enumerate(one.nodes, 1):
        if not node:
            continue
        try:
            one.rows.append(one.nest.row(node, one.place, one.parent.repository_id, at))
        except unread.ODD as error:
            why = f"not as documented: {type(error).__name__}: {error}"
            one.odd.append(unread.of_node(node, why[:300]))
