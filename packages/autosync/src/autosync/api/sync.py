"""Start syncs, follow their jobs, ask how AutoSync is."""

from __future__ import annotations

from typing import Any, Literal

from django.db import Error
from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import ConfigDict, Field

from autosync.api.access import caller, may
from autosync.api.mirror import PROBLEMS, visible_repository
from autosync.api.pages import Page, PageQuery, StrictQuery, page
from autosync.api.schemas import (
    JobOut,
    JobProgress,
    Problem,
    StartedJob,
    job_progress,
    started,
)
from autosync.errors import AutoSyncError
from autosync.insight import health, jobs
from autosync.insight.report import Health
from autosync.insight.report import Status as HealthStatus
from autosync.mirror.models import GitHubAppInstallation, SyncJob
from autosync.storable import BIGGEST_ID
from autosync.sync import SyncJobRunner

router = Router(tags=["sync"])


class PeriodicQuery(StrictQuery):
    installation: int | None = Field(None, ge=1, le=BIGGEST_ID, description="only this one")
    force: bool = Field(False, description="also repositories that were synced recently")


class JobQuery(PageQuery):
    type: Literal["auto_import", "periodic_sync", "manual_sync", "webhook_triggered"] | None = None
    status: Literal["pending", "running", "completed", "completed_with_errors", "failed"] | None = (
        None
    )
    installation: int | None = Field(None, ge=1, le=BIGGEST_ID)


class JobPage(Page[JobOut]):
    """Jobs, newest first."""

    stats: jobs.JobStats = Field(description="over all jobs that match, not only this page")


class PublicHealth(Schema):
    """What a stranger may know."""

    model_config = ConfigDict(extra="forbid")

    status: HealthStatus


@router.post(
    "/sync/periodic/",
    auth=may("sync"),
    response={200: StartedJob, 202: StartedJob, **PROBLEMS, 404: Problem, 409: Problem},
)
def start_periodic_sync(request: HttpRequest, query: Query[PeriodicQuery]) -> Status[StartedJob]:
    """Sync what changed since the last time.

    202: a job was made. 200: one was under way already, and this is it (`joined`).
    """
    if query.installation is not None:
        installation = GitHubAppInstallation.live.filter(pk=query.installation).first()
        if installation is None:
            raise HttpError(404, f"No installation {query.installation}; see /api/installations/.")
        _refuse_suspended(installation)
    job, new = SyncJobRunner.start_periodic(installation_id=query.installation, force=query.force)
    return Status(202 if new else 200, started(job, joined=not new))


@router.post(
    "/sync/repository/{int:repository_id}/",
    auth=may("sync"),
    response={202: JobOut, **PROBLEMS, 404: Problem, 409: Problem},
)
def start_manual_sync(request: HttpRequest, repository_id: int) -> Status[JobOut]:
    """Sync one repository now. `repository_id` is GitHub's."""
    repository = visible_repository(repository_id)
    _refuse_suspended(repository.installation)
    return Status(202, JobOut.of(SyncJobRunner.start_manual(repository)))


@router.get("/sync/jobs/", response={200: JobPage, **PROBLEMS})
def list_jobs(request: HttpRequest, query: Query[JobQuery]) -> dict[str, Any]:
    """Sync jobs, newest first, with totals."""
    rows = SyncJob.objects.all()
    if query.type is not None:
        rows = rows.filter(job_type=query.type)
    if query.status is not None:
        rows = rows.filter(status=query.status)
    if query.installation is not None:
        rows = rows.filter(installation_id=query.installation)
    answer = page(rows.select_related("installation"), query, "-id", JobOut.of)
    return {**answer, "stats": jobs.stats(rows)}


@router.get("/sync/jobs/{int:job_id}/", response={200: JobProgress, **PROBLEMS, 404: Problem})
def get_job(request: HttpRequest, job_id: int) -> JobProgress:
    """One job with the progress of each repository and each of its resources."""
    job = SyncJob.objects.select_related("installation").filter(pk=job_id).first()
    if job is None:
        raise HttpError(404, f"No sync job {job_id}; see /api/sync/jobs/.")
    return job_progress(job, jobs.progress(job))


@router.get(
    "/sync/health/",
    auth=None,
    response={200: Health | PublicHealth, 503: Health | PublicHealth, 401: Problem},
)
def get_health(request: HttpRequest) -> Status[Health | PublicHealth]:
    """How AutoSync is: the whole report with the scope read, only the status for strangers.

    503: unhealthy, for load balancers and probes.
    """
    try:
        known = caller(request, "read") is not None
    except (Error, AutoSyncError):
        # Without a database nobody can be recognised, and the report will say so.
        known = False
    seen = health.report()
    code = 503 if seen.status is HealthStatus.UNHEALTHY else 200
    return Status(code, seen if known else PublicHealth(status=seen.status))


def _refuse_suspended(installation: GitHubAppInstallation) -> None:
    if installation.is_suspended:
        raise HttpError(
            409,
            f"The installation on {installation.account_login} is suspended: GitHub refuses its "
            "requests until its owner unsuspends it.",
        )
