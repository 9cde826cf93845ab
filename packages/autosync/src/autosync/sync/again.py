"""Reads kinds again that gained columns, in the background: a page at a time, from where it was.

It is nobody's sync: it takes one slot an installation for a few seconds, waits behind all other
work and leaves it the quota. What changes meanwhile is stored with the new columns at once, and
what it reads is merged like any other list; so nothing waits for it, and a kill costs one page.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from autosync import connect
from autosync.database import is_away
from autosync.github import InstallationClient, InstallationSuspended, Priority, QuotaExhausted
from autosync.killpoints import reached
from autosync.kinds import Derived, listed_resources, nested_kinds
from autosync.kinds._events import Resource
from autosync.mirror.doubt import lock_repositories
from autosync.mirror.models import Repository, ResourceCursor
from autosync.sync import unread
from autosync.sync.children import sync_children
from autosync.sync.errors import Busy, is_passing, log_failure
from autosync.sync.listing import groups, store_changes
from autosync.sync.listing import pages as connection_pages
from autosync.sync.locks import exclusive
from autosync.sync.nested_lists import complete_lists
from autosync.sync.queue import READ_AGAIN, defer
from autosync.sync.refetch import refetch
from autosync.sync.refusals import note, refusal_of
from autosync.sync.rest_listing import Seen, list_pages, store_page
from autosync.sync.standing import read_again_of, wanted_version
from autosync.sync.stream import read_whole as read_stream

logger = logging.getLogger(__name__)
PARENTS = 100
SLICE = 10.0  # seconds, then whatever else waits for a slot has it first
_AGAIN = timedelta(minutes=10)  # until one that failed is tried again


@dataclass
class _Page:
    """Objects that were read: how many, where the next page begins ("" after the last), and what
    stores them in the caller's transaction.
    """

    count: int
    following: str
    store: Callable[[], object]


def enqueue_due() -> None:
    """A task for each installation in which something is to be read again."""
    for installation_id in _due().values_list("repository__installation", flat=True).distinct():
        defer(READ_AGAIN, installation_id)


def read_again(installation_id: int) -> None:
    """Read for a few seconds, and hand the rest over to the next task."""
    until = time.monotonic() + SLICE
    with exclusive("read again", installation_id, wait=False):
        client = connect.installation_client(installation_id, Priority.BACKFILL)
        mine = _due().filter(repository__installation=installation_id)
        for cursor in mine.select_related("repository__installation").order_by("repository", "pk"):
            # A sync of the repository comes first, and an audit.
            with suppress(Busy), exclusive("repository", cursor.repository_id, wait=False):
                _guarded(cursor, client, until)
            if time.monotonic() > until:
                defer(READ_AGAIN, installation_id)
                return


def _due() -> QuerySet[ResourceCursor]:
    visible = Repository.visible().filter(
        auto_sync_enabled=True, failures=0, installation__suspended_at__isnull=True
    )
    not_paused = Q(again_after__isnull=True) | Q(again_after__lte=timezone.now())
    return read_again_of().filter(not_paused, repository__in=visible)


def _guarded(cursor: ResourceCursor, client: InstallationClient, until: float) -> None:
    """One kind that fails holds up no other; what concerns all is raised."""
    try:
        cursor.refresh_from_db()
        _read(cursor, client, until)
    except (Busy, QuotaExhausted, InstallationSuspended):
        raise
    except Exception as error:
        if is_away(error):
            raise
        refusal = refusal_of(error)
        if refusal is not None:
            note(cursor.repository, cursor.resource, refusal)
            return
        if not is_passing(error):
            log_failure(logger, error, "%s of %s", cursor.resource, cursor.repository)
        _save(cursor, again_after=timezone.now() + _AGAIN)


def _read(cursor: ResourceCursor, client: InstallationClient, until: float) -> None:
    nested = {kind.name: kind for kind in nested_kinds()}
    resource = next(
        one
        for one in (*listed_resources(), *(kind.resource for kind in nested.values()))
        if one.name == cursor.resource
    )
    wanted = wanted_version(resource)
    if (cursor.version or 1) >= wanted:
        return  # while we waited for our turn
    if cursor.again_version != wanted:
        _save(cursor, again_version=wanted, again_cursor="", again_done=0)
    repository = cursor.repository
    if kind := nested.get(resource.name):
        pages = _of_parents(kind, repository, client, cursor.again_cursor)
    elif resource.stream is not None:
        pages = _of_stream(resource, repository, client)
    elif resource.rest is not None:
        pages = _of_rest(resource, repository, client, cursor.again_cursor)
    else:
        pages = _of_connection(resource, repository, client, cursor.again_cursor)
    for page in pages:
        reached("import: page read, not stored")
        with transaction.atomic():
            page.store()
            done = cursor.again_done + page.count
            _save(cursor, again_cursor=page.following, again_done=done, again_after=None)
            reached("import: page stored, not committed")
        reached("import: page committed")
        if page.following and time.monotonic() > until:
            return
    if resource.name not in nested:
        _left_over(resource, repository, client)
    _save(cursor, version=wanted, again_version=None, again_cursor="", again_done=0)
    logger.info("%s of %s was read again: it has its new columns", resource.name, repository)


def _of_connection(
    resource: Resource, repository: Repository, client: InstallationClient, at: str
) -> Iterator[_Page]:
    listing = resource.listing
    assert listing is not None
    order = "orderBy: {field: CREATED_AT, direction: ASC}"
    for asked_at, page in connection_pages(
        listing.connection, repository, client, order, listing.node_fields, at
    ):
        complete_lists(resource, client, page["nodes"])
        rows, odd = unread.understood(resource, page["nodes"], repository.pk)
        info = page["pageInfo"]
        following = info["endCursor"] if info["hasNextPage"] else ""
        store = partial(store_changes, resource, repository, rows, page, odd, asked_at)
        yield _Page(len(page["nodes"]), following, store)


def _of_rest(
    resource: Resource, repository: Repository, client: InstallationClient, at: str
) -> Iterator[_Page]:
    assert resource.rest is not None
    for asked_at, items, following in list_pages(resource.rest, repository, client, at):

        def store(items: list[Any] = items, asked_at: Any = asked_at) -> None:
            lock_repositories({repository.pk})
            store_page(resource, repository, items, asked_at, Seen())

        yield _Page(len(items), following, store)


def _of_stream(
    resource: Resource, repository: Repository, client: InstallationClient
) -> Iterator[_Page]:
    """Its list is read whole, and stores itself."""
    yield _Page(read_stream(resource, repository, client), "", lambda: None)


def _of_parents(
    kind: Derived, repository: Repository, client: InstallationClient, at: str
) -> Iterator[_Page]:
    """Children are read with their parents, of which only a page waits at a time."""
    place, _, pk = at.rpartition("/")
    left = [
        (number, one.pk)
        for number, nest in enumerate(kind.nests)
        for one in nest.family.all(repository.pk)
        if (number, one.pk) > (int(place or 0), int(pk or 0))
    ]
    for start in range(0, len(left), PARENTS):
        page = left[start : start + PARENTS]
        for number, nest in enumerate(kind.nests):
            nest.family.read_again([pk for place, pk in page if place == number])
        sync_children(kind, repository, client, lambda: None)
        following = "/".join(map(str, page[-1])) if start + PARENTS < len(left) else ""
        yield _Page(len(page), following, lambda: None)


def _left_over(resource: Resource, repository: Repository, client: InstallationClient) -> None:
    """Rows that the list did not show, or not so that they could be read."""
    merge = resource.merge
    if merge.version == 1 or not merge.has("node_id"):
        return
    old = Q(kind_version__isnull=True) | Q(kind_version__lt=merge.version)
    rows = merge.model._default_manager.filter(
        old, repository=repository, deleted_at__isnull=True, node_id__gt=""
    )
    not_read = unread.keys(resource, repository)
    left = dict(rows.values_list("node_id", merge.key[0]))
    for group in groups({node: key for node, key in left.items() if key not in not_read}):
        refetch(resource, client, group)


def _save(cursor: ResourceCursor, **values: Any) -> None:
    """Under the repository's lock, in which syncs write the other fields."""
    ResourceCursor.objects.filter(pk=cursor.pk).update(**values)
    for name, value in values.items():
        setattr(cursor, name, value)
