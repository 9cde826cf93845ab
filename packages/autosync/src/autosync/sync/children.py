"""Read children with their parents: many parents a query, each parent's children as a whole.

A query for 100 parents is one point: 101 requests, as GitHub counts them
(https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api). Where a
parent has more children than came along, its list is read on, at a point for each hundred.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from autosync import moments
from autosync.github import GraphQLTooHeavy, InstallationClient
from autosync.killpoints import reached
from autosync.kinds import Derived, nested_kinds
from autosync.kinds._columns import camel
from autosync.kinds._kind import Nested
from autosync.mirror.children import Parent, Read
from autosync.mirror.doubt import LAG, lock_repositories
from autosync.mirror.keys import rows_of
from autosync.mirror.models import Repository, ResourceCursor
from autosync.mirror.tombstones import inherit
from autosync.mirror.upsert import Key, Row, Rule
from autosync.sync import unread
from autosync.sync.gone import take_away
from autosync.sync.paging import Paging
from autosync.sync.refusals import Refused, out_of_sight, refusal_at, unavailable

logger = logging.getLogger(__name__)
PARENTS = 100
PAGE = 100
# https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api#node-limit
MOST_NODES = 500_000
Progress = Callable[[], None]


@dataclass
class Children:
    """What GitHub said of one parent's children. Not `whole`: some may be missing."""

    parent: Parent
    asked_at: datetime
    clock: datetime | None
    nodes: list[Any]
    whole: bool
    rows: list[Row] = field(default_factory=list)
    odd: list[unread.Unread] = field(default_factory=list)


def price(parents: int, first: int) -> tuple[int, int]:
    """Points and nodes of a query for the first children of so many parents."""
    nodes = parents * (1 + first)
    if nodes > MOST_NODES:
        raise ValueError(f"{nodes} nodes in a query; GitHub's limit is {MOST_NODES}")
    return max(1, round((1 + parents) / 100)), nodes


def waiting(
    repository_ids: Iterable[int], refused: dict[int, set[str]] | None = None
) -> dict[int, set[str]]:
    """Per repository the kinds whose parents wait to be asked about, but for parents that are not
    to be had (`refused`: of which kinds).
    """
    found: dict[int, set[str]] = {pk: set() for pk in repository_ids}
    refused = unavailable(found) if refused is None else refused
    for kind in nested_kinds():
        for pk in kind.family.waiting_in(found):
            if kind.parent.name not in refused[pk]:
                found[pk].add(kind.name)
    return found


def sync_children(
    kind: Derived, repository: Repository, client: InstallationClient, progress: Progress
) -> int:
    """Read the children of every parent that waits; rows changed.

    Each page of parents is committed with what is known of them then, so a kill costs one page.
    """
    family = kind.family
    gone = family.parents.model._default_manager.filter(
        repository=repository, deleted_at__isnull=False
    )
    inherit(family.children, family.parents, family.link, parent_keys=gone.values_list("pk"))
    family.forget_gone(repository.pk)
    if kind.parent.name in unavailable([repository.pk])[repository.pk]:
        return 0  # as its cursor says
    cursor, _ = ResourceCursor.objects.get_or_create(repository=repository, resource=kind.name)
    parents = family.waiting(repository.pk)
    count = 0
    if parents:
        if cursor.backfilled_at is None:
            cursor.backfill_started_at = cursor.backfill_started_at or timezone.now()
        cursor.state = ResourceCursor.State.RUNNING
        cursor.save()
    for page in read_children(kind, repository, client, parents):
        absent = set(gone_in(kind, client, page))
        reached("import: page read, not stored")
        with transaction.atomic():
            count += _store(kind, repository, page, absent)
            if cursor.backfilled_at is None:
                cursor.done += sum(len(one.rows) for one in page)
                cursor.save()
            progress()
            reached("import: page stored, not committed")
        reached("import: page committed")
    cursor.total = cursor.done = _alive(kind).filter(repository=repository).count()
    cursor.backfilled_at = cursor.backfilled_at or timezone.now()
    cursor.state = ResourceCursor.State.COMPLETE
    cursor.error = ""
    cursor.save()
    return count


