"""Read a listed resource of one repository: backfill, what changed since, what is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from autosync.github import GraphQLReply, GraphQLTooHeavy, InstallationClient
from autosync.killpoints import reached
from autosync.kinds._events import Listing, Resource
from autosync.kinds.repository import MERGE as REPOSITORY
from autosync.kinds.repository import row_from_rest as repository_row
from autosync.mirror.doubt import audit_soon, just_seen, lock_repositories, mark_renamed
from autosync.mirror.models import Repository, ResourceCursor
from autosync.mirror.upsert import Row, Rule, upsert
from autosync.sync import unread
from autosync.sync.gone import delete
from autosync.sync.nested_lists import complete_lists, complete_sets
from autosync.sync.paging import Paging
from autosync.sync.refetch import refetch
from autosync.sync.refusals import Refused, out_of_sight, refusal_at, switched_off

PAGE = 100
IDS = "id fullDatabaseId"
# The watermark steps back this far, against clocks that differ and lists that lag.
OVERLAP = timedelta(minutes=5)
Progress = Callable[[], None]
Odd = list[tuple[int | None, unread.Unread]]


@dataclass
class Batch:
    """A page of a first reading, understood. `following`: where the next one is, "" after the last.
    `total`: how many there are in all, if the page says it. `again`: what follows has them again.
    """

    asked_at: datetime
    rows: list[Row]
    odd: Odd
    following: str
    total: int | None
    again: bool = False


# From a cursor on.
Batches = Callable[[Resource, Repository, InstallationClient, str], Iterator[Batch]]


def sync_listing(
    resource: Resource,
    repository: Repository,
    client: InstallationClient,
    progress: Progress,
    batches: Batches,
) -> int:
    """Backfill what was never read, by `batches`, else read what changed since the watermark; rows
    changed.
    """
    assert resource.listing is not None
    cursor, _ = ResourceCursor.objects.get_or_create(repository=repository, resource=resource.name)
    started_at = timezone.now()
    if cursor.backfilled_at is None:
        count, total = _backfill(resource, repository, client, cursor, progress, batches)
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
    repository: Repository,
    client: InstallationClient,
    cursor: ResourceCursor,
    progress: Progress,
    batches: Batches,
) -> tuple[int, int]:
    """Read everything, committing every page with its cursor."""
    assert resource.listing is not None
    if cursor.backfill_started_at is None or not cursor.cursor:
        cursor.backfill_started_at = timezone.now()
        cursor.done = 0
    cursor.state = ResourceCursor.State.RUNNING
    cursor.save()
    count, total = 0, None
    for batch in batches(resource, repository, client, cursor.cursor):
        total = batch.total
        reached("import: page read, not stored")
        with transaction.atomic():
            result, refused = unread.store(
                resource.merge, batch.rows, observed_at=batch.asked_at, rule=Rule.VERSIONED
            )
            _remember(resource, batch.rows, [*batch.odd, *refused])
            cursor.done += 0 if batch.again else len(batch.rows)
            if total is not None:
                cursor.total = total
            cursor.cursor = batch.following
            if not batch.following:
                cursor.backfilled_at = timezone.now()
                cursor.watermark = cursor.backfill_started_at - OVERLAP
            cursor.save()
            progress()
            reached("import: page stored, not committed")
        reached("import: page committed")
        count += len(result.changed)
    return count, _total(resource.listing, repository, client) if total is None else total


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
    # A filtered connection counts only what it lets through.
    all_of_it = listing.connection if listing.since else ""
    count = 0
    for asked_at, page in pages(
        listing.connection, repository, client, order, listing.node_fields, "", beside=all_of_it
    ):
        complete_lists(resource, client, page["nodes"])
        rows, odd = unread.understood(resource, page["nodes"], repository.pk)
        complete_sets(resource, client, rows)
        fresh = [row for row in rows if row["updated_at"] >= cursor.watermark]
        with transaction.atomic():
            count += store_changes(resource, repository, fresh, page, odd, asked_at)
        reached("reconcile: page of changes stored, watermark not moved")
        if len(fresh) < len(rows):
            break
    total = page["beside"] if listing.since else page["totalCount"]
    if total is None:
        total = _total(listing, repository, client)
    cursor.watermark = started_at - OVERLAP
    return count, total


def store_changes(
    resource: Resource,
    repository: Repository,
    rows: list[Row],
    page: dict[str, Any],
    odd: list[tuple[int | None, unread.Unread]],
    asked_at: datetime,
) -> int:
    """Store rows of a page, in the caller's transaction; rows changed."""
    lock_repositories({repository.pk})
    result, refused = unread.store(resource.merge, rows, observed_at=asked_at, rule=Rule.VERSIONED)
    odd = [*odd, *((repository.pk, one) for one in page["unread"])]
    _remember(resource, rows, [*odd, *refused])
    mark_renamed(resource.merge, result.changed, asked_at)
    return len(result.changed)


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
    whole = True
    for asked_at, page in pages(listing.connection, repository, client, order, IDS, ""):
        started_at = started_at or asked_at
        total = page["totalCount"]
        for one in (unread.of_node(node, "") for node in page["nodes"]):
            if one.key is None:
                whole = False  # whichever it is, it is there
            else:
                there[one.key] = one.node_id
    if not there:
        ask_whether_on(resource, repository, client)
    rows = resource.merge.model._default_manager.filter(repository=repository)
    here = set(rows.filter(deleted_at__isnull=True).values_list("pk", flat=True))
    assert started_at is not None
    reached("reconcile: ids listed, nothing deleted")
    absent = here - there.keys()
    late = just_seen(resource.merge, absent, started_at) if whole else absent
    if late:
        audit_soon([repository.pk])
    nodes = dict(rows.filter(pk__in=absent - late).values_list("pk", "node_id"))
    nameless = [pk for pk, node_id in nodes.items() if not node_id] if len(there) == total else []
    count = len(delete(resource.merge, nameless, started_at)[resource.merge.table])
    for group in groups({node_id: pk for pk, node_id in nodes.items() if node_id}):
        count += refetch(resource, client, group)
        if not rows.filter(pk__in=group.values(), deleted_at__isnull=False).exists():
            break  # all are there: the list was wrong, and need not be proven so for each
    if whole and len(there) == total:
        unread.forget_absent(resource, repository, there)
    # What was tried just now is not tried again because the counts differ.
    missing = there.keys() - here - unread.keys(resource, repository)
    for group in groups({there[pk]: pk for pk in missing}):
        count += refetch(resource, client, group)
    return count


