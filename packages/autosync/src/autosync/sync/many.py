"""Import many small repositories: what is common to them in a few queries, then each on its own.

Only a faster way to the same rows: whatever cannot be had in common is left to the repository's own
sync, which has its own errors, refusals and retries.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from itertools import groupby

from django.db import transaction
from django.utils import timezone

from autosync import connect
from autosync.database import is_away
from autosync.errors import AutoSyncError
from autosync.github import InstallationClient, Priority
from autosync.github.purpose import made_for
from autosync.killpoints import reached
from autosync.kinds import git_carried, git_history, git_lists, nested_kinds
from autosync.kinds._nest import Nest
from autosync.mirror.children import Parent
from autosync.mirror.doubt import lock_repositories
from autosync.mirror.models import Repository, ResourceCursor, SyncJobRepository
from autosync.sync import packed, packed_talk
from autosync.sync.children import take_in
from autosync.sync.commit_details import fetch_accounts, store_accounts, to_ask
from autosync.sync.commit_files import sync_files
from autosync.sync.commits import count_contributors_later, sync_commits
from autosync.sync.errors import Busy
from autosync.sync.identity import fetched_ahead
from autosync.sync.jobs import SyncJobRunner
from autosync.sync.locks import exclusive
from autosync.sync.nested_pages import read_children
from autosync.sync.plan import TO_DO
from autosync.sync.queue import SYNC_REPOSITORY, defer
from autosync.sync.standing import GIT

logger = logging.getLogger(__name__)
_ACCOUNTS = 100  # commits in one query


def sync_many(repository_ids: Sequence[int]) -> None:
    """Import those of the repositories that still wait for it; each that cannot be read with others
    is handed over to a task of its own.
    """
    waiting = SyncJobRepository.objects.filter(repository__in=repository_ids, status__in=TO_DO)
    wanted = set(waiting.values_list("repository_id", flat=True))
    rows = Repository.visible().filter(pk__in=wanted, imported_at__isnull=True)
    rows = rows.exclude(node_id="").exclude(clone_url="").filter(auto_sync_enabled=True)
    ordered = list(rows.select_related("installation").order_by("installation_id", "pk"))
    _alone(wanted - {one.pk for one in ordered})
    for _, group in groupby(ordered, key=lambda one: one.installation_id):
        _import(list(group))


def _import(repositories: Sequence[Repository]) -> None:
    client = connect.installation_client(repositories[0].installation_id, Priority.BACKFILL)
    left = {one.pk for one in repositories}
    try:
        with ExitStack() as held:
            mine = []
            for one in repositories:
                try:
                    held.enter_context(exclusive("repository", one.pk, wait=False))
                except Busy:
                    continue
                mine.append(one)
            asked_at = timezone.now()
            counts = packed.count(client, mine)
            small = [one for one in mine if one.pk in counts and packed.is_small(counts[one.pk])]
            large = left - {one.pk for one in small}
            _alone(large)
            left -= large
            read = packed.read(client, small, counts)
            _read_children(client, small, read)
            packed_talk.read(client, small, read)
            _note_empty(small, counts, read, asked_at)
            _read_git(client, small, read)
            for one in small:
                try:
                    SyncJobRunner().run_repository(one.pk, read.lists(one.pk))
                    left.discard(one.pk)
                except AutoSyncError as error:
                    if isinstance(error, packed.OF_ALL):
                        raise
                    logger.info("%s is tried again alone: %s", one, error)
    except AutoSyncError as error:
        logger.info("%d repositories are imported one by one: %s", len(left), error)
    except Exception as error:
        if not is_away(error):
            _alone(left)
        raise
    _alone(left)


def _alone(repository_ids: Iterable[int]) -> None:
    """A task of its own for each."""
    with transaction.atomic():
        for pk in sorted(repository_ids):
            defer(SYNC_REPOSITORY, pk)


def _read_children(
    client: InstallationClient, repositories: Sequence[Repository], read: packed.Read
) -> None:
    """What comes with parents, a hundred parents a query whatever repositories they are of."""
    homes = {one.pk: one for one in repositories}
    started_at = timezone.now()
    waits: dict[Parent, list[Nest]] = defaultdict(list)
    for nest in _nests():
        listed = [pk for pk in homes if nest.parent.name in read.done[pk]]
        for parent in nest.family.waiting(*listed):
            waits[parent].append(nest)
    alike: dict[tuple[Nest, ...], list[Parent]] = defaultdict(list)
    for parent, some in waits.items():
        alike[tuple(some)].append(parent)
    for nests, parents in alike.items():
        try:
            _read_nests(client, homes, nests, parents)
        except packed.OF_ALL:
            raise
        except AutoSyncError as error:  # the fault of one is not that of the others
            logger.info("what belongs to %d objects is read by repository: %s", len(parents), error)
    _note_children(homes, read, started_at)


def _note_empty(
    repositories: Sequence[Repository],
    counts: Mapping[int, Mapping[str, int]],
    read: packed.Read,
    asked_at: datetime,
) -> None:
    """Git of a repository without a branch, and so without a commit, is read without a git."""
    empty = {one.pk for one in repositories if counts[one.pk].get(GIT) == 0}
    with transaction.atomic():
        lock_repositories(empty)
        # A push may have come since.
        for kind in (git_history(), *git_lists()):
            rows = kind.model._default_manager.filter(repository__in=empty)
            empty -= set(rows.values_list("repository", flat=True))
        packed.save(
            ResourceCursor(
                repository_id=pk,
                resource=GIT,
                state=ResourceCursor.State.COMPLETE,
                cursor=json.dumps({"heads": [], "default": ""}),
                backfill_started_at=asked_at,
                backfilled_at=timezone.now(),
                watermark=asked_at,
                total=0,
            )
            for pk in empty
        )
    for pk in empty:
        read.done[pk].add(GIT)


def _read_git(
    client: InstallationClient, repositories: Sequence[Repository], read: packed.Read
) -> None:
    """Commits, refs and files; whose names these gits have is asked in one query for all, and the
    accounts of their authors in one for a hundred.
    """
    with ExitStack() as held:
        mine = []
        for one in repositories:
            if GIT in read.done[one.pk]:
                continue
            try:
                held.enter_context(exclusive("git", one.pk, wait=False))
            except Busy:
                continue
            mine.append(one)
        held.enter_context(made_for([GIT]))
        held.enter_context(fetched_ahead(mine, client))
        told = []
        for one in mine:
            try:
                sync_commits(one, client, _nothing)
                sync_files(one, client, _nothing)
            except packed.OF_ALL:
                raise
            except AutoSyncError as error:  # its own sync meets it again
                logger.info("git of %s is read alone: %s", one, error)
                continue
            read.done[one.pk] |= {GIT, git_carried().name}
            told.append(one)
        _read_accounts(client, told)


def _read_accounts(client: InstallationClient, repositories: Sequence[Repository]) -> None:
    """A few commits speak for all authors: asked for a hundred at a time."""
    asked: list[tuple[Repository, list[str]]] = []
    for one in repositories:
        shas, for_all = to_ask(one, (), _ACCOUNTS)
        if shas and for_all:
            asked.append((one, shas))
    while asked:
        group = [asked.pop()]
        while asked and sum(len(shas) for _, shas in [*group, asked[-1]]) <= _ACCOUNTS:
            group.append(asked.pop())
        try:
            found = fetch_accounts(client, group)
        except packed.OF_ALL:
            raise
        except AutoSyncError as error:  # what lacks them is asked for by repository
            logger.info("authors of %d repositories are asked for alone: %s", len(group), error)
            continue
        reached("details: read, not stored")
        with transaction.atomic():
            for repository, details in sorted(found, key=lambda one: one[0].pk):
                store_accounts(repository, details)
                count_contributors_later(repository)


def _nothing() -> None:
    """The job's own tasks tell how far it is."""


def _nests() -> list[Nest]:
    return [nest for kind in nested_kinds() for nest in kind.nests]


def _read_nests(
    client: InstallationClient,
    homes: dict[int, Repository],
    nests: tuple[Nest, ...],
    parents: Sequence[Parent],
) -> None:
    for page in read_children(nests, homes[parents[0].repository_id], client, parents):
        if page:
            take_in(page, homes[page[0].parent.repository_id], client)


def _note_children(homes: Iterable[int], read: packed.Read, started_at: datetime) -> None:
    """Of the repositories where no parent waits any more these kinds are read to their end."""
    cursors: list[ResourceCursor] = []
    for kind in nested_kinds():
        listed = {
            pk for pk in homes if all(nest.parent.name in read.done[pk] for nest in kind.nests)
        }
        for nest in kind.nests:
            listed -= nest.family.waiting_in(listed)
        cursors += packed.complete_children(kind.resource, listed, started_at)
        for pk in listed:
            read.done[pk].add(kind.name)
    packed.save(cursors)
