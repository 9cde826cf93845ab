"""Apply deliveries: inbox → decode → changes → one transaction → feed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from autosync.database import is_away, is_hopeless
from autosync.killpoints import reached
from autosync.kinds import IGNORED, account_events, handlers
from autosync.kinds._events import (
    Changes,
    Envelope,
    Event,
    FollowUp,
    Patch,
    RepositoryPayload,
    Upsert,
)
from autosync.kinds._payload import IncompletePayload, reader
from autosync.kinds.repository import MERGE as REPOSITORY
from autosync.kinds.repository import row as repository_row
from autosync.mirror.doubt import audit_soon
from autosync.mirror.models import Delivery
from autosync.mirror.people import current
from autosync.mirror.prepared import prepared
from autosync.mirror.unnamed_payloads import unnamed_body
from autosync.mirror.upsert import Rule
from autosync.sync.applied_rows import applied_rows, mark_applied
from autosync.sync.changes import carry_out
from autosync.sync.sick import retry_soon

logger = logging.getLogger(__name__)

# So many are applied in one transaction if so many wait, and so many bytes of them: each statement
# is for all of them.
BATCH = 500
BATCH_BYTES = 32 * 2**20
MAX_ATTEMPTS = 8
# Bodies are small as a rule; where they are not, fewer are read at once.
_CLAIM = """
WITH due AS (
    SELECT id, guid, event, repository_id, body, received_at, attempts, error FROM inbox
    WHERE status = 'pending' AND next_attempt_at <= %s ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
), few AS (
    SELECT *, sum(octet_length(body)) OVER (ORDER BY id) AS together FROM due
)
SELECT id, guid, event, repository_id, body, received_at, attempts, error FROM few
WHERE together <= %s OR together = octet_length(body) ORDER BY id
"""
_LOOK_UP = """
WITH here AS (
    SELECT true, github_id, NULL::bigint, auto_sync_enabled, installation_id, full_name,
           names_changed_at, retry_at
    FROM repositories WHERE github_id = ANY(%s::bigint[]) ORDER BY github_id FOR NO KEY UPDATE
)
SELECT * FROM here UNION ALL
SELECT false, github_id, account_id, NULL, NULL, NULL, NULL, NULL
FROM installations WHERE github_id = ANY(%s::bigint[])
"""
WORKER_ENDED = "the worker ended while it applied this delivery"
# A star of somebody who is forgotten, say, of whom it lacks the id by now.
_GHOST = b'"ghost"'
_OF_NOBODY = "it is about an account that is gone or forgotten"
_read_envelope = reader(Envelope)
# Events about the installation itself bring their own installation.
_SELF_CONTAINED = frozenset({"installation", "installation_repositories"})
_FOREIGN = "the payload names no installation: it was not sent by a GitHub App"


@dataclass(slots=True)
class Claim:
    """What of a delivery is needed to apply it. A row of Django's takes longer to make."""

    pk: int
    guid: str
    event: str
    repository_id: int | None
    body: bytes
    received_at: datetime
    attempts: int
    error: str


class _Here(NamedTuple):
    """A repository as the mirror has it."""

    auto_sync_enabled: bool
    installation_id: int
    full_name: str
    names_changed_at: datetime | None
    retry_at: datetime | None


@dataclass(frozen=True)
class _Known:
    """What the mirror knows of the repositories and installations a batch speaks of."""

    repositories: dict[int, _Here]
    installations: dict[int, int | None]
    """Each with its account."""


