"""The overview: is everything mirrored, what is going on, what just changed."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from autosync.insight import analytics, health, jobs
from autosync.insight.analytics import Counts
from autosync.mirror.models import Repository, SyncJob
from autosync.web import charts, feed, paging
from autosync.web.access import readable, wants_charts

FEED_LENGTH = 30
# Enough to see what an import does; the job's own page shows all of it.
REPOSITORIES_PER_JOB = 8
REPOSITORIES = 200


@dataclass(frozen=True, slots=True)
class RepositoryLine:
    """One repository in the table."""

    repository: Repository
    counts: Counts
    weeks: list[int]
    """Commits of the last 26 weeks, oldest first."""


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job under way, with the repositories to show of it."""

    job: SyncJob
    parts: list[jobs.RepositoryProgress]
    more: int


@require_safe
@readable
def overview(request: HttpRequest) -> HttpResponse:
    """`/`: everything on one page; with htmx only the parts that progress changes."""
    report = health.report()
    search = paging.search(request)
    context = {
        "report": report,
        "search": search,
        "limit": REPOSITORIES,
    }
    if report.system is not None:
        context |= {
            "totals": analytics.totals(),
            "running": _running(),
            "lines": _lines(search),
        }
        if not request.headers.get("HX-Request"):
            context |= {"feed": feed.newest(FEED_LENGTH), "feed_length": FEED_LENGTH}
        if wants_charts(request):
            activity = analytics.activity()
            context |= {
                "activity": activity,
                "activity_chart": charts.commits(activity, 1200) if activity.columns else "",
            }
    return render(request, "web/overview.html", context)


def _lines(search: str) -> list[RepositoryLine]:
    rows = Repository.visible().order_by("full_name")
    if search:
        rows = rows.filter(full_name__icontains=search)
    repositories = list(rows[:REPOSITORIES])
    ids = [repository.pk for repository in repositories]
    counts = analytics.counts(ids)
    weeks = analytics.weekly_commits(ids)
    return [
        RepositoryLine(repository, counts[repository.pk], weeks[repository.pk])
        for repository in repositories
    ]


def _running() -> list[RunningJob]:
    status = SyncJob.Status
    found = []
    for job in jobs.newest(SyncJob.objects.filter(status__in=[status.PENDING, status.RUNNING]))[:5]:
        parts = [part for part in jobs.progress(job) if part.status in ("running", "failed")]
        found.append(
            RunningJob(job, parts[:REPOSITORIES_PER_JOB], max(len(parts) - REPOSITORIES_PER_JOB, 0))
        )
    return found
