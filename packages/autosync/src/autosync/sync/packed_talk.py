"""What belongs to numbered objects that count it, such as comments: of many repositories at once.

REST has one list of these a repository, which costs a request each. The connection on each object
costs a point for a hundred objects, whatever repositories they are of; those without any are not
asked.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from autosync.errors import AutoSyncError
from autosync.github import InstallationClient
from autosync.github.purpose import made_for
from autosync.killpoints import reached
from autosync.kinds import KINDS, listed_resources
from autosync.kinds._events import Resource, Under
from autosync.mirror.doubt import lock_repositories
from autosync.mirror.models import Repository, ResourceCursor
from autosync.mirror.upsert import Row
from autosync.sync import packed, unread
from autosync.sync.listing import PAGE
from autosync.sync.rest_listing import store_rows

logger = logging.getLogger(__name__)


def read(client: InstallationClient, repositories: Iterable[Repository], done: packed.Read) -> None:
    """Read these of the repositories where all that they could belong to is read."""
    ids = {one.pk for one in repositories}
    for resource in listed_resources():
        under = resource.under
        if under is None or not under.counted or resource.rest is None:
            continue
        gives = KINDS[resource.name].gives
        parents = packed.parents_of(under)
        names = {one.name for one in parents}
        wanted = {pk for pk in ids if names <= done.done[pk] and resource.name not in done.done[pk]}
        if len(parents) < len(under.parents) or not gives["rest_list"] <= gives["graphql"]:
            continue
        try:
            _read(client, resource, under, parents, wanted, done)
        except packed.OF_ALL:
            raise
        except AutoSyncError as error:
            logger.info("%ss are read by repository: %s", resource.name, error)


def _read(
    client: InstallationClient,
    resource: Resource,
    under: Under,
    parents: Iterable[Resource],
    repository_ids: Collection[int],
    done: packed.Read,
) -> None:
    begun = ResourceCursor.objects.filter(
        repository__in=repository_ids, resource=resource.name
    ).values_list("repository", flat=True)
    left = set(repository_ids) - set(begun)
    started_at = timezone.now()
    totals: Counter[int] = Counter(dict.fromkeys(left, 0))
    for parent in parents:
        rows = packed.having(under, parent, left).order_by("pk")
        listed = list(rows.values_list("node_id", "repository"))
        for start in range(0, len(listed), PAGE):
            group = listed[start : start + PAGE]
            found, whole = _ask(client, resource, under, parent, group)
            left -= {home for node, home in group if node not in whole}
            for node, home in group:
                totals[home] += whole.get(node, 0)
            _store(resource, found, {home for _, home in group}, started_at)
    here = packed.alive(resource, left)
    complete = [pk for pk in sorted(left) if here.get(pk, 0) == totals[pk]]
    packed.save(packed.complete(resource, pk, totals[pk], started_at) for pk in complete)
    for pk in complete:
        done.done[pk].add(resource.name)


def _ask(
    client: InstallationClient,
    resource: Resource,
    under: Under,
    parent: Resource,
    asked: Collection[tuple[str, int]],
) -> tuple[list[Row], Mapping[str, int]]:
    """Rows, and of which parents all could be read, with how many these are."""
    column: Any = parent.merge.model._meta.get_field(under.counted)
    connection = column.graph.partition(".")[0]
    query = (
        f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {parent.graphql_type} {{ id "
        f"{connection}(first: {PAGE}) {{ totalCount pageInfo {{ hasNextPage }} "
        f"nodes {{ {resource.node_fields} }} }} }} }} }}"
    )
    with made_for([resource.name]):
        reply = client.graphql(query, {"ids": [node for node, _ in asked]}, partial=True)
    homes, rows, whole = dict(asked), list[Row](), dict[str, int]()
    for node in reply.data.get("nodes") or ():
        if not isinstance(node, dict) or node.get("id") not in homes:
            continue
        listed = packed.whole(node.get(connection), "nodes")
        if listed is None:
            continue
        some, odd = unread.understood(resource, listed, homes[node["id"]])
        if not odd:
            rows += some
            whole[node["id"]] = len(some)
    return rows, whole


def _store(resource: Resource, rows: list[Row], homes: set[int], asked_at: datetime) -> None:
    reached("import: page read, not stored")
    with transaction.atomic():
        lock_repositories(homes)
        store_rows(resource, rows, [], asked_at)
        reached("import: page stored, not committed")
    reached("import: page committed")
