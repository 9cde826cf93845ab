"""Read a kind of one repository through its list in REST: whole, or what changed since.

A list with `since` is read in order of update, each page from where the last one ended: what
changes meanwhile moves behind, and no page shifts. Several readers begin at different moments of it
(`sync.ranges`). Others are read whole along their links; of those whose objects never change only
what is new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from autosync import connect, moments
from autosync.github import InstallationClient, NotFound, Reply
from autosync.killpoints import reached
from autosync.kinds import riding as riding_in
from autosync.kinds._events import Resource, RestList, Riding
from autosync.mirror.doubt import LAG, audit_soon, just_seen, lock_repositories
from autosync.mirror.models import Repository, ResourceCursor
from autosync.mirror.upsert import Row, Rule
from autosync.sync import counted, unread
from autosync.sync.gone import follow_parents
from autosync.sync.listing import OVERLAP, PAGE, alive, groups
from autosync.sync.moved_parents import seen_before
from autosync.sync.range_readers import Page, read_ranges
from autosync.sync.ranges import Place, opened, written
from autosync.sync.refetch import refetch
from autosync.sync.refusals import Refusal, Refused, out_of_sight

Progress = Callable[[], None]
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Seen:
    """What was read: the ids of all with their node ids, and those that carry less than here."""

    changed: int = 0
    there: dict[int, str] = field(default_factory=dict)
    lacking: dict[str, int] = field(default_factory=dict)
    whole: bool = True  # every object could be told by its id
    asked_at: datetime | None = None


def sync_rest(
    resource: Resource, repository: Repository, client: InstallationClient, progress: Progress
) -> int:
    """Read what was never read, else what is new; rows changed."""
    rest = resource.rest
    assert rest is not None
    cursor, _ = ResourceCursor.objects.get_or_create(repository=repository, resource=resource.name)
    started_at = timezone.now()
    seen = Seen()
    first = cursor.backfilled_at is None
    resumed = bool(cursor.cursor)
    if first and not (resumed and cursor.backfill_started_at):
        cursor.backfill_started_at, cursor.cursor, cursor.done = started_at, "", 0
        resumed = False
    cursor.state = ResourceCursor.State.RUNNING
    cursor.save()
    at = cursor.cursor
    if not first:
        at = written(cursor.watermark or _FIRST) if rest.since else ""
    pages = list_pages(rest, repository, client, at, connect.width())
    if rest.newest and not first:
        pages = _new_ones(resource, pages)
    for asked_at, items, following in pages:
        reached("import: page read, not stored")
        with transaction.atomic():
            lock_repositories({repository.pk})
            store_page(resource, repository, items, asked_at, seen)
            if first:
                cursor.done += len(items)
                cursor.cursor = following
                cursor.save()
                progress()
            reached("import: page stored, not committed")
        reached("import: page committed")
    since = None if first else cursor.watermark
    cursor.watermark = (cursor.backfill_started_at if first else started_at) or started_at
    cursor.watermark -= OVERLAP
    cursor.backfilled_at = cursor.backfilled_at or timezone.now()
    count = seen.changed
    if rest.since:
        count += read_differing(resource, repository, client, since)
        if not first:
            count += refetch(resource, client, seen_before(resource, repository))
    elif rest.newest and first and resumed:
        for asked_at, items, _ in _new_ones(resource, list_pages(rest, repository, client, "")):
            with transaction.atomic():
                lock_repositories({repository.pk})
                store_page(resource, repository, items, asked_at, seen)
    elif not resumed and not rest.newest:
        count += compare(resource, repository, client, seen, alive_rows(resource, repository))
    count += refetch(resource, client, unread.found_since(resource, repository, started_at))
    cursor.total = cursor.done = alive(resource, repository)
    cursor.state = ResourceCursor.State.COMPLETE
    cursor.cursor = cursor.error = ""
    cursor.save()
    return count


def _new_ones(
    resource: Resource, pages: Iterator[tuple[datetime, list[Any], str]]
) -> Iterator[tuple[datetime, list[Any], str]]:
    """The pages down to one with something that is here, the oldest first: whatever is cut off
    leaves no gap behind it.
    """
    found: list[tuple[datetime, list[Any], str]] = []
    for page in pages:
        found.append(page)
        ids = [one.get("id") for one in page[1] if _is_object(one)]
        if resource.merge.model._default_manager.filter(pk__in=ids).exists():
            break
    return iter(found[::-1])


def read_whole(resource: Resource, repository: Repository, client: InstallationClient) -> int:
    """Read the whole list, and ask for what it lacks; rows changed."""
    assert resource.rest is not None
    seen = _read(resource, repository, list_pages(resource.rest, repository, client, ""))
    return seen.changed + compare(
        resource, repository, client, seen, alive_rows(resource, repository)
    )


def documents(
    resource: Resource, repository: Repository, client: InstallationClient
) -> Iterator[tuple[datetime, list[Any]]]:
    """The whole list as REST shows it, page by page, each with the moment it was asked for."""
    assert resource.rest is not None
    pages = _along(resource.rest, repository, client, "")
    yield from ((asked_at, items) for asked_at, items, _ in _shown(pages, repository, client))


def alive_rows(resource: Resource, repository: Repository, **of: Any) -> Any:
    """The rows of a repository that are not deleted."""
    return resource.merge.model._default_manager.filter(
        repository=repository, deleted_at__isnull=True, **of
    )


def compare(
    resource: Resource,
    repository: Repository,
    client: InstallationClient,
    seen: Seen,
    rows: Any,
    *,
    all_of_it: bool = True,
) -> int:
    """A list of all of `rows` was read. What it lacks, and what is deleted here, is asked for by
    its id before that is believed: lists come back short at times. Returns the rows changed.
    """
    if seen.asked_at is None:
        return 0
    count = sum(refetch(resource, client, group) for group in groups(seen.lacking))
    here = dict(rows.values_list("pk", "node_id"))
    absent = here.keys() - seen.there.keys()
    late = just_seen(resource.merge, absent, seen.asked_at) if seen.whole else absent
    if late:
        audit_soon([repository.pk])
    for group in groups({here[pk]: pk for pk in absent - late if here[pk]}):
        count += refetch(resource, client, group)
        gone = resource.merge.model._default_manager.filter(
            pk__in=group.values(), deleted_at__isnull=False
        )
        if not gone.exists():
            break  # all are there: the list was wrong, and need not be proven so for each
    missing = seen.there.keys() - here.keys() - unread.keys(resource, repository)
    missing -= set(alive_rows(resource, repository, pk__in=missing).values_list("pk", flat=True))
    for group in groups({seen.there[pk]: pk for pk in missing if seen.there[pk]}):
        count += refetch(resource, client, group)
    if seen.whole and all_of_it:
        unread.forget_absent(resource, repository, seen.there)
    return count


def store_page(
    resource: Resource,
    repository: Repository,
    items: Iterable[Any],
    asked_at: datetime,
    seen: Seen,
) -> None:
    """Store a page, in the caller's transaction."""
    rest = resource.rest
    assert rest is not None
    seen.asked_at = seen.asked_at or asked_at
    rows: list[Row] = []
    odd: list[tuple[int | None, unread.Unread]] = []
    documents: list[tuple[Any, Row]] = []
    for item in items:
        known = unread.of_item(item, "")
        if known.key is None:
            seen.whole = False
        try:
            row = rest.normalise(item, repository.pk)
        except unread.ODD as error:
            reason = f"not as documented: {unread.said(error)}"
            odd.append((repository.pk, replace(known, reason=reason)))
        else:
            if row is None:
                continue
            rows.append(row)
            documents.append((item, row))
        if known.key is not None:
            seen.there[known.key] = known.node_id
    seen.changed += store_rows(resource, rows, odd, asked_at)
    for riding in riding_in(rest):
        inside = [one for document, row in documents for one in riding.rows(document, row)]
        seen.changed += store_rows(riding.resource, inside, [], asked_at)
        less = _carry_less(resource, riding, rows, inside, asked_at)
        seen.lacking |= {seen.there[pk]: pk for pk in less if seen.there.get(pk)}


