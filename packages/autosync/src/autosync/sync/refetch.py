"""Ask GitHub by node id about rows that clocks cannot decide, until an answer settles them.

See `mirror.doubt`: a row is asked for at once, and once more when no answer can lag any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from autosync.github import GraphQLReply, GraphQLTooHeavy, InstallationClient
from autosync.github.purpose import made_for
from autosync.killpoints import reached
from autosync.kinds import refetched
from autosync.kinds._events import Resource
from autosync.mirror.doubt import in_doubt
from autosync.mirror.keys import rows_of
from autosync.mirror.models import Repository
from autosync.mirror.upsert import Row
from autosync.sync import unread
from autosync.sync.answer import of_unavailable_kinds, store_answer
from autosync.sync.nested_lists import complete_lists, complete_sets
from autosync.sync.paging import Paging
from autosync.sync.single import ask_one_by_one

_MANY = 100  # objects for a point


def any_in_doubt() -> bool:
    """Whether a row of a visible repository is to be asked for now."""
    visible = Repository.visible()
    return any(rows.filter(in_doubt(), repository__in=visible).exists() for rows in _listed_rows())


def installations_in_doubt() -> set[int]:
    """The installations with rows to ask for now."""
    ids: set[int] = set()
    for rows in _listed_rows():
        ids |= set(
            rows.filter(in_doubt()).values_list("repository__installation_id", flat=True).distinct()
        )
    return ids


def _listed_rows() -> Iterator[QuerySet[Any]]:
    for resource in refetched():
        yield resource.merge.model._default_manager.filter(deleted_at__isnull=True)


def refetch_dirty(client: InstallationClient, installation_id: int) -> int:
    """Ask for every row that waits, 100 objects a point; returns rows answered."""
    count = 0
    for resource in refetched():
        if resource.inside:
            count += _refetch_around(resource, client, installation_id)
            continue
        last, [key] = 0, resource.merge.key
        while True:
            waiting = list(
                resource.merge.model._default_manager.filter(
                    in_doubt(),
                    pk__gt=last,  # some stay dirty: see LAG
                    node_id__gt="",
                    repository__installation_id=installation_id,
                    repository__removed_at__isnull=True,
                    repository__deleted_at__isnull=True,
                )
                .order_by("pk")
                .values_list("pk", "node_id", key)[:_MANY]
            )
            if not waiting:
                break
            last = waiting[-1][0]
            dirty = {node_id: known_by for _, node_id, known_by in waiting}
            count += refetch(resource, client, dirty)
    return count


def _refetch_around(resource: Resource, client: InstallationClient, installation_id: int) -> int:
    """Ask for those that carry the rows of `resource` which wait."""
    [(name, link)] = resource.inside.items()
    around = next(one for one in refetched() if one.name == name)
    waiting = resource.merge.model._default_manager.filter(
        in_doubt(),
        deleted_at__isnull=True,
        repository__installation_id=installation_id,
        repository__removed_at__isnull=True,
        repository__deleted_at__isnull=True,
    )
    parents = around.merge.model._default_manager.filter(
        pk__in=waiting.values(link), node_id__gt=""
    )
    return refetch(around, client, dict(parents.values_list("node_id", "pk")))


def refetch(resource: Resource, client: InstallationClient, nodes: Mapping[str, Any]) -> int:
    """Ask for `nodes` (node id → key) and take the answer as the truth; null means gone.

    Not if its repository is null too: the installation sees neither, and both may come back. Such
    a row stays as it is, dirty if it was, to be asked for again, and the repository is in doubt. A
    row that was seen within LAG before stays as well. One that GitHub cannot answer for even alone,
    or that cannot be read, is kept as such (`sync.unread`).
    """
    if resource.rest is not None and resource.rest.newest:
        return 0  # it is in its list, and never changes
    with made_for([resource.name]):
        if resource.rest is not None and resource.rest.one:
            return ask_one_by_one(resource, client, nodes)
        return _refetch_many(resource, client, nodes)


def _refetch_many(resource: Resource, client: InstallationClient, nodes: Mapping[str, int]) -> int:
    count = 0
    paging = _paging(client, resource)
    left = list(nodes.items())
    while left:
        group = dict(left[: paging.size])
        try:
            count += _refetch(resource, client, group)
        except GraphQLTooHeavy as error:
            if len(group) > 1:
                paging.size = len(group)
                paging.too_heavy()
                continue
            _not_answered(resource, client, group, error)
        else:
            if len(group) == paging.size:
                paging.went_well()
        del left[: len(group)]
    return count


# How many a query asks for, by installation and resource, as long as this process lives.
_pagings: dict[tuple[int, str], Paging] = {}


def _paging(client: InstallationClient, resource: Resource) -> Paging:
    return _pagings.setdefault((client.installation_id, resource.name), Paging(_MANY))


def _refetch(resource: Resource, client: InstallationClient, nodes: Mapping[str, Any]) -> int:
    [key] = resource.merge.key
    asked_at = timezone.now()
    query = (
        "query($ids: [ID!]!, $homes: [ID!]!) { nodes(ids: $ids) { ... on "
        f"{resource.graphql_type} {{ {resource.node_fields} repository {{ databaseId }} }} }} "
        "homes: nodes(ids: $homes) { ... on Repository { databaseId } } }"
    )
    ids = [node_id for node_id in nodes if node_id]
    rows_here = rows_of(resource.merge, [(one,) for one in nodes.values()])
    homes = dict(rows_here.values_list("repository", "repository__node_id"))
    variables = {"ids": ids, "homes": list(homes.values())}
    reply = client.graphql(query, variables, partial=True)
    data = reply.data
    found = data.get("nodes")
    if not isinstance(found, list) or len(found) != len(ids):
        # Whatever is not in an answer counts as gone.
        raise GraphQLTooHeavy(
            "GitHub answered with other nodes than were asked for",
            installation_id=client.installation_id,
        )
    complete_lists(resource, client, found)
    there = data.get("homes")
    there = there if isinstance(there, list) else []  # none is then taken for visible
    visible = {home.get("databaseId") for home in there if isinstance(home, dict)}
    answered = dict(zip(ids, found, strict=True))
    rows: list[Row] = []
    odd: list[tuple[int | None, unread.Unread]] = []
    known = dict(rows_here.values_list(key, "repository"))
    for node_id, node in answered.items():
        understood, not_read = unread.understood(resource, [node], None)
        # Where GraphQL shows no number it is the one whose node was asked for.
        rows += [row if key in row else {**row, key: nodes[node_id]} for row in understood]
        # What the answer does not say of it is known here.
        pk = nodes[node_id]
        odd += [
            (home or known.get(pk), unread.Unread(pk, node_id, one.reason))
            for home, one in not_read
        ]
    complete_sets(resource, client, rows)
    absent = {pk for node_id, pk in nodes.items() if not answered.get(node_id)}
    absent -= {nodes[node_id] for node_id in _withheld(reply, ids)}
    absent -= {row[key] for row in rows}  # asked by an older form of its id
    absent -= of_unavailable_kinds(resource, absent)
    reached("refetch: answered, not stored")
    return store_answer(resource, rows, odd, absent, homes.keys() - visible, asked_at)


def _not_answered(
    resource: Resource, client: InstallationClient, node: Mapping[str, Any], error: GraphQLTooHeavy
) -> None:
    """GitHub does not answer for this one alone: if it tells where it is, it is up, and it is this
    object; raises otherwise.
    """
    asked_at = timezone.now()
    query = (
        "query($ids: [ID!]!) { nodes(ids: $ids) { ... on "
        f"{resource.graphql_type} {{ id repository {{ databaseId }} }} }} }}"
    )
    [found] = client.graphql(query, {"ids": list(node)}).data.get("nodes") or [None]
    try:
        home = int((found or {})["repository"]["databaseId"])
    except unread.ODD:
        raise error from None
    [(node_id, key)] = node.items()
    why = f"{unread.NOT_ANSWERED}: {error.what}"
    unread.remember(resource, [(home, unread.Unread(key, node_id, why))])
    # It is asked for again as one that could not be read, not as one in doubt.
    rows_of(resource.merge, [(key,)]).filter(dirty_at__lte=asked_at).update(dirty_at=None)


def _withheld(reply: GraphQLReply, ids: Sequence[str]) -> set[str]:
    """Node ids whose null has another reason than that there is no such object."""
    withheld = set()
    for error in reply.errors:
        path = error.get("path") or []
        if error.get("type") != "NOT_FOUND" and path[:1] == ["nodes"] and len(path) > 1:
            withheld.add(ids[path[1]])
    return withheld
