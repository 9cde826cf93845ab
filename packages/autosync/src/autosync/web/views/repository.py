"""One repository: its commits, issues, pull requests, people and branches, and how it is doing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from django.contrib import messages
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from autosync.insight import ailing, analytics, drift, jobs
from autosync.models import Commit, Contributor, Issue, PullRequest, Ref, Repository
from autosync.sync import SyncJobRunner
from autosync.web import charts, feed, paging
from autosync.web.access import readable, staff_only, wants_charts

FEED_LENGTH = 15
_BIGGEST_ID = 2**63 - 1
Row = TypeVar("Row", bound=Model)


def _commits(repository: Repository, search: str, state: str) -> QuerySet[Commit]:
    rows = Commit.live.filter(repository=repository)
    if search:
        rows = rows.filter(
            Q(message__icontains=search)
            | Q(sha__startswith=search.lower())
            | Q(author_login__iexact=search)
            | Q(author_name__icontains=search)
        )
    return rows


def _issues(repository: Repository, search: str, state: str) -> QuerySet[Issue]:
    return _numbered(Issue.live.filter(repository=repository), search, state)


def _pulls(repository: Repository, search: str, state: str) -> QuerySet[PullRequest]:
    return _numbered(PullRequest.live.filter(repository=repository), search, state)


def _numbered(rows: QuerySet[Row], search: str, state: str) -> QuerySet[Row]:
    if state:
        rows = rows.filter(state=state)
    if search:
        wanted = Q(title__icontains=search) | Q(author_login__iexact=search)
        number = search.removeprefix("#")
        if number.isdecimal() and len(number) < 10:
            wanted |= Q(number=int(number))
        rows = rows.filter(wanted)
    return rows


def _people(repository: Repository, search: str, state: str) -> QuerySet[Contributor]:
    rows = Contributor.objects.filter(repository=repository)
    if search:
        rows = rows.filter(
            Q(login__icontains=search) | Q(name__icontains=search) | Q(email__icontains=search)
        )
    return rows


def _branches(repository: Repository, search: str, state: str) -> QuerySet[Ref]:
    rows = Ref.live.filter(repository=repository, kind=Ref.Kind.BRANCH)
    return rows.filter(name__icontains=search) if search else rows


@dataclass(frozen=True, slots=True)
class Tab:
    """One list of the page."""

    key: str
    name: str
    find: Callable[[Repository, str, str], QuerySet[Any]]
    order: str
    states: tuple[str, ...] = ()


TABS = (
    Tab("commits", "Commits", _commits, "-committed_at"),
    Tab("issues", "Issues", _issues, "-updated_at", ("open", "closed")),
    Tab("pulls", "Pull requests", _pulls, "-updated_at", ("open", "closed")),
    Tab("people", "Contributors", _people, "-contributions"),
    Tab("branches", "Branches", _branches, "name"),
)


@require_safe
@readable
def repository(request: HttpRequest, repository_id: int) -> HttpResponse:
    """`/repositories/<id>/?tab=&q=&state=&cursor=`; with htmx only what it asks for."""
    found = _visible(repository_id)
    tab = next((tab for tab in TABS if tab.key == request.GET.get("tab")), TABS[0])
    state = request.GET.get("state", "")
    state = state if state in tab.states else ""
    search = paging.search(request)
    page: paging.ListPage[Model] = paging.of(tab.find(found, search, state), request, tab.order)
    context = {
        "repository": found,
        "counts": analytics.counts([found.pk])[found.pk],
        "unavailable": ailing.unavailable([found.pk]).get(found.pk, []),
        "resources": jobs.resource_progress([found.pk]).get(found.pk, []),
        "tabs": TABS,
        "tab": tab,
        "search": search,
        "state": state,
        "page": page,
        "verdicts": drift.by_repository(timezone.now() - timedelta(days=drift.DAYS), found.pk),
        "row_template": f"web/_{tab.key}.html",
    }
    if not request.headers.get("HX-Request"):
        context |= {"feed": feed.newest(FEED_LENGTH, found.pk), "feed_length": FEED_LENGTH}
    if wants_charts(request):
        activity = analytics.activity(found.pk)
        flow = analytics.issue_flow(found.pk)
        context |= {
            "with_charts": True,
            "activity": activity,
            "activity_chart": charts.commits(activity) if activity.columns else "",
            "flow": flow,
            "flow_chart": charts.issues(flow) if flow else "",
            "time_to_close": analytics.time_to_close(found.pk),
            "lead_time": analytics.lead_time(found.pk),
            "top": analytics.top_contributors(found.pk, 8),
        }
    return render(request, "web/repository.html", context)


@require_POST
@staff_only
def sync(request: HttpRequest, repository_id: int) -> HttpResponse:
    """The button “Sync now”: start a manual sync and show its job."""
    found = _visible(repository_id)
    if found.installation.is_suspended:
        messages.error(
            request,
            f"The installation on {found.installation} is suspended: GitHub refuses its requests "
            "until its owner unsuspends it.",
        )
        return redirect("repository", repository_id)
    return redirect("job", SyncJobRunner.start_manual(found).pk)


def _visible(repository_id: int) -> Repository:
    rows = Repository.visible().select_related("installation")
    found = rows.filter(pk=repository_id).first() if repository_id <= _BIGGEST_ID else None
    if found is None:
        raise Http404("This repository is not mirrored.")
    return found