class WebhookProcessor:
    """Applies deliveries from the inbox, each exactly once, in whatever order they came.

    Any number of processors may run at once, in any number of processes: each claims rows with
    SKIP LOCKED, and a killed one leaves its claim to the next. Whatever was tried before is tried
    alone, and says so before: what kills its worker again and again is parked in the end, and holds
    up the others no longer than the second time.
    """

    def __init__(self, *, careful: bool = False) -> None:
        """`careful`: the first batch is tried one by one. A worker before may have died of it."""
        self._handlers = handlers()
        self._of_accounts = account_events()
        self._careful = careful

    def drain(self) -> int:
        """Apply everything that is due; returns how many deliveries were finished or retried."""
        count = 0
        while batch := self.process_batch():
            count += batch
        return count

    def process_batch(self, limit: int = BATCH) -> int:
        """Claim and apply up to `limit` due deliveries in one transaction; returns their number.

        If one of them cannot be applied the transaction is undone and each gets its own, so that
        a bad delivery never holds up the others.
        """
        waiting: set[int] = set()
        try:
            with transaction.atomic():
                deliveries = self._claim(limit)
                fresh = [d for d in deliveries if not d.attempts and not self._careful]
                if fresh:
                    reached("apply: claimed")
                    waiting = self._apply(fresh)
                    reached("apply: marked, not committed")
            if fresh:
                reached("apply: committed")
                retry_soon(waiting)
        except Exception as error:
            if is_away(error):
                raise
            logger.info("a delivery in a batch failed; applying them one by one")
            fresh = []
            reached("apply: batch undone, not yet one by one")
        done = {d.pk for d in fresh}
        for delivery in deliveries:
            if delivery.pk not in done:
                self._process_one(delivery)
        self._careful = False
        return len(deliveries)

    @staticmethod
    def replay(deliveries: QuerySet[Delivery] | Sequence[int]) -> int:
        """Put deliveries back in line, by id or as a query; returns how many.

        Harmless for what was applied: newer rows stay. No body is read: any number may come.
        """
        if not isinstance(deliveries, QuerySet):
            deliveries = Delivery.objects.filter(pk__in=deliveries)
        now = timezone.now()
        with transaction.atomic():
            count = deliveries.order_by().update(
                status=Delivery.Status.PENDING,
                attempts=0,
                next_attempt_at=now,
                finished_at=None,
                error="",
                replays=F("replays") + 1,
                replayed_at=now,
            )
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_notify('autosync_inbox', '')")
        return count

    def _claim(self, limit: int) -> list[Claim]:
        with prepared() as cursor, connection.wrap_database_errors:
            # Binary: PostgreSQL would write out bodies as hexadecimal text, to be read again.
            cursor.cursor.execute(_CLAIM, [timezone.now(), limit, BATCH_BYTES], binary=True)
            return [Claim(*row) for row in cursor.cursor.fetchall()]

    def _process_one(self, delivery: Claim) -> None:
        if not self._try_once_more(delivery):
            return
        reached("apply: tried alone, not applied")
        try:
            with transaction.atomic():
                if found := list(self._lock(delivery)):
                    # Counted again with what becomes of it.
                    _only(found).update(attempts=delivery.attempts)
                    self._apply(found)
        except Exception as error:
            if is_away(error):
                self._take_back(delivery)
                raise
            self._failed(delivery, error)

    def _try_once_more(self, delivery: Claim) -> bool:
        """Count the attempt before it is made; False if the last one was, or it is another's."""
        now = timezone.now()
        with transaction.atomic():
            waiting = self._lock(delivery).filter(next_attempt_at__lte=now).first()
            if waiting is None:
                return False
            delivery.attempts = waiting.attempts
            parked = waiting.attempts >= MAX_ATTEMPTS
            _only([delivery]).update(
                status=Delivery.Status.PARKED if parked else Delivery.Status.PENDING,
                attempts=waiting.attempts if parked else waiting.attempts + 1,
                next_attempt_at=_later(waiting.attempts + 1),
                error=WORKER_ENDED,
            )
        if parked:
            logger.warning("delivery %s is parked: %s, each time", delivery.guid, WORKER_ENDED)
        return not parked

    @staticmethod
    def _lock(delivery: Claim) -> QuerySet[Delivery]:
        return (
            _only([delivery])
            .select_for_update(skip_locked=True)
            .filter(status=Delivery.Status.PENDING)
        )

    def _take_back(self, delivery: Claim) -> None:
        """The database went away, which is not the delivery's fault."""
        try:
            connection.close_if_unusable_or_obsolete()
            _only([delivery]).filter(status=Delivery.Status.PENDING).update(
                attempts=delivery.attempts, next_attempt_at=timezone.now(), error=delivery.error
            )
        except Exception as error:
            if not is_away(error):
                raise

    def _failed(self, delivery: Claim, error: Exception) -> None:
        """Retry with backoff (2, 4, 8 … s), then park; the error is kept with the delivery.

        What no other attempt can change is parked at once.
        """
        attempts = delivery.attempts + 1
        parked = attempts >= MAX_ATTEMPTS or is_hopeless(error)
        if parked:
            reached("apply: failed, not yet parked")
        leave_out_forgotten([delivery])
        _only([delivery]).filter(status=Delivery.Status.PENDING).update(
            attempts=attempts,
            status=Delivery.Status.PARKED if parked else Delivery.Status.PENDING,
            next_attempt_at=_later(attempts),
            error=current().text(f"{type(error).__name__}: {error}"[:2000]),
        )
        logger.warning(
            "delivery %s (%s) failed, attempt %d%s: %s",
            delivery.guid,
            delivery.event,
            attempts,
            ", parked" if parked else "",
            error,
        )

    def _apply(self, deliveries: Sequence[Delivery | Claim]) -> set[int]:
        """Carry out all changes of `deliveries` and mark them, inside the caller's transaction.

        Returns those of their repositories that wait for another try of a sync that failed.
        """
        leave_out_forgotten(deliveries)
        events = [_event(delivery) for delivery in deliveries]
        known = self._look_up(events)
        applied: list[Delivery | Claim] = []
        ignored: dict[str, list[Delivery | Claim]] = {}
        plans: list[list[Changes]] = []
        for delivery, given in zip(deliveries, events, strict=True):
            event = self._of_account(given, known)
            reason = self._reason_to_ignore(event, known)
            if reason is not None:
                ignored.setdefault(reason, []).append(delivery)
                continue
            try:
                handled = self._handled(event)
            except IncompletePayload:
                if _GHOST not in event.body:
                    raise
                ignored.setdefault(_OF_NOBODY, []).append(delivery)
                continue
            plans.append([self._heal(event, known), *handled])
            applied.append(delivery)
        if plans:
            observed_at = max(e.received_at for e in events)
            renamed = {pk: here.names_changed_at for pk, here in known.repositories.items()}
            plan = [changes for handled in plans for changes in handled]
            changed = carry_out(plan, observed_at, renamed)
            reached("apply: all written, not yet marked")
            mark_applied(applied, [applied_rows(plan, changed) for plan in plans])
        for reason, dropped in ignored.items():
            _only(dropped).update(
                status=Delivery.Status.IGNORED, finished_at=timezone.now(), error=reason
            )
        return {pk for pk, here in known.repositories.items() if here.retry_at is not None}

    def _handled(self, event: Event) -> list[Changes]:
        """What the event changes of each kind that hears it. One that cannot read it holds up no
        other: an audit compares that kind soon.
        """
        found: list[Changes] = []
        unreadable: list[IncompletePayload] = []
        for handle in self._handlers[event.name]:
            try:
                found.append(handle(event))
            except IncompletePayload as why:
                unreadable.append(why)
        # To read again what belongs to it says nothing of the object itself.
        if unreadable and all(one == Changes(rereads=one.rereads) for one in found):
            raise unreadable[0]
        for error in unreadable:
            logger.warning("a %s event could be read in part only: %s", event.name, error)
            audit_soon([event.repository_id] if event.repository_id else [])
        return found

    def _look_up(self, events: Sequence[Event]) -> _Known:
        """What is known of the batch's repositories; their rows stay locked to its end."""
        repositories = sorted({e.repository_id for e in events if e.repository_id is not None})
        installations = {e.installation_id for e in events if e.installation_id is not None}
        known = _Known({}, {})
        with prepared() as cursor:
            cursor.execute(_LOOK_UP, [repositories, sorted(installations)])
            for is_repository, pk, account, *row in cursor.fetchall():
                if is_repository:
                    known.repositories[pk] = _Here(*row)
                else:
                    known.installations[pk] = account
        return known

    def _of_account(self, event: Event, known: _Known) -> Event:
        """The event with the account that it is about, which not every payload names."""
        if event.name not in self._of_accounts or event.account_id or not event.installation_id:
            return event
        return replace(event, account=known.installations.get(event.installation_id))

    def _reason_to_ignore(self, event: Event, known: _Known) -> str | None:
        if event.name in IGNORED:
            return IGNORED[event.name]
        if event.name not in self._handlers:
            return "AutoSync mirrors nothing from this event"
        if event.name in _SELF_CONTAINED:
            return None
        if event.repository_id is None:
            if event.name in self._of_accounts:
                return _FOREIGN if event.installation_id is None else None
            raise IncompletePayload("GitHub left out the `repository` of this event.")
        here = known.repositories.get(event.repository_id)
        if here is not None and not here.auto_sync_enabled:
            return "auto_sync_enabled is off for this repository"
        if event.installation_id is None and event.repository_id not in known.repositories:
            return _FOREIGN
        return None

    def _heal(self, event: Event, known: _Known) -> Changes:
        """What is not as the event has it: import the installation or repository never seen, list
        the installation that is not the repository's here.
        """
        changes = Changes()
        installation = event.installation_id
        if event.name in _SELF_CONTAINED or installation is None:
            return changes
        if installation not in known.installations:
            changes.followups.add(FollowUp("import_installation", installation))
        repository = event.envelope.repository
        if repository is not None and repository.id not in known.repositories:
            changes.upserts.append(
                Upsert(REPOSITORY, [repository_row(repository, installation)], Rule.INSERT_MISSING)
            )
            # What came late may speak of one that is gone, which no listing of ours ever held:
            # GitHub's answers "unchanged" as long as it does not hold it either.
            doubt = {"dirty_at": timezone.now()}
            changes.patches.append(Patch(REPOSITORY, [repository.id], doubt))
            changes.followups.add(FollowUp("import_repository", repository.id))
        elif repository is not None:
            here = known.repositories[repository.id]
            if here.installation_id != installation:
                changes.followups.add(FollowUp("refresh_installation", installation))
            if repository.full_name not in ("", here.full_name) and event.name != "repository":
                self._rename(changes, repository, installation)
        return changes

    @staticmethod
    def _rename(changes: Changes, repository: RepositoryPayload, installation: int) -> None:
        """The event about another name never came, or comes later: this one carries it too.

        The clocks decide, as for every row; without one, the listing of the installation.
        """
        if repository.updated_at is not None and repository.clone_url:
            changes.upserts.append(Upsert(REPOSITORY, [repository_row(repository, installation)]))
        else:
            changes.patches.append(Patch(REPOSITORY, [repository.id], {"dirty_at": timezone.now()}))
            changes.followups.add(FollowUp("refresh_installation", installation))


def leave_out_forgotten(deliveries: Sequence[Delivery | Claim]) -> None:
    """Take forgotten people out of the bodies, here and in the inbox: nobody reads them there."""
    forgotten = current()
    for delivery in deliveries if forgotten else ():
        body = bytes(delivery.body)
        cleaned = unnamed_body(forgotten, body)
        if cleaned is not body:
            delivery.body = cleaned
            _only([delivery]).update(body=cleaned)


def _event(delivery: Delivery | Claim) -> Event:
    body = bytes(delivery.body)
    envelope, amiss = _read_envelope(body)
    return Event(delivery.event, body, envelope, delivery.received_at, amiss)


def _only(deliveries: Sequence[Delivery | Claim]) -> QuerySet[Delivery]:
    """These rows; the days of the inbox they are not in are not looked into."""
    received = [d.received_at for d in deliveries]
    return Delivery.objects.filter(
        pk__in=[d.pk for d in deliveries], received_at__range=(min(received), max(received))
    )


def _later(attempts: int) -> datetime:
    return timezone.now() + timedelta(seconds=2**attempts)
