"""Read GitHub's own log of deliveries and put into the inbox what never arrived."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.utils import timezone

from autosync.github import AppClient, NotFound
from autosync.mirror.deliveries import known, store
from autosync.mirror.models import Delivery, DeliveryLog
from autosync.resources import handlers
from autosync.sync import connect
from autosync.sync.commits import chunks
from autosync.sync.locks import exclusive

logger = logging.getLogger(__name__)

# A delivery is logged when its attempt ends, up to ten seconds (GHES: thirty) after it began, and
# GitHub's servers need not agree to the second. Reading a stretch twice costs nothing.
OVERLAP = timedelta(minutes=2)
# GitHub promises three days (documentation of the delivery log). A longer absence leaves a gap.
KEPT = timedelta(days=3)
STORED_AT_ONCE = 50
_encode = msgspec.json.encode
Item = dict[str, Any]


@dataclass
class Recovered:
    """What one reading found."""

    stored: int = 0
    # Deliveries whose payload GitHub no longer shows: installation → repositories to sync instead.
    unreadable: dict[int, set[int]] = field(default_factory=dict)
    gap: str = ""
    """Set when the log does not reach back to where the last reading ended: reconcile."""


def read_delivery_log(*, wait: bool = False) -> Recovered:
    """Store every handled event that GitHub tried to deliver and the inbox does not have.

    One request when nothing is missing, one more for each missing delivery, on the App's own
    quota. Compares GUIDs and trusts no status: an attempt whose connection never opened is no
    `failure` in the log, and one that was acknowledged may be gone with a restored database.
    Raises Busy when another worker is reading (unless `wait`), GitHubError when GitHub does not
    answer.
    """
    client = connect.app_client()
    with exclusive("delivery_log", 0, wait=wait):
        state, _ = DeliveryLog.objects.get_or_create(pk=1)
        started_at = timezone.now()
        since = (state.read_until or started_at) - OVERLAP
        newest, missing = _missing(client, since)
        found = Recovered()
        # Oldest first, and each batch committed: a kill costs one batch.
        for batch in chunks(_documents(client, missing, found), STORED_AT_ONCE):
            stored = _store(batch)
            found.stored += stored
            state.recovered += stored
            state.save(update_fields=["recovered"])
        if state.read_until is not None and (newest or started_at) - state.read_until > KEPT:
            found.gap = (
                f"GitHub's delivery log was last read up to {state.read_until:%Y-%m-%d %H:%M} and "
                "keeps three days: reading everything again instead."
            )
        # GitHub's clock where it has spoken, never backwards.
        state.read_until = max(state.read_until or since, newest or since)
        state.read_at = started_at
        state.save()
    if found.stored:
        logger.info("%d deliveries came from GitHub's delivery log", found.stored)
    return found


def _missing(client: AppClient, since: datetime) -> tuple[datetime | None, list[Item]]:
    """The newest moment in the log, and one attempt of each delivery to fetch, oldest first."""
    newest: datetime | None = None
    missing: dict[str, Item] = {}
    wanted = handlers()
    for page in client.deliveries(since=since):
        items = [item for item in page.items if _at(item) >= since]
        newest = max(filter(None, (newest, *map(_at, items))), default=None)
        handled = {item["guid"]: item for item in items if item["event"] in wanted}
        here = known(handled)
        missing |= {guid: item for guid, item in handled.items() if guid not in here}
    return newest, sorted(missing.values(), key=lambda item: (_at(item), item["id"]))


def _documents(client: AppClient, items: Sequence[Item], found: Recovered) -> Iterator[Delivery]:
    for item in items:
        try:
            request = client.delivery(item["id"]).get("request") or {}
        except NotFound:  # it grew older than the log while we were reading
            request = {}
        payload = request.get("payload")
        if not isinstance(payload, dict) or not payload:
            _note_unreadable(item, found)
            continue
        yield Delivery(
            guid=item["guid"],
            event=item["event"],
            action=item.get("action") or "",
            installation_id=item.get("installation_id"),
            repository_id=item.get("repository_id"),
            headers={"X-GitHub-Event": item["event"], "X-GitHub-Delivery": item["guid"]},
            body=_encode(payload),
            source=Delivery.Source.DELIVERY_LOG,
        )


def _note_unreadable(item: Item, found: Recovered) -> None:
    logger.warning("delivery %s (%s) has no payload in the log", item["guid"], item["event"])
    installation_id, repository_id = item.get("installation_id"), item.get("repository_id")
    if installation_id and repository_id:
        found.unreadable.setdefault(installation_id, set()).add(repository_id)


def _store(deliveries: Sequence[Delivery]) -> int:
    """Into the inbox; what came by webhook meanwhile stays as it is."""
    return len(store(deliveries, Delivery.Source.DELIVERY_LOG))


def _at(item: Item) -> datetime:
    return datetime.fromisoformat(item["delivered_at"])
