"""What each kind of object costs of the quota, and which are not kept up."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from autosync.insight.report import KindPrice, LeftOut
from autosync.kinds import left_out
from autosync.mirror import quota
from autosync.mirror.models import KindLeftOut

_DAYS = 7


def prices(now: datetime) -> list[KindPrice]:
    """By kind what was spent today and in seven days, the most expensive first."""
    today = now.date()
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for use in quota.spent(today - timedelta(days=_DAYS - 1)):
        api = "rest" if use.resource == "core" else use.resource
        for span in ("today", "7d") if use.day == today else ("7d",):
            found[use.kind][f"requests_{span}"] += use.requests
            found[use.kind][f"{api}_points_{span}"] += use.points
    prices = [
        KindPrice(
            kind,
            *(round(of[f"{what}_today"], 1) for what in _WHAT),
            *(round(of[f"{what}_7d"], 1) for what in _WHAT),
        )
        for kind, of in found.items()
    ]
    return sorted(prices, key=lambda one: (-one.rest_points_7d - one.graphql_points_7d, one.kind))


_WHAT = ("requests", "rest_points", "graphql_points")


def kinds_left_out() -> list[LeftOut]:
    """Those that this process leaves out, and since when a worker does."""
    since = dict(KindLeftOut.objects.values_list("name", "since"))
    return [LeftOut(kind, why, since.get(kind)) for kind, why in left_out().items()]
