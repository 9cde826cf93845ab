"""The lists of an organisation: through REST, or with their parents through GraphQL.

A list of REST is read along its links, a page at a time. Of a kind that belongs to another one the
objects of a hundred parents come with a query, for a point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from autosync.github import GraphQLTooHeavy, InstallationClient, NotFound
from autosync.kinds import Derived
from autosync.kinds._kind import Nested, Rest
from autosync.mirror.upsert import Key, Row
from autosync.sync import unread
from autosync.sync.paging import Paging
from autosync.sync.refusals import Refusal, Refused, refusal_at

PARENTS = 100
PAGE = 100


@dataclass
class Listed:
    """All that a list has: that of the account, or of one parent. Not `whole`: some may be missing.

    `within`: column → value of the rows that it is of.
    """

    within: Mapping[str, Any]
    asked_at: datetime
    keys: set[Key] = field(default_factory=set)
    whole: bool = True


@dataclass
class Part:
    """What one request gave. `following`: where the next begins, "" at the end. `lists` are those
    that ended with it.
    """

    asked_at: datetime
    rows: list[Row] = field(default_factory=list)
    odd: list[unread.Unread] = field(default_factory=list)
    following: str = ""
    lists: list[Listed] = field(default_factory=list)


def read(
    kind: Derived, account_id: int, client: InstallationClient, start: str = ""
) -> Iterator[Part]:
    """What the account has of a kind, from `start` on, which a part before it named."""
    how = kind.declared.read
    if isinstance(how, Rest):
        yield from _along(kind, how, account_id, client, start)
    else:
        yield from read_of(kind, account_id, client, _parents(kind, account_id), start)


def read_of(
    kind: Derived,
    account_id: int,
    client: InstallationClient,
    parents: Sequence[tuple[int, str]],
    start: str = "",
) -> Iterator[Part]:
    """What belongs to these parents (key, node id), which are in order.

    A parent that GitHub does not show is left out: its own list says what became of it.
    """
    left = [one for one in parents if not start or one[0] > int(start)]
    paging = Paging(PARENTS)
    while left:
        group = left[: paging.size]
        try:
            part = _with_parents(kind, account_id, client, group)
        except GraphQLTooHeavy:
            if paging.too_heavy():
                continue
            raise
        paging.went_well()
        del left[: len(group)]
        part.following = str(group[-1][0]) if left else ""
        yield part


def _parents(kind: Derived, account_id: int) -> list[tuple[int, str]]:
    rows = kind.parent.model._default_manager.filter(account_id=account_id, deleted_at__isnull=True)
    return list(rows.exclude(node_id="").order_by("pk").values_list("pk", "node_id"))


def _along(
    kind: Derived, how: Rest, account_id: int, client: InstallationClient, start: str
) -> Iterator[Part]:
    listed = Listed({kind.model.scope: account_id}, timezone.now(), whole=not start)
    # By the id, as GitHub's own links have it: a name may be another's by now.
    at = start or f"/organizations/{account_id}{how.path}"
    while True:
        asked_at = timezone.now()
        try:
            reply = client.get(at, None if at.startswith("http") else {"per_page": PAGE})
        except NotFound as error:
            raise Refused(Refusal("refused", error.what)) from None
        part = Part(asked_at, following=reply.next_url or "")
        for item in reply.listed(how.items) if how.items else reply.items():
            try:
                row = kind.from_rest(item, account_id)
            except unread.ODD as error:
                part.odd.append(_odd(item, error))
                listed.whole = False
                continue
            if row is not None:
                part.rows.append(row)
                listed.keys.add(kind.merge.key_of(row))
        at = part.following
        if not at:
            part.lists.append(listed)
        yield part
        if not at:
            return


def _with_parents(
    kind: Derived,
    account_id: int,
    client: InstallationClient,
    parents: Sequence[tuple[int, str]],
) -> Part:
    nested = _nested(kind)
    query = (
        "query($ids: [ID!]!, $first: Int!, $after: String) "
        f"{{ parents: nodes(ids: $ids) {{ {_page(kind)} }} }}"
    )
    ids = [node_id for _, node_id in parents]
    part = Part(timezone.now())
    variables = {"ids": ids, "first": nested.first, "after": None}
    reply = client.graphql(query, variables, partial=True)
    found = reply.data.get("parents")
    if not isinstance(found, list) or len(found) != len(parents):
        raise _no_page(kind, client)
    for place, ((pk, node_id), node) in enumerate(zip(parents, found, strict=True)):
        if not isinstance(node, dict) or not node.get("page"):
            refusal = refusal_at(reply, "parents", place)
            if refusal is not None:
                raise Refused(refusal)
            continue
        _add(kind, account_id, client, part, (pk, node_id), node)
    return part


def _add(
    kind: Derived,
    account_id: int,
    client: InstallationClient,
    part: Part,
    parent: tuple[int, str],
    node: dict[str, Any],
) -> None:
    """Add all that one parent has, of which the first came with it."""
    pk, node_id = parent
    link = {kind.under.key: pk}
    listed = Listed({kind.model.scope: account_id, **link}, part.asked_at)
    items, total = _all(kind, client, node_id, node)
    listed.whole = len(items) == total and all(items)
    for item in filter(None, items):
        try:
            row = {**kind.from_graph(item, account_id), **link}
        except unread.ODD as error:
            part.odd.append(_odd(item, error))
            listed.whole = False
            continue
        part.rows.append(row)
        listed.keys.add(kind.merge.key_of(row))
    part.lists.append(listed)


def _all(
    kind: Derived, client: InstallationClient, node_id: str, node: dict[str, Any]
) -> tuple[list[Any], int]:
    query = (
        "query($id: ID!, $first: Int!, $after: String) "
        f"{{ parent: node(id: $id) {{ {_page(kind)} }} }}"
    )
    items: list[Any] = []
    while True:
        try:
            page = node["page"]
            total, info = int(page["totalCount"]), page["pageInfo"]
            items += page["edges" if _nested(kind).edges else "nodes"]
            more, after = bool(info["hasNextPage"]), info["endCursor"]
        except unread.ODD:
            raise _no_page(kind, client) from None
        if not more:
            return items, total
        variables = {"id": node_id, "first": PAGE, "after": after}
        node = client.graphql(query, variables).data.get("parent") or {}


def _page(kind: Derived) -> str:
    nested = _nested(kind)
    items = "edges" if nested.edges else "nodes"
    return (
        f"... on {kind.parent.graphql_type} {{ "
        f"page: {nested.name}(first: $first, after: $after) {{ totalCount "
        f"pageInfo {{ hasNextPage endCursor }} {items} {{ {kind.node_fields} }} }} }}"
    )


def _nested(kind: Derived) -> Nested:
    how = kind.declared.read
    assert isinstance(how, Nested), f"{kind.name} of an account is read by Rest or Nested"
    return how


def _no_page(kind: Derived, client: InstallationClient) -> GraphQLTooHeavy:
    return GraphQLTooHeavy(
        f"GitHub answered with a page of {kind.name}s that is none",
        installation_id=client.installation_id,
    )


def _odd(item: Any, error: BaseException) -> unread.Unread:
    number = item.get("id") if isinstance(item, dict) else None
    known = number if isinstance(number, int) else None
    return unread.Unread(known, "", f"not as documented: {unread.said(error)}")