def read_children(
    kind: Derived, repository: Repository, client: InstallationClient, parents: Sequence[Parent]
) -> Iterator[list[Children]]:
    """The children of `parents`, a page of parents at a time; smaller pages while too heavy.

    A parent that GitHub does not show is left out: its own list says what became of it. So is one
    whose children GitHub does not answer for even alone, which is remembered as such.
    """
    nested = _nested(kind)
    paging = Paging(PARENTS, repository.pk, f"{kind.parent.name} {nested.name}")
    left = list(parents)
    while left:
        group = left[: paging.size]
        try:
            page = _ask(kind, repository, client, group)
        except GraphQLTooHeavy:
            if paging.too_heavy():
                continue
            page = _alone(kind, client, group[0])
            paging.was_one_object()
        else:
            paging.went_well()
        del left[: len(group)]
        for one in page:
            _understand(kind, repository, one)
        yield page


def _ask(
    kind: Derived, repository: Repository, client: InstallationClient, parents: Sequence[Parent]
) -> list[Children]:
    nested = _nested(kind)
    price(len(parents), nested.first)
    query = (
        "query($ids: [ID!]!, $home: ID!, $first: Int!, $after: String) { "
        f"home: node(id: $home) {{ id }} parents: nodes(ids: $ids) {{ {_page(kind)} }} }}"
    )
    variables = {
        "ids": [one.node_id for one in parents],
        "home": repository.node_id,
        "first": nested.first,
        "after": None,
    }
    asked_at = timezone.now()
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
        page = node.get("page") if isinstance(node, dict) else None
        if page is None:
            refusal = refusal_at(reply, "parents", place)
            if refusal is not None:
                raise Refused(refusal)
            continue
        try:
            answered.append(_read_on(kind, client, parent, asked_at, node))
        except GraphQLTooHeavy as error:
            _not_answered(kind, client, parent, error)
    return answered


def _alone(kind: Derived, client: InstallationClient, parent: Parent) -> list[Children]:
    """One whose children GitHub did not send along: they are read by themselves, fewer at once."""
    try:
        return [_read_on(kind, client, parent, timezone.now(), None)]
    except GraphQLTooHeavy as error:
        _not_answered(kind, client, parent, error)
        return []


def _not_answered(
    kind: Derived, client: InstallationClient, parent: Parent, error: GraphQLTooHeavy
) -> None:
    """If GitHub shows the parent it is up, and it is these children; raises otherwise. They wait,
    and are asked for at each sync.
    """
    query = "query($id: ID!) { node(id: $id) { id } }"
    if client.graphql(query, {"id": parent.node_id}).data.get("node"):
        of = f"the {kind.parent.name} {parent.pk}"
        why = f"{unread.NOT_ANSWERED} ({kind.name}s of {of}): {error.what}"
        one = unread.Unread(parent.pk, parent.node_id, why)
        unread.remember(kind.resource, [(parent.repository_id, one)])


def _read_on(
    kind: Derived,
    client: InstallationClient,
    parent: Parent,
    asked_at: datetime,
    node: dict[str, Any] | None,
) -> Children:
    """All children of one parent; `node` has the first of them, if any came along.

    The clock is that of the first page: what changes meanwhile moves it.
    """
    query = (
        "query($id: ID!, $first: Int!, $after: String) "
        f"{{ parent: node(id: $id) {{ {_page(kind)} }} }}"
    )
    paging = Paging(PAGE)
    clock = nodes = None
    total, after, more = 0, "", True
    while more:
        if node is None:
            variables = {"id": parent.node_id, "first": paging.size, "after": after or None}
            try:
                node = client.graphql(query, variables).data.get("parent")
            except GraphQLTooHeavy:
                if paging.too_heavy():
                    continue
                raise
            paging.went_well()
        try:
            page = node["page"]  # type: ignore[index]
            total, info = int(page["totalCount"]), page["pageInfo"]
            if nodes is None:
                clock = moments.moment(node[_clock(kind)])  # type: ignore[index]
                nodes = []
            nodes += page["nodes"]
            more = bool(info["hasNextPage"])
            after = info["endCursor"] if more else ""
        except unread.ODD:
            raise GraphQLTooHeavy(
                f"GitHub answered with a page of {_nested(kind).name} that is none",
                installation_id=client.installation_id,
            ) from None
        node = None
    assert nodes is not None
    whole = len(nodes) == total and all(nodes)
    return Children(parent, asked_at, clock, nodes, whole)


def _page(kind: Derived) -> str:
    return (
        f"... on {kind.parent.graphql_type} {{ {_clock(kind)} "
        f"page: {_nested(kind).name}(first: $first, after: $after) {{ totalCount "
        f"pageInfo {{ hasNextPage endCursor }} nodes {{ {kind.node_fields} }} }} }}"
    )


def _nested(kind: Derived) -> Nested:
    read = kind.declared.read
    assert isinstance(read, Nested), kind.name
    return read


