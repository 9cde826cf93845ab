"""Every five seconds: picks up what a killed worker or a coalesced hand-over left lying."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from autosync.mirror.models import Commit, Repository
from autosync.sync import again
from autosync.sync.audit import schedule
from autosync.sync.jobs import SyncJobRunner
from autosync.sync.queue import REFETCH, REFRESH_INSTALLATION, SYNC_GIT, defer
from autosync.sync.refetch import any_in_doubt
from autosync.sync.resume import resume_jobs, retry_sick_repositories
from autosync.sync.stalled import retry_stalled


def pick_up_what_was_left() -> None:
    """Give lost tasks to living workers and enqueue whatever waits with no task for it."""
    retry_stalled()
    _commits_without_details()
    if any_in_doubt():
        defer(REFETCH)
    _repositories_in_doubt()
    resume_jobs()
    SyncJobRunner().end_overdue()
    retry_sick_repositories()
    schedule.finish_abandoned()
    schedule.enqueue_due()
    again.enqueue_due()


def _commits_without_details() -> None:
    # The partial index makes this cheap: only commits without details are in it.
    waiting = Commit.objects.filter(
        detailed_at__isnull=True,
        observed_at__lt=timezone.now() - timedelta(seconds=20),
        repository__imported_at__isnull=False,
        repository__in=Repository.visible().filter(auto_sync_enabled=True, failures=0),
    )
    for repository_id in waiting.values_list("repository_id", flat=True).distinct()[:50]:
        defer(SYNC_GIT, repository_id)


def _repositories_in_doubt() -> None:
    """In doubt, or out of GitHub's sight: the listing of the installation settles it."""
    doubtful = Repository.visible().filter(
        dirty_at__isnull=False, installation__suspended_at__isnull=True
    )
    for installation_id in doubtful.values_list("installation_id", flat=True).distinct():
        defer(REFRESH_INSTALLATION, installation_id)
