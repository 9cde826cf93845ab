"""The inbox: what came, the story of each delivery, and applying it again."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from autosync.mirror.models import Delivery, Repository
from autosync.sync import WebhookProcessor
from autosync.web import paging, story
from autosync.web.access import readable, staff_only

_BIGGEST_ID = 2**63 - 1
# Replaying all takes one statement; more than these come with the next press.
REPLAYED_AT_ONCE = 10_000


@require_safe
@readable
def delivery_list(request: HttpRequest) -> HttpResponse:
    """`/deliveries/?status=&q=&cursor=`: newest first; the search is by event or GUID."""
    status = request.GET.get("status", "")
    status = status if status in Delivery.Status.values else ""
    search = paging.search(request)
    rows = Delivery.objects.defer("body", "headers")
    if status:
        rows = rows.filter(status=status)
    if search:
        # A GUID has digits or dashes, an event has neither.
        looks_like_guid = any(letter.isdigit() or letter == "-" for letter in search)
        rows = rows.filter(guid=search) if looks_like_guid else rows.filter(event=search.lower())
    context = {
        "page": paging.of(rows, request, "-received_at"),
        "status": status,
        "search": search,
        "statuses": Delivery.Status.choices,
        "parked": Delivery.objects.filter(status=Delivery.Status.PARKED).count(),
    }
    return render(request, "web/deliveries.html", context)


@require_safe
@readable
def delivery(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """`/deliveries/<id>/`: its story; headers and payload for those who signed in."""
    found = Delivery.objects.filter(pk=delivery_id).first() if delivery_id <= _BIGGEST_ID else None
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
        "objects": story.objects(document),
    }
    if request.user.is_authenticated:
        context |= {"headers": story.headers(found), "payload": text}
    return render(request, "web/delivery.html", context)


@require_POST
@staff_only
def replay(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Apply the delivery again. Harmless for one that was applied: newer rows stay."""
    if delivery_id > _BIGGEST_ID or not WebhookProcessor.replay([delivery_id]):
        raise Http404("No such delivery.")
    messages.success(request, "Put back in line.")
    return redirect("delivery", delivery_id)


@require_POST
@staff_only
def replay_parked(request: HttpRequest) -> HttpResponse:
    """Put all parked deliveries back in line, oldest first."""
    parked = Delivery.objects.filter(status=Delivery.Status.PARKED).order_by("id")
    count = WebhookProcessor.replay(list(parked.values_list("pk", flat=True)[:REPLAYED_AT_ONCE]))
    messages.success(request, f"{count} deliveries were put back in line.")
    return redirect("deliveries")