def groups(nodes: dict[str, int]) -> Iterator[dict[str, int]]:
    """As many at once as one request is to ask for."""
    items = list(nodes.items())
    for start in range(0, len(items), PAGE):
        yield dict(items[start : start + PAGE])


def _remember(resource: Resource, rows: list[Row], odd: Odd) -> None:
    unread.forget(resource, rows)
    unread.remember(resource, odd)


def ask_whether_on(resource: Resource, repository: Repository, client: InstallationClient) -> None:
    """Refused if the owner has switched this kind off; one request."""
    if not resource.switch:
        return
    asked_at = timezone.now()
    reply = client.get(f"/repositories/{repository.pk}")
    document = repository_row(reply.fields(), repository.installation_id)
    upsert(REPOSITORY, [document], observed_at=asked_at, rule=Rule.AUTHORITATIVE)
    setattr(repository, resource.switch, document[resource.switch])
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
    items: str = "nodes",
    beside: str = "",
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """A connection's pages with the moment each was asked for; smaller while too heavy. `nodes` of
    a page are its `items`, which may be edges. `beside` of it is how many objects the connection of
    that name has; None if that was not asked, or not answered.

    `unread` of a page is the object that GitHub cannot answer for even alone: the list goes on
    behind it.
    """
    ids_only = fields == IDS
    paging = Paging(PAGE, repository.pk, f"{connection}{' ids' if ids_only else ''}")
    while True:
        asked_at = timezone.now()
        try:
            page = _page(
                connection, repository, client, arguments, fields, paging.size, after, items, beside
            )
        except GraphQLTooHeavy:
            if paging.too_heavy():
                continue
            if ids_only or items != "nodes":
                raise
            page = _alone(connection, repository, client, arguments, fields, after)
            paging.was_one_object()
        except Refused:
            if not beside:
                raise
            beside = ""  # its connection may be the one that is refused, and its null takes all
            continue
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
    items: str = "nodes",
    beside: str = "",
) -> dict[str, Any]:
    others = f"beside: {beside} {{ totalCount }} " if beside else ""  # which costs nothing more
    query = (
        "query($id: ID!, $first: Int!, $after: String) { node(id: $id) { ... on Repository {"
        f"{others}page: {connection}(first: $first, after: $after, {arguments}) {{"
        f"totalCount pageInfo {{ hasNextPage endCursor }} {items} {{ {fields} }} }} }} }} }}"
    )
    variables = {"id": repository.node_id, "first": size, "after": after or None}
    reply = client.graphql(query, variables, partial=True)
    found = _shown(reply, connection, repository)
    try:
        info = found["pageInfo"]
        page: dict[str, Any] = {
            "totalCount": int(found["totalCount"]),
            "pageInfo": {"hasNextPage": bool(info["hasNextPage"]), "endCursor": info["endCursor"]},
            "nodes": list(found[items]),
            "unread": [],
            "beside": _beside(reply),
        }
    except unread.ODD:
        raise _no_page(connection, repository) from None
    if page["pageInfo"]["hasNextPage"] and not isinstance(info["endCursor"], str):
        raise _no_page(connection, repository)
    return page


def _beside(reply: GraphQLReply) -> int | None:
    others = reply.data["node"].get("beside")
    total = others.get("totalCount") if isinstance(others, dict) else None
    return total if isinstance(total, int) else None


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
    reply = client.graphql(query, {"id": repository.node_id}, partial=True)
    try:
        return int(_shown(reply, listing.connection, repository)["totalCount"])
    except unread.ODD:
        raise _no_page(listing.connection, repository) from None


def _shown(reply: GraphQLReply, connection: str, repository: Repository) -> dict[str, Any]:
    """The `page` of a `node`. Its absence is no empty list: a sweep would then delete all."""
    node = reply.data.get("node")
    if isinstance(node, dict) and node.get("page") is not None:
        page: dict[str, Any] = node["page"]
        return page
    refusal = refusal_at(reply, "node")
    if refusal is not None:
        raise Refused(refusal)
    if node:
        raise _no_page(connection, repository)
    raise out_of_sight(repository)
