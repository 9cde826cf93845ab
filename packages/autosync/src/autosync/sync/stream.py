"""Read a kind that GitHub lists as edges, most in the order of a moment that never changes.

New ones are at its front: reading stops at what was read before. What is gone leaves no trace but a
smaller count. Then the list is read whole, and the pages that would have what it lacks are asked
for once more: lists of GitHub come back empty, or end early, at times (max-sixty/tend#345). A list
without an order is read whole each time, and twice before anything that it lacks is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from autosync.github import GraphQLError, InstallationClient
from autosync.killpoints import reached
from autosync.kinds._events import Resource, Stream
from autosync.mirror.doubt import LAG, lock_repositories
from autosync.mirror.models import Repository, ResourceCursor
from autosync.mirror.people import unnamed
from autosync.mirror.upsert import Key, Row, Rule
from autosync.sync import unread
from autosync.sync.gone import take_away
from autosync.sync.listing import OVERLAP, alive, pages
from autosync.sync.news import NewsReader
from autosync.sync.refusals import EVENTS_ONLY, Refusal, Refused, refusal_of

Progress = Callable[[], None]


@dataclass
class Page:
    """Some of the list. `after` is the cursor of the page before, "" of the first."""

    asked_at: datetime
    after: str
    following: str
    total: int
    rows: list[Row]
    odd: list[tuple[int | None, unread.Unread]]
    end: str  # the cursor of its last edge


@dataclass
class Whole:
    """The whole list, as it was read: page by page where each began, and its oldest moment."""

    keys: set[Key] = field(default_factory=set)
    pages: list[tuple[str, datetime | None]] = field(default_factory=list)
    total: int = 0
    asked_at: datetime | None = None
    clear: bool = True  # every edge could be read
    changed: int = 0


def sync_stream(
    resource: Resource, repository: Repository, client: InstallationClient, progress: Progress
) -> int:
    """Read what was never read, else what is new, and if the number differs all; rows changed."""
    cursor, _ = ResourceCursor.objects.get_or_create(repository=repository, resource=resource.name)
    total: int | None
    try:
        if cursor.backfilled_at is None:
            count, total = _import(resource, repository, client, cursor, progress)
        else:
            count, total = _newest(resource, repository, client, cursor)
        if total is None or total != unread.accounted(resource, repository):
            count += read_whole(resource, repository, client)
    except (GraphQLError, Refused) as error:
        raise _by_events_only(resource, error) from error
    cursor.refresh_from_db(fields=["unlisted", "cursor"])
    cursor.total = cursor.done = alive(resource, repository)
    cursor.state = ResourceCursor.State.COMPLETE
    cursor.error = ""
    cursor.save()
    return count


def _by_events_only(resource: Resource, error: GraphQLError | Refused) -> Exception:
    """The error, or that nothing is wrong: GitHub shows the list only to those who hold more."""
    refusal = refusal_of(error)
    if refusal is None or refusal.code != "permission" or not _stream(resource).shown_to:
        return error
    return Refused(Refusal(EVENTS_ONLY, refusal.words))


def _import(
    resource: Resource,
    repository: Repository,
    client: InstallationClient,
    cursor: ResourceCursor,
    progress: Progress,
) -> tuple[int, int]:
    """Read everything, the oldest first, so that what comes meanwhile is behind; every page is
    committed with its cursor.
    """
    if cursor.backfill_started_at is None or not cursor.cursor:
        cursor.backfill_started_at = timezone.now()
        cursor.done = 0
    cursor.state = ResourceCursor.State.RUNNING
    hint = _stream(resource).none_without
    if hint and not getattr(repository, hint):
        cursor.backfilled_at = cursor.backfill_started_at
        cursor.watermark = cursor.backfill_started_at - OVERLAP
        return 0, unread.accounted(resource, repository)
    cursor.save()
    count = total = 0
    for page in _pages(resource, repository, client, "ASC", cursor.cursor):
        total = page.total
        reached("import: page read, not stored")
        with transaction.atomic():
            count += _store(resource, repository, page)
            cursor.done += len(page.rows)
            cursor.total, cursor.cursor = total, page.following
            if not page.following:
                cursor.backfilled_at = timezone.now()
                cursor.watermark = cursor.backfill_started_at - OVERLAP
            cursor.save()
            progress()
            reached("import: page stored, not committed")
        reached("import: page committed")
    return count, total


def _newest(
    resource: Resource, repository: Repository, client: InstallationClient, cursor: ResourceCursor
) -> tuple[int, int | None]:
    """Read from the front, down to what was read before or until the number is that of here; rows
    changed, and the number there. Nothing, if the list has no front: all of it is to be read.
    """
    stream, started_at = _stream(resource), timezone.now()
    cursor.state = ResourceCursor.State.RUNNING
    cursor.save()
    count = total = 0
    if not stream.order:
        cursor.watermark = started_at - OVERLAP
        return count, None
    for page in _pages(resource, repository, client, "DESC", ""):
        with transaction.atomic():
            count += _store(resource, repository, page)
        reached("reconcile: page of changes stored, watermark not moved")
        total, oldest = page.total, _oldest(stream, page.rows)
        if total <= unread.accounted(resource, repository):
            break  # what is gone is not at the front
        if oldest is not None and cursor.watermark is not None and oldest < cursor.watermark:
            break
    cursor.watermark = started_at - OVERLAP
    return count, total


def read_whole(resource: Resource, repository: Repository, client: InstallationClient) -> int:
    """Read all of the list, and take away what it lacks, also if asked again; rows changed.

    A list that is shorter than GitHub's own number is believed if it was as much shorter the last
    time: GitHub may count accounts that it does not list.
    """
    whole = _read_all(resource, repository, client)
    assert whole.asked_at is not None
    cursors = ResourceCursor.objects.filter(repository=repository, resource=resource.name)
    known, said = cursors.values_list("unlisted", "cursor").get()
    missing = _missing(resource, repository, whole)
    reached("reconcile: ids listed, nothing deleted")
    if not whole.keys and missing:
        # An empty list may be no word about what there is; the number beside it is one.
        whole.total = _counted(repository, resource, client)
    lacks = whole.total - len(whole.keys)
    lacked = f"{lacks} fewer than counted"
    believed = lacks <= 0 or (whole.keys and (lacks == known or said == lacked))
    if not whole.clear:
        return whole.changed
    if missing and believed:
        gone = _still_missing(resource, repository, client, whole, missing)
        with transaction.atomic():
            lock_repositories({repository.pk})
            gone = take_away(resource.merge, sorted(gone), whole.asked_at - LAG)
            whole.changed += len(gone)
    if believed:
        cursors.update(unlisted=lacks, cursor="")
    else:
        cursors.update(cursor=lacked)
    return whole.changed


def read_rows(
    resource: Resource, repository: Repository, client: InstallationClient
) -> tuple[list[Row], int, bool]:
    """The rows of the whole list, without storing them, how many GitHub counts, and whether all
    could be read.
    """
    rows: list[Row] = []
    total, clear = 0, True
    for page in _pages(resource, repository, client, "DESC", ""):
        rows += page.rows
        total, clear = page.total, clear and not page.odd
    return rows, total, clear


def unlisted(resource: Resource, repository: Repository) -> int:
    """How many more GitHub counted than it listed when the list was read last."""
    cursors = ResourceCursor.objects.filter(repository=repository, resource=resource.name)
    return cursors.values_list("unlisted", flat=True).first() or 0


def _counted(repository: Repository, resource: Resource, client: InstallationClient) -> int:
    """GitHub's number, asked beside the list; that of here if it does not say."""
    there = NewsReader(client).read([repository]).there.get(repository.pk)
    if there is None or resource.name not in there.lists:
        return alive(resource, repository)
    return there.lists[resource.name].total


