"""Goes on with work that no task is at: after a kill, and after a sick repository's pause."""

from __future__ import annotations

from django.db import transaction

from autosync.mirror.models import Repository, SyncJob, SyncJobRepository
from autosync.sync import sick
from autosync.sync.jobs import SyncJobRunner
from autosync.sync.queue import (
    RUN_JOB,
    SICK,
    SYNC_REPOSITORY,
    defer,
    imported_together,
    waiting_or_running,
)


def resume_jobs() -> None:
    """Go on with open sync jobs that no task is at: a kill came between."""
    open_jobs = (SyncJob.Status.PENDING, SyncJob.Status.RUNNING)
    in_hand, together = waiting_or_running(), imported_together()
    # Its plan is committed installation by installation, and may name no repository at all.
    unplanned = SyncJob.objects.filter(status__in=open_jobs).exclude(
        details__contains={"planned": True}
    )
    for job_id in unplanned.values_list("pk", flat=True):
        if RUN_JOB.lock_for(job_id) not in in_hand:
            defer(RUN_JOB, job_id)
    left = SyncJobRepository.objects.filter(
        job__status__in=open_jobs,
        status__in=(SyncJobRepository.Status.PENDING, SyncJobRepository.Status.RUNNING),
    )
    for repository_id in left.values_list("repository_id", flat=True).distinct():
        if repository_id in together:
            continue
        if SYNC_REPOSITORY.lock_for(repository_id) not in in_hand:
            failing = Repository.objects.filter(pk=repository_id, failures__gt=0).exists()
            defer(SYNC_REPOSITORY, repository_id, queue=SICK if failing else None)
    through = SyncJob.objects.filter(status__in=open_jobs, details__contains={"planned": True})
    for job_id in through.exclude(repositories__in=left).values_list("pk", flat=True).distinct():
        if RUN_JOB.lock_for(job_id) not in in_hand:
            SyncJobRunner().finish(job_id)


def retry_sick_repositories() -> None:
    """Enqueue the next try of each repository that is due for one of its own."""
    for repository in sick.to_retry():
        with transaction.atomic():
            Repository.objects.filter(pk=repository.pk).update(retry_at=None)
            defer(SYNC_REPOSITORY, repository.pk, priority=-repository.failures, queue=SICK)
