"""Read a listed resource of one repository: backfill, what changed since, what is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from autosync.github import GraphQLReply, GraphQLTooHeavy, InstallationClient
from autosync.killpoints import reached
from autosync.mirror.models import Repository, ResourceCursor
from autosync.mirror.upsert import Rule, tombstone, upsert
from autosync.resources.base import Listing, Resource
from autosync.resources.repository import MERGE as REPOSITORY
from autosync.resources.repository import row_from_rest as repository_row
from autosync.sync.due import audit_soon, out_of_sight
from autosync.sync.refetch import just_seen, lock_names, mark_renamed, refetch
from autosync.sync.refusals import Refusal, Refused, refusal_at, switched_off

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
    """The counts differ: list the ids alone, delete what is gone, fetch what was never seen.

    What the list lacks is asked for by its id before it is called gone, and an empty list whether
    its kind is switched off: lists of GitHub come back empty at times (max-sixty/tend#345).
    """
    listing = resource.listing
    assert listing is not None
    order = "orderBy: {field: CREATED_AT, direction: ASC}"
    there: dict[int, str] = {}
    total, started_at = 0, None
    for asked_at, page in pages(
        listing.connection, repository, client, order, "id fullDatabaseId", ""
    ):
        started_at = started_at or asked_at
        total = page["totalCount"]
        there |= {int(n["fullDatabaseId"]): n["id"] for n in page["nodes"] if n}
    if not there:
        ask_whether_on(resource, repository, client)
    rows = resource.merge.model._default_manager.filter(repository=repository)
    here = set(rows.filter(deleted_at__isnull=True).values_list("pk", flat=True))
    assert started_at is not None
    reached("reconcile: ids listed, nothing buried")
    absent = here - there.keys()
    late = just_seen(resource.merge, absent, started_at)
    if late:
        audit_soon([repository.pk])
    nodes = dict(rows.filter(pk__in=absent - late).values_list("pk", "node_id"))
    nameless = [pk for pk, node_id in nodes.items() if not node_id] if len(there) == total else []
    count = len(tombstone(resource.merge, nameless, started_at))
    for group in _groups({node_id: pk for pk, node_id in nodes.items() if node_id}):
        count += refetch(resource, client, group)
        if not rows.filter(pk__in=group.values(), deleted_at__isnull=False).exists():
            break  # all are there: the list was wrong, and need not be proven so for each
    for group in _groups({there[pk]: pk for pk in there.keys() - here}):
        count += refetch(resource, client, group)
    return count


def _groups(nodes: dict[str, int]) -> Iterator[dict[str, int]]:
    items = list(nodes.items())
    for start in range(0, len(items), PAGE):
        yield dict(items[start : start + PAGE])


def ask_whether_on(resource: Resource, repository: Repository, client: InstallationClient) -> None:
    """Refused if the owner has switched this kind off; one request."""
    listing = resource.listing
    if listing is None or not listing.switch:
        return
    asked_at = timezone.now()
    reply = client.get(f"/repositories/{repository.pk}")
    document = repository_row(msgspec.json.decode(reply.content), repository.installation_id)
    upsert(REPOSITORY, [document], observed_at=asked_at, rule=Rule.AUTHORITATIVE)
    setattr(repository, listing.switch, document[listing.switch])
    refusal = switched_off(resource, repository)
    if refusal is not None:
        raise Refused(refusal)


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
            reply = client.graphql(query, variables, partial=True)
        except GraphQLTooHeavy:
            if size == 1:
                raise
            size = max(size // 2, 1)
            continue
        page = _shown(reply, repository)
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
    reply = client.graphql(query, {"id": repository.node_id}, partial=True)
    return int(_shown(reply, repository)["totalCount"])


def _shown(reply: GraphQLReply, repository: Repository) -> dict[str, Any]:
    """The `page` of a `node`. Its absence is no empty list: a sweep would then delete all."""
    node = reply.data.get("node")
    if node and node.get("page") is not None:
        page: dict[str, Any] = node["page"]
        return page
    refusal = refusal_at(reply, "node")
    if refusal is None and node:
        refusal = Refusal("refused", "GitHub gave no list, and no reason.")
    if refusal is not None:
        raise Refused(refusal)
    raise out_of_sight(repository)
