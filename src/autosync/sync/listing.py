"""Read a listed resource of one repository: backfill, what changed since, what is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from autosync.github import GraphQLTooHeavy, InstallationClient
from autosync.killpoints import reached
from autosync.mirror.models import Repository, ResourceCursor
from autosync.mirror.upsert import Row, Rule, tombstone, upsert
from autosync.resources import RESOURCES
from autosync.resources.base import Listing, Resource
from autosync.sync.due import LAG, audit_soon, list_soon, out_of_sight

PAGE = 100
# The watermark steps back this far, against clocks that differ and lists that lag.
OVERLAP = timedelta(minutes=5)
Progress = Callable[[], None]


def listed_resources() -> list[Resource]:
    """The resources that GraphQL lists per repository."""
    return [r for r in RESOURCES if r.listing is not None]


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


def refetch_dirty(client: InstallationClient, installation_id: int) -> int:
    """Settle every row whose clocks could not decide, 100 objects a point; returns rows settled."""
    count = 0
    for resource in RESOURCES:
        if resource.listing is None:
            continue
        model = resource.merge.model
        last = 0
        while True:
            dirty = dict(
                model._default_manager.filter(
                    pk__gt=last,  # some stay dirty: see LAG
                    dirty_at__isnull=False,
                    node_id__gt="",
                    repository__installation_id=installation_id,
                    repository__removed_at__isnull=True,
                    repository__deleted_at__isnull=True,
                )
                .order_by("pk")
                .values_list("node_id", "pk")[:PAGE]
            )
            if not dirty:
                break
            last = max(dirty.values())
            count += refetch(resource, client, dirty)
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
        result = upsert(resource.merge, fresh, observed_at=asked_at, rule=Rule.VERSIONED)
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
    late = just_seen(resource, absent, started_at)
    if late:
        audit_soon([repository.pk])
    buried = tombstone(resource.merge, list(absent - late), started_at)
    missing = {there[pk]: pk for pk in there.keys() - here}
    count = len(buried)
    for start in range(0, len(missing), PAGE):
        count += refetch(resource, client, dict(list(missing.items())[start : start + PAGE]))
    return count


def refetch(resource: Resource, client: InstallationClient, nodes: Mapping[str, int]) -> int:
    """Ask for `nodes` (node id → our id) and take the answer as the truth; null means gone.

    Not if its repository is null too: the installation sees neither, and both may come back. Such
    a row stays as it is, dirty if it was, to be asked for again, and the repository is in doubt. A
    row that was seen within LAG before stays as well.
    """
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
    try:
        data = client.graphql(query, variables).data
    except GraphQLTooHeavy:
        if len(nodes) == 1:
            raise
        items = list(nodes.items())
        middle = len(items) // 2
        return refetch(resource, client, dict(items[:middle])) + refetch(
            resource, client, dict(items[middle:])
        )
    found = data.get("nodes") or []
    rows: list[Row] = [
        listing.normalise(node, node["repository"]["databaseId"]) for node in found if node
    ]
    visible = {home["databaseId"] for home in data.get("homes") or [] if home}
    seen = {node["id"] for node in found if node}
    reached("refetch: answered, not stored")
    with transaction.atomic():
        upsert(resource.merge, rows, observed_at=asked_at, rule=Rule.AUTHORITATIVE)
        absent = {pk for node_id, pk in nodes.items() if node_id not in seen}
        hidden = homes.keys() - visible
        list_soon(hidden)
        late = just_seen(resource, absent, asked_at) | set(
            rows_here.filter(pk__in=absent, repository__in=hidden).values_list("pk", flat=True)
        )
        tombstone(resource.merge, list(absent - late), asked_at)
        # An answer equal to the row changes nothing, and settles it all the same.
        resource.merge.model._default_manager.filter(
            pk__in=set(nodes.values()) - late, observed_at__lte=asked_at
        ).update(dirty_at=None)
    return len(rows) + len(absent - late)


def just_seen(resource: Resource, absent: Set[int], asked_at: datetime) -> set[int]:
    """Those of `absent` in an answer that were seen within LAG before it was asked for."""
    rows = resource.merge.model._default_manager.filter(
        pk__in=absent, observed_at__gte=asked_at - LAG
    )
    return set(rows.values_list("pk", flat=True))


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
