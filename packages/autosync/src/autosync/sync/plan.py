"""Plan a sync job: what is to be read, and what GitHub says has nothing new."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from autosync import config
from autosync.killpoints import reached
from autosync.mirror import feed
from autosync.mirror.doubt import lock_repositories
from autosync.mirror.models import Repository, SyncJob, SyncJobRepository
from autosync.sync import sick
from autosync.sync.news import Look, Moved
from autosync.sync.queue import SICK, SYNC_REPOSITORY, defer, defer_many
from autosync.sync.reconcile import GitHubSyncManager, recently_synced

# So many that are new are imported together; one task takes as many at least, and at most so many.
MANY = 10
TOGETHER = 50
TO_DO = (SyncJobRepository.Status.PENDING, SyncJobRepository.Status.RUNNING)


def plan(
    job: SyncJob,
    repositories: Sequence[Repository],
    manager: GitHubSyncManager | None = None,
) -> None:
    """Record what is to do and enqueue it in the same transaction, smallest history first.

    With a `manager` GitHub is asked first which repositories have anything new; the others are
    done with that, and leave no row in the job.
    """
    looked_at = timezone.now()
    force = bool(job.details.get("force"))
    skipped = _recent(repositories) if _skips(job) else set()
    left_out: list[Repository] = []
    if _is_periodic(job):
        skipped |= _running_elsewhere(job) & {one.pk for one in repositories}
        # A sick one has tries of its own: this job records it and does not wait for it.
        left_out = [
            one for one in repositories if one.pk not in skipped and sick.waits(one, looked_at)
        ]
    apart = skipped | {one.pk for one in left_out}
    seen = _look(None if force else manager, repositories, apart)
    manual = job.job_type == SyncJob.JobType.MANUAL_SYNC
    at_once = manual or job.job_type == SyncJob.JobType.WEBHOOK_TRIGGERED
    ordered = sorted(
        (r for r in repositories if r.pk in seen.to_read), key=lambda r: (r.size, r.pk)
    )
    together = set() if manual else _together(ordered)
    imports: list[tuple[int, int]] = []
    with transaction.atomic():
        for rank, repository in enumerate(ordered):
            names = seen.to_read[repository.pk]
            _, created = SyncJobRepository.objects.get_or_create(
                job=job,
                repository=repository,
                defaults={"moved": None if names is None else sorted(names)},
            )
            if created and repository.pk in together:
                imports.append((rank, repository.pk))
            elif created:
                defer(
                    SYNC_REPOSITORY,
                    repository.pk,
                    priority=-rank,
                    queue=SICK if sick.is_sick(repository) and not manual else None,
                    now=at_once,
                )
        share = -(-len(imports) // config.load().autosync_concurrency)  # a group for each slot
        size = min(max(share, MANY), TOGETHER)
        for start in range(0, len(imports), size):
            group = imports[start : start + size]
            defer_many([pk for _, pk in group], priority=-group[0][0])
        for repository in left_out:
            SyncJobRepository.objects.get_or_create(
                job=job, repository=repository, defaults=_not_waited_for(repository, looked_at)
            )
        # Planned again after a kill: what has been read since counts once.
        own = set(job.repositories.values_list("repository_id", flat=True))
        lock_repositories(seen.unchanged)
        Repository.objects.filter(pk__in=seen.unchanged).update(last_synced_at=looked_at)
        _count(job, unchanged=len(seen.unchanged - own), skipped=len(skipped - own))
        feed.progress([r.pk for r in ordered], job.pk)
        reached("job: planned, not committed")


def _together(repositories: Sequence[Repository]) -> set[int]:
    """Those that are imported together, if there are enough: never read, and not known to fail."""
    new = {one.pk for one in repositories if one.imported_at is None and not sick.is_sick(one)}
    return new if len(new) >= MANY else set()


def _look(
    manager: GitHubSyncManager | None,
    repositories: Sequence[Repository],
    skipped: Collection[int],
) -> Look:
    """What to read; without a `manager` everything."""
    wanted = [r for r in repositories if r.pk not in skipped]
    if manager is None:
        return Look(to_read=dict.fromkeys(r.pk for r in wanted))
    # What another job has begun may be half read.
    begun = set(
        SyncJobRepository.objects.filter(
            status__in=TO_DO, repository__in=[r.pk for r in wanted]
        ).values_list("repository_id", flat=True)
    )
    seen = manager.look(r for r in wanted if r.pk not in begun)
    seen.to_read |= dict.fromkeys(begun)
    return seen


def _is_periodic(job: SyncJob) -> bool:
    return job.job_type == SyncJob.JobType.PERIODIC_SYNC


def _skips(job: SyncJob) -> bool:
    return _is_periodic(job) and not job.details.get("force")


def _not_waited_for(repository: Repository, now: datetime) -> dict[str, Any]:
    """How a periodic sync records a sick repository whose own next try is later."""
    return {
        "status": SyncJobRepository.Status.FAILED,
        "error": f"{repository.sync_error} Its own next try is at "
        f"{repository.retry_at:%H:%M:%S} UTC.",
        "completed_at": now,
    }


def _running_elsewhere(job: SyncJob) -> set[int]:
    """Repositories that a late periodic sync is at: a long import, which this one does not wait
    for."""
    running = SyncJobRepository.objects.filter(
        status=SyncJobRepository.Status.RUNNING, job__in=sick.overdue().values("pk")
    )
    return set(running.exclude(job=job).values_list("repository_id", flat=True))


def _recent(repositories: Sequence[Repository]) -> set[int]:
    minutes = config.load().autosync_skip_recent
    return {one.pk for one in repositories if recently_synced(one, minutes)}


def wanted(repository_id: int, jobs: Sequence[SyncJob]) -> Moved:
    """What the waiting `jobs` together want read of a repository."""
    waiting = SyncJobRepository.objects.filter(
        repository_id=repository_id, job__in=jobs, status__in=TO_DO
    )
    found: set[str] = set()
    for names in waiting.values_list("moved", flat=True):
        if names is None:
            return None
        found.update(names)
    return frozenset(found) if jobs else None


def note(job: SyncJob, values: dict[str, Any]) -> None:
    """Put `values` into the job's details, which other workers write as well."""
    with transaction.atomic():
        row = SyncJob.objects.select_for_update().get(pk=job.pk)
        row.details |= values
        row.save(update_fields=["details"])
    job.details = row.details


def _count(job: SyncJob, *, unchanged: int, skipped: int) -> None:
    """Add to what the job needs no row for; in the transaction of the plan."""
    row = SyncJob.objects.select_for_update().get(pk=job.pk)
    row.details["unchanged"] = row.details.get("unchanged", 0) + unchanged
    row.details["skipped"] = row.details.get("skipped", 0) + skipped
    row.repositories_total = (
        row.repositories.count() + row.details["unchanged"] + row.details["skipped"]
    )
    row.save(update_fields=["details", "repositories_total"])
    job.details = row.details