def _clock(kind: Derived) -> str:
    return camel(kind.under.follows)


def _understand(kind: Derived, repository: Repository, one: Children) -> None:
    for node in filter(None, one.nodes):
        try:
            one.rows.append(kind.from_graph(node, repository.pk))
        except unread.ODD as error:
            why = f"not as documented: {type(error).__name__}: {error}"
            one.odd.append(unread.of_node(node, why[:300]))


def gone_in(
    kind: Derived,
    client: InstallationClient,
    page: Sequence[Children],
    *,
    seen_before: datetime | None = None,
) -> dict[Key, str]:
    """Key → node id of children that are here, that a whole answer lacks, and that GitHub, asked by
    their node ids, does not know either: lists of GitHub come back too short at times.
    """
    absent = _absent(kind, page, seen_before)
    left = [(key, node_id) for key, node_id in absent.items() if node_id]
    gone: dict[Key, str] = dict.fromkeys(absent.keys() - dict(left).keys(), "")
    query = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {kind.graphql_type} {{ id }} }} }}"
    for start in range(0, len(left), PAGE):
        group = left[start : start + PAGE]
        ids = [node_id for _, node_id in group]
        reply = client.graphql(query, {"ids": ids}, partial=True)
        nodes = reply.data.get("nodes")
        if not isinstance(nodes, list) or len(nodes) != len(ids):
            continue
        for place, ((key, node_id), node) in enumerate(zip(group, nodes, strict=True)):
            if node is None and refusal_at(reply, "nodes", place) is None:
                gone[key] = node_id
    if len(gone) < len(absent):
        logger.warning("lists of %ss lack %d that are there", kind.name, len(absent) - len(gone))
    return gone


def _absent(
    kind: Derived, page: Sequence[Children], seen_before: datetime | None
) -> dict[Key, str]:
    """Key → node id of what a whole answer lacks, but for what was seen shortly before."""
    whole = [one for one in page if one.whole and not one.odd]
    if not whole:
        return {}
    merge, link = kind.merge, kind.family.link
    there = {merge.key_of(row) for one in page for row in one.rows}
    parents = kind.parent.model._default_manager.filter(pk__in=[one.parent.pk for one in whole])
    known = set(parents.values_list(*link.values()))
    asked_at = min(one.asked_at for one in whole)
    here = _alive(kind).filter(
        repository__in={one.parent.repository_id for one in whole},
        observed_at__lt=seen_before or asked_at - LAG,
        **{f"{kind.under.number}__in": [place[-1] for place in known]},
    )
    found = {}
    names = [*link, *merge.key, *(["node_id"] if merge.has("node_id") else [])]
    for values in here.values_list(*names):
        key = tuple(values[len(link) : len(link) + len(merge.key)])
        if tuple(values[: len(link)]) in known and key not in there:
            found[key] = str(values[-1]) if merge.has("node_id") else ""
    return found


def _store(
    kind: Derived, repository: Repository, page: Sequence[Children], absent: set[Key]
) -> int:
    """In the caller's transaction; returns how many rows changed."""
    if not page:
        return 0
    family = kind.family
    asked_at = min(one.asked_at for one in page)
    lock_repositories({repository.pk})
    rows = [row for one in page for row in one.rows]
    result, refused = unread.store(
        kind.merge, rows, observed_at=asked_at, rule=Rule.AUTHORITATIVE, lag=LAG
    )
    gone = take_away(kind.merge, sorted(absent), asked_at)
    unread.forget(kind.resource, rows)
    unread.forget_keys(kind.resource, [one.parent.pk for one in page])
    odd = [*refused, *((repository.pk, bad) for one in page for bad in one.odd)]
    unread.remember(kind.resource, odd)
    not_stored = {one.key for _, one in refused}
    seen = rows_of(kind.merge, [kind.merge.key_of(row) for row in rows])
    seen.filter(deleted_at__isnull=True, dirty_at__lte=asked_at - LAG).update(dirty_at=None)
    read = []
    for one in page:
        short = one.odd or (not one.whole and all(one.nodes))
        short = short or any(unread.short(kind.merge.key_of(row)) in not_stored for row in one.rows)
        read.append(Read(one.parent.pk, repository.pk, None if short else one.clock))
    family.note(read, asked_at, asked_at - LAG)
    return len(result.changed) + len(gone)


def _alive(kind: Derived) -> Any:
    return kind.model._default_manager.filter(deleted_at__isnull=True)
