"""The door into the inbox: deliveries are stored here, each GUID once, and found by their GUID."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from autosync.storable import storable

if TYPE_CHECKING:
    from django.db.models import Q

STORE = (Path(__file__).parent / "store_deliveries.sql").read_bytes()


class Storable(Protocol):
    """What the inbox needs to know of a delivery; `headers` and `body` as they came."""

    @property
    def guid(self) -> str: ...
    @property
    def event(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def installation_id(self) -> int | None: ...
    @property
    def repository_id(self) -> int | None: ...
    @property
    def headers(self) -> Any: ...
    @property
    def body(self) -> Any: ...


def parameters(deliveries: Sequence[Storable], source: str) -> dict[str, Any]:
    """The parameters of STORE. Of twins the first counts."""
    unique = list({d.guid: d for d in reversed(deliveries)}.values())
    # Two who store the same GUIDs meet them in the same order and cannot deadlock.
    unique.sort(key=lambda d: d.guid)
    return {
        "guid": [d.guid for d in unique],
        "event": [d.event for d in unique],
        "action": [d.action for d in unique],
        "installation_id": [d.installation_id for d in unique],
        "repository_id": [d.repository_id for d in unique],
        "headers": [msgspec.json.encode(storable(d.headers)).decode() for d in unique],
        "body": [d.body for d in unique],
        "source": source,
    }


def store(deliveries: Sequence[Storable], source: str) -> set[str]:
    """Store through Django's connection and wake the appliers; the GUIDs that are new."""
    from django.db import connection  # noqa: PLC0415 (the receiver does without Django)

    with connection.cursor() as cursor:
        cursor.execute(STORE.decode(), parameters(deliveries, source))
        row = cursor.fetchone()
    return set(row[0] or ()) if row else set()


def count_as_stored(guids: Sequence[str]) -> None:
    """Count these GUIDs as stored, with no delivery: their content is read in another way."""
    from django.db import connection  # noqa: PLC0415 (the receiver does without Django)

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO inbox_guids (guid) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING",
            [sorted(guids)],
        )


def known(guids: Collection[str]) -> set[str]:
    """Which of `guids` were stored before, also of deliveries no longer kept."""
    from autosync.mirror.models import DeliveryGuid  # noqa: PLC0415 (the receiver does without Django)

    return set(DeliveryGuid.objects.filter(guid__in=guids).values_list("guid", flat=True))


def with_guid(guid: str) -> Q:
    """The condition for the delivery with this GUID; only its day is looked into."""
    from django.db.models import Q, Subquery  # noqa: PLC0415 (the receiver does without Django)

    from autosync.mirror.models import DeliveryGuid  # noqa: PLC0415 (the receiver does without Django)

    seen = DeliveryGuid.objects.filter(guid=guid)
    return Q(
        pk=Subquery(seen.values("delivery_id")), received_at=Subquery(seen.values("received_at"))
    )
