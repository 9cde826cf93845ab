"""Every five seconds: picks up what a killed worker or a coalesced hand-over left lying."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from autosync.models import Commit, Repository, SyncJob
from autosync.sync import again, ahead
from autosync.sync.accounts import accounts_in_doubt
from autosync.sync.audit import schedule
from autosync.sync.jobs import SyncJobRunner, under_way
from autosync.sync.queue import (
    IMPORT_INSTALLATION,
    IMPORT_REPOSITORY,
    REFETCH,
    REFRESH_INSTALLATION,
    START_UP,
    SYNC_ACCOUNT,
    SYNC_GIT,
    SYNC_REPOSITORY,
    defer,
    waiting_or_running,
)
from autosync.sync.refetch import any_in_doubt
from autosync.sync.resume import resume_jobs, retry_sick_repositories
from autosync.sync.stalled import retry_stalled

# Whoever learned of a repository has handed over its import by then.
_HANDED_OVER = timedelta(seconds=20)
# Until one whose import left no trace is handed over again.
_AGAIN = timedelta(minutes=1)
_AT_ONCE = 50


def pick_up_what_was_left() -> None:
    """Give lost tasks to living workers and enqueue whatever waits with no task for it."""
    retry_stalled()
    _commits_without_details()
    if any_in_doubt():
        defer(REFETCH)
    _repositories_in_doubt()
    _repositories_nobody_imports()
    for account_id in accounts_in_doubt():
        defer(SYNC_ACCOUNT, account_id)
    resume_jobs()
    SyncJobRunner().end_overdue()
    retry_sick_repositories()
    schedule.finish_abandoned()
    schedule.enqueue_due()
    again.enqueue_due()
    ahead.enqueue_due()


def _commits_without_details() -> None:
    # The partial index makes this cheap: only commits without details are in it.
    waiting = Commit.objects.filter(
        detailed_at__isnull=True,
        observed_at__lt=timezone.now() - timedelta(seconds=20),
        repository__imported_at__isnull=False,
        repository__in=Repository.visible().filter(auto_sync_enabled=True, failures=0),
    )
    for repository_id in waiting.values_list("repository_id", flat=True).distinct()[:_AT_ONCE]:
        defer(SYNC_GIT, repository_id)


def _repositories_in_doubt() -> None:
    """In doubt, or out of GitHub's sight: the listing of the installation settles it."""
    doubtful = Repository.visible().filter(
        dirty_at__isnull=False, installation__suspended_at__isnull=True
    )
    for installation_id in doubtful.values_list("installation_id", flat=True).distinct():
        defer(REFRESH_INSTALLATION, installation_id)


def _repositories_nobody_imports() -> None:
    """Known and visible, and no job or task will reach them: a listing hid them for a moment while
    their import began, or a kill came between.
    """
    now = timezone.now()
    waiting = (
        Repository.visible()
        .filter(
            imported_at__isnull=True,
            last_synced_at__isnull=True,
            auto_sync_enabled=True,
            failures=0,
            observed_at__lt=now - _HANDED_OVER,
            installation__suspended_at__isnull=True,
        )
        # What failed for a reason of this machine waits for the next sync.
        .exclude(sync_state=Repository.SyncState.FAILED)
        .exclude(pk__in=under_way())
    )
    left = list(waiting.values_list("pk", "installation_id"))
    if not left:
        return
    in_hand = waiting_or_running()
    if START_UP.lock_for() in in_hand:
        return
    unplanned = Q(completed_at__isnull=True) & ~Q(details__contains={"planned": True})
    jobs = SyncJob.objects.filter(unplanned | Q(created_at__gt=now - _AGAIN))
    reached = list(jobs.values_list("installation_id", "details__repositories"))
    handed_over = 0
    for repository_id, installation_id in left:
        locks = {
            IMPORT_REPOSITORY.lock_for(repository_id),
            SYNC_REPOSITORY.lock_for(repository_id),
            IMPORT_INSTALLATION.lock_for(installation_id),
            REFRESH_INSTALLATION.lock_for(installation_id),
        }
        by_a_job = any(
            repository_id in named if named is not None else whose in (None, installation_id)
            for whose, named in reached
        )
        if not by_a_job and in_hand.isdisjoint(locks):
            defer(IMPORT_REPOSITORY, repository_id)
            handed_over += 1
            if handed_over == _AT_ONCE:
                return  # the others in five seconds