def store_rows(
    resource: Resource,
    rows: list[Row],
    odd: list[tuple[int | None, unread.Unread]],
    asked_at: datetime,
) -> int:
    """Store what a page has, in the caller's transaction; rows changed."""
    merge = resource.merge
    # Where the moment of a sight decides, it is the last at which a list that lags is right.
    seen_at = asked_at - LAG if merge.counts_sights else asked_at
    result, refused = unread.store(merge, rows, observed_at=seen_at, rule=Rule.VERSIONED)
    follow_parents(merge, result.inserted)
    unread.forget(resource, rows)
    unread.remember(resource, [*odd, *refused])
    return len(result.changed)


def _carry_less(
    resource: Resource, riding: Riding, rows: list[Row], inside: list[Row], asked_at: datetime
) -> set[int]:
    """The keys of those `rows` that do not carry all that is here of them, and was not seen just
    now.
    """
    child = riding.resource.merge
    mine = child.model._default_manager.filter(
        **{f"{riding.link}__in": [row[resource.merge.key[0]] for row in rows]},
        deleted_at__isnull=True,
        observed_at__lt=asked_at - LAG,
    ).exclude(pk__in=[one[child.key[0]] for one in inside])
    return set(mine.values_list(riding.link, flat=True))


def _read(
    resource: Resource,
    repository: Repository,
    pages: Iterable[tuple[datetime, list[Any], str]],
) -> Seen:
    seen = Seen()
    for asked_at, items, _ in pages:
        with transaction.atomic():
            lock_repositories({repository.pk})
            store_page(resource, repository, items, asked_at, seen)
    return seen


def read_differing(
    resource: Resource,
    repository: Repository,
    client: InstallationClient,
    since: datetime | None = None,
) -> int:
    """Read the lists of those parents that say another number than is here; all, if many do."""
    found = counted.differing(resource, repository, since)
    if len(found) > counted.MOST:
        return read_whole(resource, repository, client)
    return sum(read_of_parent(resource, repository, client, one) for one in found)


