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
from autosync.mirror.upsert import Row, Rule, tombstone
from autosync.resources.base import Listing, Resource
from autosync.sync import unread
from autosync.sync.due import audit_soon, out_of_sight
from autosync.sync.paging import Paging
from autosync.sync.refetch import just_seen, lock_names, mark_renamed, refetch
from autosync.sync.whole import complete

PAGE = 100
IDS = "id fullDatabaseId"
# The watermark steps back this far, against clocks that differ and lists that lag.
OVERLAP = timedelta(minutes=5)
Progress = Callable[[], None]


def sync_listing(
    resource: Resource, repository: Repository, client: InstallationClient, progress: Progress
) -> int:
    """Backfill what was never read, else read what changed since the watermark; rows changed."""
    assert resource.listing is not None
    cursor, _ = ResourceCursor.objects.get_or_create(repository=repository, resource=resource.name)
    started_at = timezone.now()
    if cursor.backfilled_at is None:
        count, total = _backfill(resource, resource.listing, repository, client, cursor, progress)
    else:
        count, total = _catch_up(resource, resource.listing, repository, client, cursor)
    count += refetch(resource, client, unread.found_since(resource, repository, started_at))
    if total != unread.accounted(resource, repository):
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
        rows, odd = unread.understood(resource, page["nodes"], repository.pk)
        total = page["totalCount"]
        info = page["pageInfo"]
        reached("import: page read, not stored")
        with transaction.atomic():
            result, refused = unread.store(
                resource.merge, rows, observed_at=asked_at, rule=Rule.VERSIONED
            )
            _remember(resource, repository, rows, page, [*odd, *refused])
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
        rows, odd = unread.understood(resource, page["nodes"], repository.pk)
        fresh = [row for row in rows if row["updated_at"] >= cursor.watermark]
        with transaction.atomic():
            lock_names({repository.pk})
            result, refused = unread.store(
                resource.merge, fresh, observed_at=asked_at, rule=Rule.VERSIONED
            )
            _remember(resource, repository, fresh, page, [*odd, *refused])
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
    whole = True
    for asked_at, page in pages(listing.connection, repository, client, order, IDS, ""):
        started_at = started_at or asked_at
        for one in (unread.of_node(node, "") for node in page["nodes"]):
            if one.key is None:
                whole = False  # whichever it is, it is there
            else:
                there[one.key] = one.node_id
    rows = resource.merge.model._default_manager.filter(repository=repository)
    here = set(rows.filter(deleted_at__isnull=True).values_list("pk", flat=True))
    assert started_at is not None
    reached("reconcile: ids listed, nothing buried")
    absent = here - there.keys()
    late = just_seen(resource.merge, absent, started_at) if whole else absent
    if late:
        audit_soon([repository.pk])
    buried = tombstone(resource.merge, list(absent - late), started_at)
    if whole:
        unread.forget_absent(resource, repository, there)
    # What was tried just now is not tried again because the counts differ.
    missing = {there[pk]: pk for pk in there.keys() - here - unread.keys(resource, repository)}
    count = len(buried)
    for start in range(0, len(missing), PAGE):
        count += refetch(resource, client, dict(list(missing.items())[start : start + PAGE]))
    return count


def _remember(
    resource: Resource,
    repository: Repository,
    rows: list[Row],
    page: dict[str, Any],
    odd: list[tuple[int | None, unread.Unread]],
) -> None:
    unread.forget(resource, rows)
    unread.remember(resource, [*odd, *((repository.pk, one) for one in page["unread"])])


def pages(
    connection: str,
    repository: Repository,
    client: InstallationClient,
    arguments: str,
    fields: str,
    after: str,
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """A connection's pages with the moment each was asked for; smaller while too heavy.

    `unread` of a page is the object that GitHub cannot answer for even alone: the list goes on
    behind it.
    """
    ids_only = fields == IDS
    paging = Paging(PAGE, repository.pk, f"{connection}{' ids' if ids_only else ''}")
    while True:
        asked_at = timezone.now()
        try:
            page = _page(connection, repository, client, arguments, fields, paging.size, after)
        except GraphQLTooHeavy:
            if paging.too_heavy():
                continue
            if ids_only:
                raise
            page = _alone(connection, repository, client, arguments, fields, after)
            paging.was_one_object()
        else:
            paging.went_well()
        yield asked_at, page
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def _alone(
    connection: str,
    repository: Repository,
    client: InstallationClient,
    arguments: str,
    fields: str,
    after: str,
) -> dict[str, Any]:
    """The page of an object that GitHub did not answer for even alone. If it tells the id and still
    not the fields, it is this object; if it tells no id, it is an outage, which is raised.
    """
    page = _page(connection, repository, client, arguments, IDS, 1, after)
    try:
        return _page(connection, repository, client, arguments, fields, 1, after)
    except GraphQLTooHeavy as error:
        why = f"{unread.NOT_ANSWERED}: {error.what}"
    page["unread"] = [unread.of_node(node, why) for node in page["nodes"] if node]
    page["nodes"] = []
    return page


def _page(
    connection: str,
    repository: Repository,
    client: InstallationClient,
    arguments: str,
    fields: str,
    size: int,
    after: str,
) -> dict[str, Any]:
    query = (
        "query($id: ID!, $first: Int!, $after: String) { node(id: $id) { ... on Repository {"
        f"page: {connection}(first: $first, after: $after, {arguments}) {{"
        f"totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ {fields} }} }} }} }} }}"
    )
    variables = {"id": repository.node_id, "first": size, "after": after or None}
    node = client.graphql(query, variables).data.get("node")
    if not node:
        # Never take this for an empty list: a sweep would bury everything.
        raise out_of_sight(repository)
    try:
        found, info = node["page"], node["page"]["pageInfo"]
        page: dict[str, Any] = {
            "totalCount": int(found["totalCount"]),
            "pageInfo": {"hasNextPage": bool(info["hasNextPage"]), "endCursor": info["endCursor"]},
            "nodes": list(found["nodes"]),
            "unread": [],
        }
    except unread.ODD:
        raise _no_page(connection, repository) from None
    if page["pageInfo"]["hasNextPage"] and not isinstance(info["endCursor"], str):
        raise _no_page(connection, repository)
    return page


def _no_page(connection: str, repository: Repository) -> GraphQLTooHeavy:
    return GraphQLTooHeavy(
        f"GitHub answered with a page of {connection} that is none",
        installation_id=repository.installation_id,
    )


def _total(listing: Listing, repository: Repository, client: InstallationClient) -> int:
    """How many there are in all; a filtered connection counts only what it lets through."""
    query = (
        "query($id: ID!) { node(id: $id) { ... on Repository { page: "
        f"{listing.connection} {{ totalCount }} }} }} }}"
    )
    node = client.graphql(query, {"id": repository.node_id}).data.get("node")
    if not node:
        raise out_of_sight(repository)
    try:
        return int(node["page"]["totalCount"])
    except unread.ODD:
        raise _no_page(listing.connection, repository) from None
