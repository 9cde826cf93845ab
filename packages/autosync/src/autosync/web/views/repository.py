"""One repository: its commits, issues, pull requests, people and branches, and how it is doing."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from autosync import kinds
from autosync.insight import again, ailing, analytics, drift, jobs
from autosync.models import Repository, ResourceCursor
from autosync.sync import SyncJobRunner
from autosync.web import charts, feed, more, paging, reader, sight
from autosync.web.access import readable, staff_only, wants_charts
from autosync.web.markdown import Place
from autosync.web.tabs import TABS, Tab

FEED_LENGTH = 15


@require_safe
@readable
def repository(request: HttpRequest, repository_id: int) -> HttpResponse:
    """`/repositories/<id>/?tab=&q=&state=&cursor=`; with htmx only what it asks for."""
    found = sight.repository(repository_id)
    tab = next((tab for tab in TABS if tab.key == request.GET.get("tab")), TABS[0])
    state = request.GET.get("state", "")
    state = state if state in tab.states else ""
    search = paging.search(request)
    page: paging.ListPage[Model] = paging.of(tab.find(found, search, state), request, tab.order)
    more.add_to(tab, found.pk, page.rows)
    texts = reader.texts_of(request, Place.of(found))
    resources = jobs.resource_progress([found.pk]).get(found.pk, [])
    context = {
        "repository": found,
        "counts": analytics.counts([found.pk])[found.pk],
        "unavailable": ailing.unavailable([found.pk]).get(found.pk, []),
        "read_again": again.of_repositories([found.pk]).get(found.pk, []),
        "resources": resources,
        "tabs": TABS,
        "tab": tab,
        "search": search,
        "state": state,
        "page": page,
        "verdicts": drift.by_repository(timezone.now() - timedelta(days=drift.DAYS), found.pk),
        # The first of them that there is.
        "row_template": [f"web/lists/{tab.key}.html", tab.template or f"web/_{tab.key}.html"],
        "texts": texts,
        "left_out": kinds.left_out().get(tab.kind, ""),
        "arriving": _is_arriving(found, tab, resources),
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
    return reader.answer(request, "web/repository.html", context, texts)


def _is_arriving(repository: Repository, tab: Tab, resources: list[jobs.ResourceProgress]) -> bool:
    """Whether the list is not whole yet: of a kind that is new here, long after the import."""
    if not tab.resource:
        return repository.sync_state != Repository.SyncState.SYNCED
    state = next((one.state for one in resources if one.resource == tab.resource), "")
    return state != ResourceCursor.State.COMPLETE


@require_POST
@staff_only
def sync(request: HttpRequest, repository_id: int) -> HttpResponse:
    """The button “Sync now”: start a manual sync and show its job."""
    found = sight.repository(repository_id)
    if found.installation.is_suspended:
        messages.error(
            request,
            f"The installation on {found.installation} is suspended: GitHub refuses its requests "
            "until its owner unsuspends it.",
        )
        return redirect("repository", repository_id)
    return redirect("job", SyncJobRunner.start_manual(found).pk)
