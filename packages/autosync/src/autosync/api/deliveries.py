"""The inbox from outside: what came, what is parked, and applying it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Status
from ninja.errors import HttpError
from pydantic import Field

from autosync.api.access import may
from autosync.api.mirror import PROBLEMS
from autosync.api.pages import Moment, Page, PageQuery, StrictQuery, Text, page
from autosync.api.schemas import (
    DeliveryDetail,
    DeliveryOut,
    Problem,
    Replayed,
    delivery_detail,
)
from autosync.insight.delivery_filter import Filter
from autosync.jsontext import repaired
from autosync.mirror.models import Delivery
from autosync.storable import BIGGEST_ID
from autosync.sync import WebhookProcessor

router = Router(tags=["deliveries"])


class _Chosen(StrictQuery):
    """Which deliveries."""

    event: Text | None = Field(None, description="X-GitHub-Event")
    source: Literal["webhook", "delivery_log"] | None = None
    guid: Text | None = Field(None, description="X-GitHub-Delivery")
    repository: int | None = Field(None, ge=1, le=BIGGEST_ID, description="GitHub's id")
    installation: int | None = Field(None, ge=1, le=BIGGEST_ID)
    error: Text | None = Field(
        None, description="part of the error or reason; upper and lower case are the same"
    )
    since: Moment | None = Field(None, description="received at or after")
    until: Moment | None = Field(None, description="received before")

    def rows(self, status: str | None, ids: Sequence[int] = ()) -> QuerySet[Delivery]:
        return Filter(
            ids=tuple(ids),
            status=status,
            **{name: getattr(self, name) for name in _Chosen.model_fields},
        ).rows()


class DeliveryQuery(PageQuery, _Chosen):
    order: Literal["received_at", "-received_at"] = "-received_at"
    status: Literal["pending", "applied", "ignored", "parked"] | None = None


class ReplayQuery(_Chosen):
    id: list[Annotated[int, Field(ge=1, le=BIGGEST_ID)]] = Field([], description="only these")
    status: Literal["applied", "ignored", "parked"] = "parked"


@router.get("/deliveries/", response={200: Page[DeliveryOut], **PROBLEMS})
def list_deliveries(request: HttpRequest, query: Query[DeliveryQuery]) -> dict[str, Any]:
    """Deliveries, newest first; `status=parked` for those that need a look."""
    return page(query.rows(query.status), query, query.order, DeliveryOut.of)


@router.post("/deliveries/replay/", auth=may("sync"), response={202: Replayed, **PROBLEMS})
def replay_deliveries(request: HttpRequest, query: Query[ReplayQuery]) -> Status[Replayed]:
    """Apply again what matches: all that is parked, or some of it by `id`, event, repository …"""
    chosen = query.rows(query.status, query.id)
    return Status(202, Replayed(replayed=WebhookProcessor.replay(chosen)))


@router.get(
    "/deliveries/{int:delivery_id}/", response={200: DeliveryDetail, **PROBLEMS, 404: Problem}
)
def get_delivery(request: HttpRequest, delivery_id: int) -> DeliveryDetail:
    """One delivery with its headers and payload."""
    return detail(_delivery(delivery_id))


@router.post(
    "/deliveries/{int:delivery_id}/replay/",
    auth=may("sync"),
    response={202: Replayed, **PROBLEMS, 404: Problem},
)
def replay_delivery(request: HttpRequest, delivery_id: int) -> Status[Replayed]:
    """Apply the delivery again. Harmless for one that was applied: newer rows stay."""
    row = _delivery(delivery_id)
    return Status(202, Replayed(replayed=WebhookProcessor.replay([row.pk])))


def detail(row: Delivery) -> DeliveryDetail:
    """The delivery with its headers and decoded payload."""
    try:
        payload = json.loads(repaired(bytes(row.body)))
    except ValueError:
        payload = None
    return delivery_detail(row, payload)


def _delivery(delivery_id: int) -> Delivery:
    row = Delivery.objects.filter(pk=delivery_id).first()
    if row is None:
        raise HttpError(404, f"No delivery {delivery_id}; see /api/deliveries/.")
    return row
