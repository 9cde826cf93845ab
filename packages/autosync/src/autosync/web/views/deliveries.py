"""The inbox: what came, the story of each delivery, and applying it again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from autosync import moments
from autosync.insight.delivery_filter import Filter
from autosync.mirror.models import Delivery, Repository
from autosync.storable import BIGGEST_ID
from autosync.sync import WebhookProcessor
from autosync.web import paging, story, story_rows
from autosync.web.access import readable, staff_only

FILTERS = ("q", "repository", "error", "since", "until")


@require_safe
@readable
def delivery_list(request: HttpRequest) -> HttpResponse:
    """`/deliveries/?status=&q=&repository=&error=&since=&until=&cursor=`: newest first."""
    chosen = _chosen(request.GET)
    status = request.GET.get("status", "")
    status = status if status in Delivery.Status.values else ""
    parked = replace(chosen, status=Delivery.Status.PARKED).rows()
    context = {
        "page": paging.of(replace(chosen, status=status).rows(), request, "-received_at"),
        "status": status,
        "asked": {name: request.GET.get(name, "") for name in FILTERS},
        "filtered": any(request.GET.get(name) for name in FILTERS),
        "statuses": Delivery.Status.choices,
        "parked": parked.count(),
    }
    return render(request, "web/deliveries.html", context)


def _chosen(asked: QueryDict) -> Filter:
    """The filter that was typed: an event or GUID, a repository, part of an error, two days."""
    typed = {name: asked.get(name, "").strip().replace("\x00", "")[:200] for name in FILTERS}
    # A GUID has digits or dashes, an event has neither.
    looks_like_guid = any(letter.isdigit() or letter == "-" for letter in typed["q"])
    until = _day(typed["until"])
    return Filter(
        guid=typed["q"] if looks_like_guid else None,
        event=None if looks_like_guid else typed["q"].lower(),
        repository=_repository(typed["repository"]),
        error=typed["error"],
        since=_day(typed["since"]),
        until=until and until + timedelta(days=1),  # that day too
    )


def _repository(name: str) -> int | None:
    if not name:
        return None
    if name.isdecimal() and int(name) <= BIGGEST_ID:
        return int(name)
    found = Repository.visible().filter(full_name__iexact=name).values_list("pk", flat=True).first()
    return found or 0  # no repository has the id 0: nothing matches


def _day(text: str) -> datetime | None:
    try:
        return moments.clamp(datetime.fromisoformat(text).replace(tzinfo=UTC))
    except ValueError:
        return None


@require_safe
@readable
def delivery(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """`/deliveries/<id>/`: its story; headers and payload for those who signed in."""
    found = Delivery.objects.filter(pk=delivery_id).first() if delivery_id <= BIGGEST_ID else None
    if found is None:
        raise Http404("No such delivery.")
    document, text = story.payload(found)
    repository = None
    if found.repository_id is not None:
        repository = Repository.visible().filter(pk=found.repository_id).first()
    context: dict[str, Any] = {
        "delivery": found,
        "repository": repository,
        "steps": story.steps(found),
        "objects": story.objects(found.event, document),
        "rows": story_rows.lines(found),
        "more": story_rows.more(found),
    }
    if request.user.is_authenticated:
        context |= {"headers": story.headers(found), "payload": text}
    return render(request, "web/delivery.html", context)


@require_POST
@staff_only
def replay_one(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Apply the delivery again. Harmless for one that was applied: newer rows stay."""
    if delivery_id > BIGGEST_ID or not WebhookProcessor.replay([delivery_id]):
        raise Http404("No such delivery.")
    messages.success(request, "The delivery will be applied again.")
    return redirect("delivery", delivery_id)


@require_POST
@staff_only
def replay_parked(request: HttpRequest) -> HttpResponse:
    """Put the parked deliveries that match the page's filter back in line, or all."""
    chosen = replace(_chosen(request.POST), status=Delivery.Status.PARKED)
    count = WebhookProcessor.replay(chosen.rows())
    messages.success(request, f"Deliveries to be applied again: {count}.")
    return redirect("deliveries")
