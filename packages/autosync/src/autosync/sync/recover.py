"""Read GitHub's own log of deliveries and put into the inbox what never arrived."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from autosync import connect, moments
from autosync.github import (
    AppClient,
    GitHubError,
    NotFound,
    Priority,
    QuotaExhausted,
    Unavailable,
)
from autosync.killpoints import reached
from autosync.kinds import handlers
from autosync.mirror.doubt import audit_soon
from autosync.mirror.inbox import count_as_stored, known, store
from autosync.mirror.models import Delivery, DeliveryLog, Repository
from autosync.sync.commits import chunks
from autosync.sync.jobs import SyncJobRunner
from autosync.sync.locks import exclusive
from autosync.sync.queue import REFRESH_INSTALLATION, defer
from autosync.sync.watch import look_at_attempts, note_answer

logger = logging.getLogger(__name__)

# A delivery is logged when its attempt ends, up to ten seconds (GHES: thirty) after it began, and
# GitHub's servers need not agree to the second. Reading a stretch twice costs nothing.
OVERLAP = timedelta(minutes=2)
# GitHub promises three days (documentation of the delivery log). A longer absence leaves a gap.
KEPT = timedelta(days=3)
STORED_AT_ONCE = 50
# A payload is a request of the App's own quota (5,000 an hour), which tokens are made on too.
MOST_PAYLOADS = 1_000
_APP = 0  # under which its quota is counted
_encode = msgspec.json.encode
Item = dict[str, Any]


@dataclass
class Recovered:
    """What one reading found."""

    stored: int = 0
    # Where payloads are no longer shown, or too many to ask for: installation → repositories to
    # sync and audit instead.
    to_sync: dict[int, set[int]] = field(default_factory=dict)
    # The GUIDs of these, which the next reading would find missing again.
    replaced: list[str] = field(default_factory=list)
    gap: str = ""
    """Set when the log does not reach back to where the last reading ended: all is reconciled."""


def read_delivery_log(*, wait: bool = False) -> Recovered:
    """Store every handled event that GitHub tried to deliver and the inbox does not have.

    One request when nothing is missing, one more for each missing delivery, on the App's own
    quota; where that is more than it is worth, repositories are synced and audited.
    Compares GUIDs and trusts no status: an attempt whose connection never opened is no `failure`
    in the log, and one that was acknowledged may be gone with a restored database.
    Raises Busy when another worker is reading (unless `wait`), GitHubError when GitHub does not
    answer.
    """
    with exclusive("delivery_log", 0, wait=wait):
        try:
            found = _read()
        except GitHubError as error:
            if not isinstance(error, QuotaExhausted):
                note_answer(error)
            raise
        note_answer(None)
    if found.stored:
        logger.info("%d deliveries came from GitHub's delivery log", found.stored)
    return found


def _read() -> Recovered:
    """For who holds the lock."""
    client = connect.app_client(Priority.RECONCILE)
    state, _ = DeliveryLog.objects.get_or_create(pk=1)
    started_at = timezone.now()
    since = (state.read_until or started_at) - OVERLAP
    newest, missing, attempts = _missing(client, since)
    look_at_attempts(attempts)
    found = Recovered()
    missing = _worth_reading(missing, found)
    reached("recover: log read, no payload read")
    # Oldest first, and each batch committed: a kill costs one batch.
    for batch in chunks(_documents(client, missing, found), STORED_AT_ONCE):
        reached("recover: payloads read, not stored")
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
    reached("recover: all stored, watermark not moved")
    with transaction.atomic():
        state.save()
        _sync_instead(found)
    return found


def _sync_instead(found: Recovered) -> None:
    """Have GitHub's lists read for what its log does not show; committed with the watermark."""
    count_as_stored(found.replaced)
    for installation_id, repository_ids in found.to_sync.items():
        defer(REFRESH_INSTALLATION, installation_id)
        audit_soon(repository_ids)
        SyncJobRunner.start_for_webhook(installation_id, sorted(repository_ids))
    if found.gap:
        logger.warning("%s", found.gap)
        audit_soon(Repository.visible().values_list("pk", flat=True))
        SyncJobRunner.start_periodic(force=True)


def _missing(client: AppClient, since: datetime) -> tuple[datetime | None, list[Item], list[Item]]:
    """The newest moment in the log; one attempt of each delivery to fetch, oldest first; and all
    attempts."""
    newest: datetime | None = None
    attempts: list[Item] = []
    missing: dict[str, Item] = {}
    wanted = handlers()
    for page in client.deliveries(since=since):
        items = [item for item in page.items if _at(item) >= since]
        newest = max(filter(None, (newest, *map(_at, items))), default=None)
        attempts += items
        handled = {item["guid"]: item for item in items if item["event"] in wanted}
        here = known(handled)
        missing |= {guid: item for guid, item in handled.items() if guid not in here}
    to_fetch = sorted(missing.values(), key=lambda item: (_at(item), item["id"]))
    return newest, to_fetch, attempts


def _documents(client: AppClient, items: Sequence[Item], found: Recovered) -> Iterator[Delivery]:
    for item in items:
        try:
            request = client.delivery(item["id"]).get("request")
        except NotFound:  # it grew older than the log while we were reading
            request = None
        except Unavailable as error:
            client.app()  # raises if it is not this delivery alone
            logger.warning("delivery %s cannot be read back: %s", item["guid"], error)
            request = None
        payload = request.get("payload") if isinstance(request, dict) else None
        if not isinstance(payload, dict) or not payload:
            logger.warning("delivery %(guid)s (%(event)s) has no payload in the log", item)
            _sync_its_repository(item, found)
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


def _worth_reading(missing: list[Item], found: Recovered) -> list[Item]:
    """What to ask for one by one. Repositories of which most is missing are read anew instead: a
    hundred of their objects cost what one payload costs.
    """
    spare = _affordable()
    if len(missing) <= spare:
        return missing
    counts = Counter(item["repository_id"] for item in missing if item.get("repository_id"))
    left, instead = len(missing), set()
    for repository_id, count in counts.most_common():
        if left <= spare:
            break
        instead.add(repository_id)
        left -= count
    logger.warning(
        "%d deliveries are missing: those of %d repositories are not asked for, their lists are",
        len(missing),
        len(instead),
    )
    for item in missing:
        if item.get("repository_id") in instead:
            _sync_its_repository(item, found)
    return [item for item in missing if item.get("repository_id") not in instead]


def _affordable() -> int:
    """How many payloads the App's quota allows now; a backfill's reserve stays for other work."""
    left = connect.budget().spare(_APP, "core", Priority.BACKFILL)
    return MOST_PAYLOADS if left is None else max(0, min(MOST_PAYLOADS, left))


def _sync_its_repository(item: Item, found: Recovered) -> None:
    installation_id, repository_id = item.get("installation_id"), item.get("repository_id")
    if installation_id and repository_id:
        found.replaced.append(item["guid"])
        found.to_sync.setdefault(installation_id, set()).add(repository_id)


def _store(deliveries: Sequence[Delivery]) -> int:
    """Into the inbox; what came by webhook meanwhile stays as it is."""
    return len(store(deliveries, Delivery.Source.DELIVERY_LOG))


def _at(item: Item) -> datetime:
    return moments.moment(item["delivered_at"]) or moments.EPOCH
