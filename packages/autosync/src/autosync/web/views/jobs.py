"""Sync jobs: the list, and one job with the progress of each repository."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from autosync.insight import jobs
from autosync.mirror.models import SyncJob, SyncJobRepository
from autosync.storable import BIGGEST_ID
from autosync.web import paging
from autosync.web.access import readable

# A job over thousands of repositories shows those that matter: running and failed ones are first.
PARTS = 200


@require_safe
@readable
def job_list(request: HttpRequest) -> HttpResponse:
    """`/jobs/?type=&status=&cursor=`: newest first, with totals over what matches."""
    wanted = {
        "job_type": _one_of(request.GET.get("type"), SyncJob.JobType.values),
        "status": _one_of(request.GET.get("status"), SyncJob.Status.values),
    }
    rows = SyncJob.objects.filter(**{name: value for name, value in wanted.items() if value})
    context = {
        "page": paging.of(rows.select_related("installation"), request, "-id"),
        "stats": jobs.stats(rows),
        "types": SyncJob.JobType.choices,
        "statuses": SyncJob.Status.choices,
        "wanted": wanted,
    }
    return render(request, "web/jobs.html", context)


@require_safe
@readable
def job(request: HttpRequest, job_id: int) -> HttpResponse:
    """`/jobs/<id>/`: its progress per repository and resource."""
    found = jobs.newest().filter(pk=job_id).first() if job_id <= BIGGEST_ID else None
    if found is None:
        raise Http404("No such job.")
    parts = jobs.progress(found)
    failed = sum(part.status == SyncJobRepository.Status.FAILED for part in parts)
    context = {
        "job": found,
        "parts": parts[:PARTS],
        "more": max(len(parts) - PARTS, 0),
        "rows": sum(part.rows for part in parts),
        "failed": failed,
    }
    return render(request, "web/job.html", context)


def _one_of(value: str | None, allowed: list[str]) -> str:
    return value if value in allowed else ""
