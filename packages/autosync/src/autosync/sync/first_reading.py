"""The first reading of a kind that GraphQL lists, and perhaps REST too: page by page.

GraphQL's first page says how many there are. What is large and dear that way goes on by REST's list
from its beginning, in order of update: what changes meanwhile moves behind. See `kinds._ways`.
"""

from __future__ import annotations

from collections.abc import Iterator

from autosync import connect
from autosync.github import InstallationClient, Priority
from autosync.kinds._events import Resource, RestList
from autosync.kinds._ways import Known, Left, Way, plan
from autosync.mirror.models import Repository
from autosync.mirror.upsert import Row
from autosync.sync import unread
from autosync.sync.listing import Batch, pages
from autosync.sync.nested_lists import complete_lists, complete_sets
from autosync.sync.rest_listing import list_pages

# What the cursor of a first reading begins with where it goes on by REST.
_BY_REST = "rest "


def batches(
    resource: Resource, repository: Repository, client: InstallationClient, at: str
) -> Iterator[Batch]:
    """All pages from the cursor `at` on, each understood."""
    also = resource.also
    if also is not None and at.startswith(_BY_REST):
        yield from _by_rest(also, repository, client, at.removeprefix(_BY_REST))
        return
    for batch, beside in _by_graphql(resource, repository, client, at):
        if also is not None and not at and batch.following:
            known = Known(batch.total, beside, got=len(batch.rows) + len(batch.odd))
            if plan(resource.offers, known, left(client)).way is Way.REST:
                batch.following, batch.again = _BY_REST, True
                yield batch
                there = (known.total or 0) + (known.beside or 0)
                yield from _by_rest(also, repository, client, "", there)
                return
        yield batch
        at = batch.following


def left(client: InstallationClient) -> Left:
    """What imports of this installation may still spend in this hour."""
    budget, who = connect.budget(), client.installation_id
    return Left(
        budget.spare(who, "core", Priority.BACKFILL),
        budget.spare(who, "graphql", Priority.BACKFILL),
    )


def _by_graphql(
    resource: Resource, repository: Repository, client: InstallationClient, at: str
) -> Iterator[tuple[Batch, int | None]]:
    """Each with how many objects the other way shows beside these, if it was asked and said."""
    listing = resource.listing
    assert listing is not None
    order = "orderBy: {field: CREATED_AT, direction: ASC}"
    among = resource.also.among if resource.also is not None and not at else ""
    for asked_at, page in pages(
        listing.connection, repository, client, order, listing.node_fields, at, beside=among
    ):
        complete_lists(resource, client, page["nodes"])
        rows, odd = unread.understood(resource, page["nodes"], repository.pk)
        complete_sets(resource, client, rows)
        odd = [*odd, *((repository.pk, one) for one in page["unread"])]
        info = page["pageInfo"]
        following = (info["endCursor"] or "") if info["hasNextPage"] else ""
        yield Batch(asked_at, rows, odd, following, page["totalCount"]), page["beside"]


def _by_rest(
    also: RestList,
    repository: Repository,
    client: InstallationClient,
    at: str,
    total: int | None = None,
) -> Iterator[Batch]:
    read = list_pages(also, repository, client, at, connect.width(), total)
    for asked_at, items, following in read:
        rows: list[Row] = []
        odd: list[tuple[int | None, unread.Unread]] = []
        for item in items:
            try:
                row = also.normalise(item, repository.pk)
            except unread.ODD as error:
                reason = f"not as documented: {unread.said(error)}"
                odd.append((repository.pk, unread.of_item(item, reason)))
            else:
                rows += [row] if row is not None else []
        yield Batch(asked_at, rows, odd, f"{_BY_REST}{following}" if following else "", None)
