"""How AutoSync is: the reasons, the quota, the inbox, what is parked."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from autosync.insight import health as insight
from autosync.mirror.models import Delivery
from autosync.web import charts
from autosync.web.access import readable

PARKED = 20


@require_safe
@readable
def health(request: HttpRequest) -> HttpResponse:
    """`/health/`: the whole report; shows what it can when the database does not answer."""
    report = insight.report()
    context: dict[str, Any] = {"report": report, "parked": []}
    if report.system is not None:
        parked = Delivery.objects.filter(status=Delivery.Status.PARKED)
        context["parked"] = list(parked.defer("body", "headers").order_by("-received_at")[:PARKED])
    if report.proof is not None and any(day.audits for day in report.proof.drift):
        context["differences_chart"] = charts.differences(report.proof.drift)
        context["points_chart"] = charts.audit_points(report.proof.drift)
    return render(request, "web/health.html", context)
