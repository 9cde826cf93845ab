"""Delete for good: the text of what was deleted at GitHub, repositories and installations long
gone, and tombstones past their time.
"""

from __future__ import annotations

import logging
import shutil
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Q
from django.utils import timezone

from autosync import config
from autosync.killpoints import reached
from autosync.kinds import SETS, mirrored
from autosync.kinds.repository import MERGE as REPOSITORY
from autosync.mirror.prose import erase_until
from autosync.models import (
    AccountCursor,
    ChildrenRead,
    Commit,
    CommitFile,
    Contributor,
    GitHubAppInstallation,
    PullRequestCommit,
    PullRequestFile,
    QuotaBudget,
    Ref,
    Repository,
    ResourceCursor,
)
from autosync.sync.errors import Busy
from autosync.sync.locks import exclusive

logger = logging.getLogger(__name__)

# Rows deleted in one transaction: it holds no lock for long, and a kill costs one batch.
BATCH = 5_000
# What belongs to others goes before them.
_MIRRORED = tuple(resource.merge.model for resource in reversed(mirrored()))
_WRITTEN = tuple(resource.merge for resource in mirrored())
_CARRIED = tuple(one.merge.model for one in SETS.values())
_OF_AN_ACCOUNT = tuple(
    resource.merge.model for resource in reversed(mirrored()) if resource.scope == "account_id"
)
_OF_A_REPOSITORY: tuple[type[models.Model], ...] = (
    *(Commit, Ref, PullRequestCommit, PullRequestFile),
    *_CARRIED,
    *(model for model in _MIRRORED if model not in _OF_AN_ACCOUNT),
    Contributor,
)
_TOMBSTONED: tuple[type[models.Model], ...] = (*_MIRRORED, Ref)


def erase_deleted(days: int | None = None) -> int:
    """Erase what people wrote where it has been deleted at GitHub for `days`
    (AUTOSYNC_KEEP_DELETED); rows changed or deleted. The tombstones stay.

    At 0 rows lose their text with the transaction that deletes them: this is for those that a late
    delivery gave one again, for repositories, which are many rows, and for an earlier setting. What
    was only hidden (it left the installation) is not touched.
    """
    days = config.load().autosync_keep_deleted if days is None else days
    before = timezone.now() - timedelta(days=days)
    count = sum(erase_until(merge, before) for merge in (REPOSITORY, *_WRITTEN))
    deleted = Repository.objects.filter(deleted_at__lte=before)
    for repository_id in list(deleted.values_list("pk", flat=True)):
        if any(
            one._default_manager.filter(repository=repository_id).exists()
            for one in _OF_A_REPOSITORY
        ):
            try:
                count += _empty(repository_id, deleted)
            except Busy:
                continue  # its last sync is not over: the next look takes it
    if count:
        logger.info("%d rows that were deleted on GitHub lost what people wrote", count)
    return count


def purge_gone(days: int | None = None) -> int:
    """Purge what has been gone for `days` (AUTOSYNC_PURGE_AFTER); rows deleted.

    A tombstone also keeps late events from restoring the row, so it outlives GitHub's delivery log
    (three days) whatever the setting says; the content of a hidden repository does not.
    """
    days = config.load().autosync_purge_after if days is None else days
    before = timezone.now() - timedelta(days=days)
    count = 0
    for repository_id in list(_gone_repositories(before)):
        try:
            count += purge_repository(repository_id, before)
        except Busy:
            continue  # its last sync is not over: the next purge takes it
        except OSError as error:
            logger.warning("repository %d cannot be purged: %s", repository_id, error)
    count += _purge_accounts(before)
    deleted_before = min(before, timezone.now() - timedelta(days=4))
    for model in _TOMBSTONED:
        count += _delete(model, Q(deleted_at__lt=deleted_before))
    for installation in GitHubAppInstallation.objects.filter(
        deleted_at__lt=deleted_before, repositories__isnull=True
    ):
        QuotaBudget.objects.filter(installation_id=installation.pk).delete()
        installation.delete()
        count += 1
    if count:
        logger.info("%d rows that were gone on GitHub since %s are purged", count, before)
    return count


def _purge_accounts(before: datetime) -> int:
    """What belongs to accounts on which the App was last installed before then."""
    here = GitHubAppInstallation.objects.filter(
        Q(deleted_at__isnull=True) | Q(deleted_at__gte=before), account_id__isnull=False
    )
    count = 0
    for model in _OF_AN_ACCOUNT:
        gone = model._default_manager.exclude(account_id__in=here.values("account_id"))
        # An event may come before its installation is known.
        for account_id in gone.filter(observed_at__lt=before).values_list("account_id").distinct():
            AccountCursor.objects.filter(account_id=account_id[0]).delete()
            count += _delete(model, Q(account_id=account_id[0]))
    return count


def _gone_repositories(before: datetime) -> models.QuerySet[Repository, int]:
    return Repository.objects.filter(
        Q(removed_at__lt=before) | Q(deleted_at__lt=before) | Q(installation__deleted_at__lt=before)
    ).values_list("pk", flat=True)


def purge_repository(repository_id: int, before: datetime) -> int:
    """Everything of one repository, batch by batch, then itself; not if it came back meanwhile."""
    count = _empty(repository_id, _gone_repositories(before))
    with exclusive("repository", repository_id, wait=False), transaction.atomic():
        if _still_gone(repository_id, _gone_repositories(before)):
            Repository.objects.filter(pk=repository_id).delete()
            count += 1
    return count


def _empty(repository_id: int, gone: models.QuerySet[Repository, Any]) -> int:
    """Everything of one repository but itself, if it is one of `gone` still."""
    count = 0
    with exclusive("repository", repository_id, wait=False):
        with transaction.atomic():
            if not _still_gone(repository_id, gone):
                return 0
            # First of all: should it come back, half purged by a killed worker or whole, it is
            # imported anew. A cursor that stayed would call complete what is no longer there.
            Repository.objects.filter(pk=repository_id).update(
                imported_at=None, sync_state=Repository.SyncState.PENDING
            )
            count += ResourceCursor.objects.filter(repository_id=repository_id).delete()[0]
            count += ChildrenRead.objects.filter(repository_id=repository_id).delete()[0]
        reached("purge: cursors gone, content not")
        count += _delete(CommitFile, Q(commit__repository_id=repository_id))
        for model in _OF_A_REPOSITORY:
            count += _delete(model, Q(repository_id=repository_id))
        shutil.rmtree(config.load().data_dir / "git" / f"{repository_id}.git", ignore_errors=True)
        reached("purge: content gone, repository not")
    return count


def _still_gone(repository_id: int, gone: models.QuerySet[Repository, Any]) -> bool:
    """Whether it did not come back; true to the end of the surrounding transaction."""
    return gone.select_for_update(of=("self",)).filter(pk=repository_id).exists()


def _delete(model: type[models.Model], where: Q) -> int:
    """Delete in batches, each its own transaction."""
    table = model._meta.db_table
    total = 0
    while True:
        ids = list(model._default_manager.filter(where).values_list("pk", flat=True)[:BATCH])
        if not ids:
            return total
        with connection.cursor() as cursor:
            key = model._meta.pk.column if model._meta.pk else "id"
            cursor.execute(f"DELETE FROM {table} WHERE {key} = ANY(%s)", [ids])  # noqa: S608 (ours)
            total += cursor.rowcount
        reached("purge: batch deleted")