def read_of_parent(
    resource: Resource, repository: Repository, client: InstallationClient, number: int
) -> int:
    """Read what belongs to one parent; rows changed."""
    under = resource.under
    assert under is not None
    pages = _along(RestList(under.path.format(number), _nothing), repository, client, "")
    try:
        seen = _read(resource, repository, _shown(pages, repository, client))
    except Refused:
        return 0  # the parent is gone, or has moved: its own list says so
    rows = alive_rows(resource, repository, **{under.column: number})
    return seen.changed + compare(resource, repository, client, seen, rows, all_of_it=False)


def ids_that_differ(
    resource: Resource, repository: Repository, client: InstallationClient
) -> tuple[dict[int, tuple[str, datetime | None]], Any]:
    """What GitHub has, id → node id and clock, of those parents that say another number than is
    here, and the rows of these.
    """
    rest, under = resource.rest, resource.under
    assert rest is not None
    assert under is not None
    found = counted.differing(resource, repository)
    if len(found) > counted.MOST:
        lists = [_since(rest, repository, client, "")]
        rows = alive_rows(resource, repository)
    else:
        paths = [RestList(under.path.format(number), _nothing) for number in found]
        lists = [_along(path, repository, client, "") for path in paths]
        rows = alive_rows(resource, repository, **{f"{under.column}__in": found})
    there: dict[int, tuple[str, datetime | None]] = {}
    for one in lists:
        there |= _ids(_shown(one, repository, client))
    return there, rows


def _ids(
    pages: Iterable[tuple[datetime, list[Any], str]],
) -> dict[int, tuple[str, datetime | None]]:
    return {
        item["id"]: (str(item.get("node_id") or ""), moments.moment(item.get("updated_at")))
        for _, items, _ in pages
        for item in items
        if _is_object(item) and isinstance(item.get("id"), int)
    }


def changed_since(
    resource: Resource, repository: Repository, client: InstallationClient, since: datetime | None
) -> dict[int, tuple[str, datetime | None]]:
    """What GitHub's list says changed since then, id → node id and clock; all, if None."""
    assert resource.rest is not None
    pages = _since(resource.rest, repository, client, written(since) if since else "")
    return _ids(_shown(pages, repository, client))


def list_pages(
    rest: RestList,
    repository: Repository,
    client: InstallationClient,
    at: str,
    width: int = 1,
    total: int | None = None,
) -> Iterator[tuple[datetime, list[Any], str]]:
    """The pages of a repository's list from `at` on, each with the moment it was asked for and
    what is left behind it. One with `since` is read by up to `width` readers at once, sooner if the
    `total` of its objects is known.
    """
    if rest.since:
        pages = _since(rest, repository, client, at, width, total)
    else:
        pages = _along(rest, repository, client, at)
    return _shown(pages, repository, client)


def _nothing(_: Any, __: int) -> None:
    """For a path alone."""


def _along(
    rest: RestList, repository: Repository, client: InstallationClient, at: str
) -> Iterator[tuple[datetime, list[Any], str]]:
    """The pages along their links, each with the moment it was asked for and the address of the
    next.
    """
    while True:
        asked_at = timezone.now()
        first = None if at else {"per_page": PAGE}
        reply = client.get(at or _place(rest, repository), first)
        at = reply.next_url or ""
        yield asked_at, items_of(rest, reply), at
        if not at:
            return


def _since(
    rest: RestList,
    repository: Repository,
    client: InstallationClient,
    at: str,
    width: int = 1,
    total: int | None = None,
) -> Iterator[tuple[datetime, list[Any], str]]:
    """The pages in order of update, by up to `width` readers; `at` is a cursor of `sync.ranges`."""

    def page(place: Place) -> Page:
        asked_at = timezone.now()
        wanted: dict[str, str | int] = {"sort": "updated", "direction": "asc", "per_page": PAGE}
        wanted |= {"since": place.moment} if place.moment else {}
        wanted |= {"page": place.number} if place.number > 1 else {}
        reply = client.get(_place(rest, repository), wanted)
        return Page(asked_at, items_of(rest, reply), reply.next_url is not None, reply.pages)

    return read_ranges(opened(at), page, width, timezone.now() - OVERLAP, total)


def items_of(rest: RestList, reply: Reply) -> list[Any]:
    """The list of a page: the answer itself, or what it has under a key."""
    return reply.listed(rest.items) if rest.items else reply.items()


def _is_object(item: Any) -> bool:
    return isinstance(item, dict)


def _place(rest: RestList, repository: Repository) -> str:
    return f"/repositories/{repository.pk}{rest.path}"


def _shown(
    pages: Iterator[tuple[datetime, list[Any], str]],
    repository: Repository,
    client: InstallationClient,
) -> Iterator[tuple[datetime, list[Any], str]]:
    """The pages. A 404 of the list alone is a refusal: GitHub shows the repository."""
    try:
        yield from pages
    except NotFound as error:
        try:
            client.get(f"/repositories/{repository.pk}")
        except NotFound:
            raise out_of_sight(repository) from None
        raise Refused(Refusal("refused", error.what)) from None