def _read_all(resource: Resource, repository: Repository, client: InstallationClient) -> Whole:
    whole = Whole()
    for page in _pages(resource, repository, client, "DESC", ""):
        with transaction.atomic():
            whole.changed += _store(resource, repository, page)
        whole.asked_at = whole.asked_at or page.asked_at
        whole.total = page.total
        whole.clear = whole.clear and not page.odd
        whole.keys |= {resource.merge.key_of(row) for row in page.rows}
        whole.pages.append((page.after, _oldest(_stream(resource), page.rows)))
        last = page
    if last.rows:
        # Should the list have ended early, what follows is behind this.
        whole.pages.append((last.end, None))
    return whole


def _missing(resource: Resource, repository: Repository, whole: Whole) -> dict[Key, datetime]:
    """Key → moment of what is here, and was not seen just now, and the list lacks."""
    assert whole.asked_at is not None
    merge, moment = resource.merge, _stream(resource).moment or "observed_at"
    rows = merge.model._default_manager.filter(
        repository=repository, deleted_at__isnull=True, observed_at__lt=whole.asked_at - LAG
    )
    found = {tuple(key): at for at, *key in rows.values_list(moment, *merge.key)}
    return {key: at for key, at in found.items() if key not in whole.keys}


def _still_missing(
    resource: Resource,
    repository: Repository,
    client: InstallationClient,
    whole: Whole,
    missing: dict[Key, datetime],
) -> set[Key]:
    """Those that the pages which would have them lack when they are asked for once more."""
    if not _stream(resource).order:  # any page might have them
        again = _read_all(resource, repository, client)
        whole.changed += again.changed
        return missing.keys() - again.keys if again.clear else set()
    at_page: dict[str, set[Key]] = {}
    for key, at in missing.items():
        places = (after for after, oldest in whole.pages if oldest is None or oldest <= at)
        at_page.setdefault(next(places, whole.pages[-1][0]), set()).add(key)
    gone: set[Key] = set()
    for after, keys in at_page.items():
        page = next(_pages(resource, repository, client, "DESC", after))
        with transaction.atomic():
            whole.changed += _store(resource, repository, page)
        there = {resource.merge.key_of(row) for row in page.rows}
        if page.odd or keys & there:
            continue  # the list was wrong, and is no word about the others
        gone |= keys
    return gone


