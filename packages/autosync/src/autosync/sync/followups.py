"""What deliveries ask for once they are applied: short work with GitHub, by one repository or
installation. See `FollowUp`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from autosync import connect
from autosync.database import is_away
from autosync.github import GitHubError, Priority, QuotaExhausted
from autosync.mirror.models import GitHubAppInstallation, Repository
from autosync.sync import sick
from autosync.sync.errors import Busy, is_passing
from autosync.sync.jobs import SyncJobRunner, under_way
from autosync.sync.reconcile import GitHubSyncManager
from autosync.sync.refetch import installations_in_doubt, refetch_dirty
from autosync.sync.sick import GitHubAway


def import_repository(repository_id: int) -> None:
    """Import a repository that a delivery spoke of before anybody listed it."""
    repository = Repository.visible().filter(pk=repository_id).first()
    if repository is not None:
        SyncJobRunner.start_for_webhook(repository.installation_id, [repository_id])


def refresh_installation(installation_id: int) -> None:
    """Settle what an installation may see; import what is new, sync what is seen again."""
    installation = GitHubAppInstallation.objects.filter(pk=installation_id).first()
    if installation is None:
        SyncJobRunner.start_import(installation_id)
        return
    manager = GitHubSyncManager(installation, Priority.LIVE)
    if not manager.refresh_installation() or installation.is_suspended:
        return
    sync_gained(installation_id, manager.sync_repositories())


def sync_gained(installation_id: int, gained: Collection[int]) -> None:
    """Import what a listing showed for the first time, sync what it shows again.

    For whoever lists: no delivery imports what it finds listed already.
    """
    fresh = (
        Repository.visible()
        .filter(installation=installation_id, auto_sync_enabled=True)
        .filter(Q(imported_at__isnull=True) | Q(pk__in=gained))
        .exclude(pk__in=under_way())
    )
    ids = list(fresh.values_list("pk", flat=True))
    if ids:
        SyncJobRunner.start_for_webhook(installation_id, ids)


def sync_git(repository_id: int) -> None:
    """After a push: close the gap to git."""
    _ask_git(repository_id, GitHubSyncManager.sync_git)


def sync_pull_git(repository_id: int) -> None:
    """After a pull request was opened or moved: ask git what it brings."""
    _ask_git(repository_id, GitHubSyncManager.sync_pull_git)


def _ask_git(repository_id: int, work: Callable[[GitHubSyncManager, Repository], int]) -> None:
    repository = (
        Repository.visible().filter(pk=repository_id).select_related("installation").first()
    )
    if repository is None or not repository.auto_sync_enabled:
        return
    if repository.failures:
        # It must not take the slots of live work: its own tries do this too.
        sick.retry_soon([repository_id])
        return
    started = time.monotonic()
    try:
        work(GitHubSyncManager(repository.installation, Priority.LIVE), repository)
    except Exception as error:
        if isinstance(error, Busy) or is_away(error) or not is_passing(error):
            raise
        if isinstance(error, (GitHubAway, QuotaExhausted)):
            raise
        if not sick.failed(repository_id, error, time.monotonic() - started):
            soon = timezone.now() + timedelta(seconds=5)
            Repository.objects.filter(pk=repository_id).update(retry_at=soon)


def settle_doubts() -> None:
    """Ask GitHub about all rows whose clocks could not decide, one installation after the other."""
    errors: list[GitHubError] = []
    for installation in GitHubAppInstallation.live.filter(
        pk__in=installations_in_doubt(), suspended_at__isnull=True
    ):
        try:
            client = connect.installation_client(installation.pk, Priority.LIVE)
            refetch_dirty(client, installation.pk)
        except GitHubError as error:
            errors.append(error)  # the others do not wait for it
    if errors:
        raise errors[0]
