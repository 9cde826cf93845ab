"""Ask GitHub by node id about rows that clocks cannot decide, until an answer settles them.

See `mirror.doubt`: a row is asked for at once, and once more when no answer can lag any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from autosync.github import GraphQLReply, GraphQLTooHeavy, InstallationClient
from autosync.killpoints import reached
from autosync.kinds import listed_resources
from autosync.kinds._events import Resource
from autosync.mirror.doubt import (
    LAG,
    in_doubt,
    just_seen,
    list_soon,
    lock_repositories,
    mark_renamed,
)
from autosync.mirror.models import Repository, ResourceCursor
from autosync.mirror.upsert import Row, Rule, tombstone
from autosync.sync import unread
from autosync.sync.nested_lists import complete_lists
from autosync.sync.paging import Paging

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
    for resource in listed_resources():
        yield resource.merge.model._default_manager.filter(deleted_at__isnull=True)


def refetch_dirty(client: InstallationClient, installation_id: int) -> int:
    """Ask for every row that waits, 100 objects a point; returns rows answered."""
    count = 0
    for resource in listed_resources():
        last = 0
        while True:
            dirty = dict(
                resource.merge.model._default_manager.filter(
                    in_doubt(),
                    pk__gt=last,  # some stay dirty: see LAG
                    node_id__gt="",
                    repository__installation_id=installation_id,
                    repository__removed_at__isnull=True,
                    repository__deleted_at__isnull=True,
                )
                .order_by("pk")
                .values_list("node_id", "pk")[:_MANY]
            )
            if not dirty:
                break
            last = max(dirty.values())
            count += refetch(resource, client, dirty)
    return count


def refetch(resource: Resource, client: InstallationClient, nodes: Mapping[str, int]) -> int:
    """Ask for `nodes` (node id → our id) and take the answer as the truth; null means gone.

    Not if its repository is null too: the installation sees neither, and both may come back. Such
    a row stays as it is, dirty if it was, to be asked for again, and the repository is in doubt. A
    row that was seen within LAG before stays as well. One that GitHub cannot answer for even alone,
    or that cannot be read, is kept as such (`sync.unread`).
    """
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


def _refetch(resource: Resource, client: InstallationClient, nodes: Mapping[str, int]) -> int:
    listing = resource.listing
    assert listing is not None
    asked_at = timezone.now()
    query = (
        "query($ids: [ID!]!, $homes: [ID!]!) { nodes(ids: $ids) { ... on "
        f"{resource.graphql_type} {{ {listing.node_fields} repository {{ databaseId }} }} }} "
        "homes: nodes(ids: $homes) { ... on Repository { databaseId } } }"
    )
    ids = [node_id for node_id in nodes if node_id]
    rows_here = resource.merge.model._default_manager.filter(pk__in=nodes.values())
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
    known = dict(rows_here.values_list("pk", "repository"))
    for node_id, node in answered.items():
        understood, not_read = unread.understood(resource, [node], None)
        rows += understood
        # What the answer does not say of it is known here.
        pk = nodes[node_id]
        odd += [
            (home or known.get(pk), unread.Unread(pk, node_id, one.reason))
            for home, one in not_read
        ]
    absent = {pk for node_id, pk in nodes.items() if not answered.get(node_id)}
    absent -= {nodes[node_id] for node_id in _withheld(reply, ids)}
    absent -= {row[resource.merge.key[0]] for row in rows}  # asked by an older form of its id
    absent -= _of_unavailable_kinds(resource, absent)
    reached("refetch: answered, not stored")
    return store_answer(resource, rows, odd, absent, homes.keys() - visible, asked_at)


def _not_answered(
    resource: Resource, client: InstallationClient, node: Mapping[str, int], error: GraphQLTooHeavy
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
    [(node_id, pk)] = node.items()
    why = f"{unread.NOT_ANSWERED}: {error.what}"
    unread.remember(resource, [(home, unread.Unread(pk, node_id, why))])
    # It is asked for again as one that could not be read, not as one in doubt.
    here = resource.merge.model._default_manager
    here.filter(pk=pk, dirty_at__lte=asked_at).update(dirty_at=None)


def _withheld(reply: GraphQLReply, ids: Sequence[str]) -> set[str]:
    """Node ids whose null has another reason than that there is no such object."""
    withheld = set()
    for error in reply.errors:
        path = error.get("path") or []
        if error.get("type") != "NOT_FOUND" and path[:1] == ["nodes"] and len(path) > 1:
            withheld.add(ids[path[1]])
    return withheld


def _of_unavailable_kinds(resource: Resource, absent: Set[int]) -> set[int]:
    """Those of `absent` whose kind their repository does not show, which is no word about them."""
    rows = resource.merge.model._default_manager.filter(pk__in=absent)
    off = Q(
        repository__in=ResourceCursor.objects.filter(resource=resource.name)
        .exclude(unavailable="")
        .values("repository")
    )
    if resource.listing is not None and resource.listing.switch:
        off |= Q(**{f"repository__{resource.listing.switch}": False})
    return set(rows.filter(off).values_list("pk", flat=True)) if absent else set()


def store_answer(
    resource: Resource,
    rows: list[Row],
    odd: Sequence[tuple[int | None, unread.Unread]],
    absent: Set[int],
    hidden: Set[int],
    asked_at: datetime,
) -> int:
    """Store what is there, delete what is `absent` (but for what `hidden` repositories hold), name
    what is `odd`; returns how many rows the answer was about.
    """
    merge = resource.merge
    here = merge.model._default_manager
    with transaction.atomic():
        lock_repositories({row["repository_id"] for row in rows})
        result, refused = unread.store(
            merge, rows, observed_at=asked_at, rule=Rule.AUTHORITATIVE, lag=LAG
        )
        unread.forget(resource, rows)
        not_read = [*odd, *refused]
        unread.remember(resource, not_read)
        here.filter(pk__in=[one.key for _, one in not_read], dirty_at__lte=asked_at).update(
            dirty_at=None
        )
        mark_renamed(merge, result.changed, asked_at)
        list_soon(hidden)
        late = just_seen(merge, absent, asked_at) | set(
            here.filter(pk__in=absent, repository__in=hidden).values_list("pk", flat=True)
        )
        tombstone(merge, list(absent - late), asked_at)
        settled = here.filter(pk__in={row[merge.key[0]] for row in rows} | (absent - late))
        # An answer equal to the row changes nothing, and may settle it all the same.
        settled.filter(dirty_at__lte=asked_at - LAG).update(dirty_at=None)
        settled.filter(dirty_at__isnull=False, observed_at__lt=asked_at).update(
            observed_at=asked_at
        )
    return len(rows) + len(absent - late)