def _pages(
    resource: Resource, repository: Repository, client: InstallationClient, way: str, after: str
) -> Iterator[Page]:
    stream = _stream(resource)
    order = f"orderBy: {{field: {stream.order}, direction: {way}}}" if stream.order else ""
    read = pages(stream.connection, repository, client, order, stream.fields, after, items="edges")
    for asked_at, page in read:
        rows, odd = understood(resource, repository, page["nodes"])
        info = page["pageInfo"]
        end = info["endCursor"] or ""
        following = end if info["hasNextPage"] else ""
        yield Page(asked_at, after, following, page["totalCount"], rows, odd, end)
        after = following


def understood(
    resource: Resource, repository: Repository, edges: Iterable[Any]
) -> tuple[list[Row], list[tuple[int | None, unread.Unread]]]:
    """The rows of a page of the list, and what could not be read; an edge that is null is one.
    Forgotten people have other keys: it is these that are compared with those of here.
    """
    rows, odd = unread.understood(resource, edges := list(edges), repository.pk)
    nothing = unread.Unread(None, "", "GitHub shows nothing of it")
    return list(unnamed(resource.merge, rows)), [
        *odd,
        *((repository.pk, nothing) for edge in edges if not edge),
    ]


def _store(resource: Resource, repository: Repository, page: Page) -> int:
    """In the caller's transaction; returns how many rows changed. A list may lag: what it shows is
    known from before it was asked for.
    """
    lock_repositories({repository.pk})
    result, refused = unread.store(
        resource.merge, page.rows, observed_at=page.asked_at, rule=Rule.VERSIONED, lag=LAG
    )
    unread.remember(resource, [*page.odd, *refused])
    return len(result.changed)


def _oldest(stream: Stream, rows: Sequence[Row]) -> datetime | None:
    if not stream.moment:
        return None
    return min((row[stream.moment] for row in rows if row[stream.moment]), default=None)


def _stream(resource: Resource) -> Stream:
    assert resource.stream is not None
    return resource.stream
