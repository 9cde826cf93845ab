"""Sync jobs as people ask for them: totals, and progress per repository and per resource."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from autosync.mirror.models import Repository, ResourceCursor, SyncJob, SyncJobRepository


@dataclass(frozen=True, slots=True)
class JobStats:
    """Totals over a set of jobs.

    A job `completed_with_errors` is neither `successful` nor `failed`; it counts against the rate.
    """

    total_jobs: int
    unfinished: int
    successful: int
    with_errors: int
    failed: int
    success_rate: float | None
    """Percent of the finished jobs that completed without an error; None: none has finished."""


@dataclass(frozen=True, slots=True)
class ResourceProgress:
    """How far one resource of a repository is, from its committed cursor."""

    resource: str
    state: str
    done: int
    total: int | None
    percent: int | None
    """0 to 100; None while GitHub has not said how many rows there are."""
    error: str
    touched_at: datetime
    seconds_left: float | None = None
    """At the pace of its first reading until now; None if that is not under way, or not known."""


@dataclass(frozen=True, slots=True)
class RepositoryProgress:
    """One repository's part of a job. `full_name` is empty once the repository is purged."""

    repository_id: int
    full_name: str
    status: str
    rows: int
    error: str
    started_at: datetime | None
    completed_at: datetime | None
    resources: list[ResourceProgress]


def newest(jobs: QuerySet[SyncJob] | None = None) -> QuerySet[SyncJob]:
    """Jobs newest first, each with its installation."""
    rows = SyncJob.objects.all() if jobs is None else jobs
    return rows.select_related("installation").order_by("-id")


def stats(jobs: QuerySet[SyncJob] | None = None) -> JobStats:
    """Totals over `jobs` (all of them by default)."""
    rows = SyncJob.objects.all() if jobs is None else jobs
    status = SyncJob.Status
    counts = rows.order_by().aggregate(
        total=Count("pk"),
        successful=Count("pk", filter=Q(status=status.COMPLETED)),
        with_errors=Count("pk", filter=Q(status=status.COMPLETED_WITH_ERRORS)),
        failed=Count("pk", filter=Q(status=status.FAILED)),
    )
    finished = counts["successful"] + counts["with_errors"] + counts["failed"]
    return JobStats(
        total_jobs=counts["total"],
        unfinished=counts["total"] - finished,
        successful=counts["successful"],
        with_errors=counts["with_errors"],
        failed=counts["failed"],
        success_rate=round(100 * counts["successful"] / finished, 1) if finished else None,
    )


def progress(job: SyncJob) -> list[RepositoryProgress]:
    """Each repository of the job: running ones first, then failed, waiting and finished ones."""
    parts = list(job.repositories.all())
    ids = [part.repository_id for part in parts]
    names = dict(Repository.objects.filter(pk__in=ids).values_list("pk", "full_name"))
    resources = resource_progress(ids)
    status = SyncJobRepository.Status
    rank = {status.RUNNING: 0, status.FAILED: 1, status.PENDING: 2, status.COMPLETED: 3}
    parts.sort(key=lambda part: (rank.get(status(part.status), 4), part.pk))
    return [
        RepositoryProgress(
            repository_id=part.repository_id,
            full_name=names.get(part.repository_id, ""),
            status=part.status,
            rows=part.rows,
            error=part.error,
            started_at=part.started_at,
            completed_at=part.completed_at,
            resources=resources.get(part.repository_id, []),
        )
        for part in parts
    ]


def resource_progress(repository_ids: Iterable[int]) -> dict[int, list[ResourceProgress]]:
    """Per repository id the state of its resources, by name."""
    found: dict[int, list[ResourceProgress]] = defaultdict(list)
    cursors = ResourceCursor.objects.filter(repository_id__in=list(repository_ids))
    for cursor in cursors.order_by("repository_id", "resource"):
        found[cursor.repository_id].append(
            ResourceProgress(
                resource=cursor.resource,
                state=cursor.state,
                done=cursor.done,
                total=cursor.total,
                percent=_percent(cursor),
                error=cursor.error,
                touched_at=cursor.touched_at,
                seconds_left=_seconds_left(cursor),
            )
        )
    return dict(found)


def _percent(cursor: ResourceCursor) -> int | None:
    if cursor.state == ResourceCursor.State.COMPLETE:
        return 100
    if cursor.total is None:
        return None
    # GitHub's total may be out of date: what is still being read is never shown as finished.
    return min(99, 100 * cursor.done // max(cursor.total, 1))


def _seconds_left(cursor: ResourceCursor) -> float | None:
    """Pauses for quota are part of the pace: there will be more of them."""
    begun, running = cursor.backfill_started_at, cursor.state == ResourceCursor.State.RUNNING
    if not running or cursor.backfilled_at or begun is None or not cursor.total or not cursor.done:
        return None
    left = max(cursor.total - cursor.done, 0) / cursor.done
    return left * max((cursor.touched_at - begun).total_seconds(), 0.0)
