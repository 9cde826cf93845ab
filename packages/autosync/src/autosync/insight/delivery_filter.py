"""Choosing deliveries: the same filter for the API, the dashboard and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from autosync.mirror.inbox import with_guid
from autosync.mirror.models import Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which deliveries; what is None or empty is no condition. Moments are those of the receipt."""

    ids: tuple[int, ...] = ()
    status: str | None = None
    event: str | None = None
    source: str | None = None
    guid: str | None = None
    repository: int | None = None
    installation: int | None = None
    error: str | None = None
    """Part of the error, or of the reason to ignore it; in whatever case."""
    since: datetime | None = None
    until: datetime | None = None

    def rows(self) -> QuerySet[Delivery]:
        """The deliveries, without their headers and bodies."""
        wanted = {
            "pk__in": self.ids,
            "status": self.status,
            "event": self.event,
            "source": self.source,
            "repository_id": self.repository,
            "installation_id": self.installation,
            "error__icontains": self.error,
            "received_at__gte": self.since,
            "received_at__lt": self.until,
        }
        rows = Delivery.objects.defer("body", "headers").filter(
            **{name: value for name, value in wanted.items() if value not in (None, "", ())}
        )
        return rows.filter(with_guid(self.guid)) if self.guid else rows
