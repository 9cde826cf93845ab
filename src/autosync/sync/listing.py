"""Read a listed resource of one repository: backfill, what changed since, what is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from autosync.github import GraphQLTooHeavy, InstallationClient
from autosync.killpoints import reached
from autosync.mirror.models import Repository, ResourceCursor
from autosync.mirror.upsert import Rule, tombstone, upsert
from autosync.resources.base import Listing, Resource
from autosync.sync.due import audit_soon, out_of_sight
from autosync.sync.refetch import just_seen, lock_names, mark_renamed, refetch
from autosync.sync.whole import complete

PAGE = 100
# The watermark steps back this far, against clocks that differ and lists that lag.
OVERLAP = timedelta(minutes=5)
Progress = Callable[[], None]


def sync_listing(
    resource: Resource, repository: Repository, client: InstallationClient, progress: Progress
) -> int:
    """Backfill what was never read, else read what changed since the watermark; rows changed."""
    assert resource.listing is not None
    cursor, _ = ResourceCursor.objects.get_or_create(repository=repository, resource=resource.name)
    if cursor.backfilled_at is None:
        count, total = _backfill(resource, resource.listing, repository, client, cursor, progress)
    else:
        count, total = _catch_up(resource, resource.listing, repository, client, cursor)
    here = alive(resource, repository)
    if total != here:
        count += _sweep(resource, repository, client)
        here = alive(resource, repository)
    cursor.total = cursor.done = here
    cursor.state = ResourceCursor.State.COMPLETE
    cursor.error = ""
    cursor.save()
    return count


def alive(resource: Resource, repository: Repository) -> int:
    return resource.merge.model._default_manager.filter(
        repository=repository, deleted_at__isnull=True
    ).count()


def _backfill(
    resource: Resource,
    listing: Listing,
    repository: Repository,
    client: InstallationClient,
    cursor: ResourceCursor,
    progress: Progress,
) -> tuple[int, int]:
    """Read everything in creation order, committing every page with its cursor."""
    if cursor.backfill_started_at is None or not cursor.cursor:
        cursor.backfill_started_at = timezone.now()
        cursor.done = 0
    cursor.state = ResourceCursor.State.RUNNING
    cursor.save()
    count = total = 0
    order = "orderBy: {field: CREATED_AT, direction: ASC}"
    for asked_at, page in pages(
        listing.connection, repository, client, order, listing.node_fields, cursor.cursor
    ):
        complete(resource, client, page["nodes"])
        rows = [listing.normalise(node, repository.pk) for node in page["nodes"] if node]
        total = page["totalCount"]
        info = page["pageInfo"]
        reached("import: page read, not stored")
        with transaction.atomic():
            result = upsert(resource.merge, rows, observed_at=asked_at, rule=Rule.VERSIONED)
            cursor.done += len(rows)
            cursor.total = total
            cursor.cursor = info["endCursor"] or "" if info["hasNextPage"] else ""
            if not info["hasNextPage"]:
                cursor.backfilled_at = timezone.now()
                cursor.watermark = cursor.backfill_started_at - OVERLAP
            cursor.save()
            progress()
            reached("import: page stored, not committed")
        reached("import: page committed")
        count += len(result.changed)
    return count, total


def _catch_up(
    resource: Resource,
    listing: Listing,
    repository: Repository,
    client: InstallationClient,
    cursor: ResourceCursor,
) -> tuple[int, int]:
    """Read what GitHub changed since the watermark.

    With a `since` filter oldest first; otherwise newest first down to the watermark. An object
    that moves while pages are read moves to the front: its change is later than our start, so
    the next run reads it.
    """
    assert cursor.watermark is not None
    started_at = timezone.now()
    cursor.state = ResourceCursor.State.RUNNING
    cursor.save()
    if listing.since:
        since = cursor.watermark.isoformat().replace("+00:00", "Z")
        order = f'orderBy: {{field: UPDATED_AT, direction: ASC}}, filterBy: {{since: "{since}"}}'
    else:
        order = "orderBy: {field: UPDATED_AT, direction: DESC}"
    count = 0
    for asked_at, page in pages(
        listing.connection, repository, client, order, listing.node_fields, ""
    ):
        complete(resource, client, page["nodes"])
        rows = [listing.normalise(node, repository.pk) for node in page["nodes"] if node]
        fresh = [row for row in rows if row["updated_at"] >= cursor.watermark]
        with transaction.atomic():
            lock_names({repository.pk})
            result = upsert(resource.merge, fresh, observed_at=asked_at, rule=Rule.VERSIONED)
            mark_renamed(resource.merge, result.changed, asked_at)
        count += len(result.changed)
        reached("reconcile: page of changes stored, watermark not moved")
        if len(fresh) < len(rows):
            break
    total = _total(listing, repository, client) if listing.since else page["totalCount"]
    cursor.watermark = started_at - OVERLAP
    return count, total


def _sweep(resource: Resource, repository: Repository, client: InstallationClient) -> int:
    """The counts differ: list the ids alone, bury what is gone, fetch what was never seen."""
    listing = resource.listing
    assert listing is not None
    order = "orderBy: {field: CREATED_AT, direction: ASC}"
    there: dict[int, str] = {}
    started_at = None
    for asked_at, page in pages(
        listing.connection, repository, client, order, "id fullDatabaseId", ""
    ):
        started_at = started_at or asked_at
        there |= {int(n["fullDatabaseId"]): n["id"] for n in page["nodes"] if n}
    rows = resource.merge.model._default_manager.filter(repository=repository)
    here = set(rows.filter(deleted_at__isnull=True).values_list("pk", flat=True))
    assert started_at is not None
    reached("reconcile: ids listed, nothing buried")
    absent = here - there.keys()
    late = just_seen(resource.merge, absent, started_at)
    if late:
        audit_soon([repository.pk])
    buried = tombstone(resource.merge, list(absent - late), started_at)
    missing = {there[pk]: pk for pk in there.keys() - here}
    count = len(buried)
    for start in range(0, len(missing), PAGE):
        count += refetch(resource, client, dict(list(missing.items())[start : start + PAGE]))
    return count


def pages(
    connection: str,
    repository: Repository,
    client: InstallationClient,
    arguments: str,
    fields: str,
    after: str,
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """A connection's pages with the moment each was asked for; halved while too heavy."""
    size = PAGE
    while True:
        query = (
            "query($id: ID!, $first: Int!, $after: String) { node(id: $id) { ... on Repository {"
            f"page: {connection}(first: $first, after: $after, {arguments}) {{"
            f"totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ {fields} }} }} }} }} }}"
        )
        asked_at = timezone.now()
        variables = {"id": repository.node_id, "first": size, "after": after or None}
        try:
            node = client.graphql(query, variables).data.get("node")
        except GraphQLTooHeavy:
            if size == 1:
                raise
            size = max(size // 2, 1)
            continue
        if not node:
            # Never take this for an empty list: a sweep would bury everything.
            raise out_of_sight(repository)
        page = node["page"]
        yield asked_at, page
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]
        size = min(PAGE, size * 2)


def _total(listing: Listing, repository: Repository, client: InstallationClient) -> int:
    """How many there are in all; a filtered connection counts only what it lets through."""
    query = (
        "query($id: ID!) { node(id: $id) { ... on Repository { page: "
        f"{listing.connection} {{ totalCount }} }} }} }}"
    )
    node = client.graphql(query, {"id": repository.node_id}).data.get("node")
    if not node:
        raise out_of_sight(repository)
    return int(node["page"]["totalCount"])
