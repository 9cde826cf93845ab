"""The installation's budget in PostgreSQL, shared by every worker everywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from autosync.github import (
    BudgetState,
    Priority,
    QuotaExhausted,
    WaitUntil,
    decide,
    observe,
    purpose,
    same_window,
    spare,
)
from autosync.github.rates import A_MINUTE, Pace
from autosync.killpoints import reached
from autosync.mirror.models import QuotaBudget, QuotaLease

Resource = Literal["core", "graphql"]
# A wait up to this long is slept through; a longer one sends the job back to the queue.
GRACE = timedelta(seconds=5)
# A request that takes longer than this has lost its worker.
LEASE = timedelta(seconds=120)
_CONCURRENCY_POLL_SECONDS = 0.05
APP = "app"  # requests as the App itself: tokens, GitHub's delivery log, the hook
OTHER = "other"  # those of no kind
FOLDED_AT_ONCE = 10_000
_FOLDING = 0x71756F7461  # "quota"
_FOLD = """
WITH noted AS (
    DELETE FROM quota_deltas
    WHERE id IN (SELECT id FROM quota_deltas ORDER BY id LIMIT %s)
    RETURNING day, installation_id, resource, kind, requests, points
), folded AS (
    INSERT INTO quota_uses AS known (day, installation_id, resource, kind, requests, points)
    SELECT day, installation_id, resource, kind, sum(requests), sum(points) FROM noted
    GROUP BY day, installation_id, resource, kind
    ON CONFLICT (day, installation_id, resource, kind) DO UPDATE
    SET requests = known.requests + EXCLUDED.requests, points = known.points + EXCLUDED.points
)
SELECT count(*) FROM noted
"""
_SPENT = """
SELECT day, resource, kind, sum(requests), sum(points) FROM (
    SELECT day, resource, kind, requests, points FROM quota_uses WHERE day >= %s
    UNION ALL
    SELECT day, resource, kind, requests, points FROM quota_deltas WHERE day >= %s
) AS noted GROUP BY day, resource, kind ORDER BY day, kind, resource
"""


class Use(NamedTuple):
    """What requests for a kind cost on a day; in parts where they were for several kinds."""

    day: date
    resource: str
    kind: str
    requests: float
    points: float


class DatabaseBudget:
    """What `autosync.github` asks before each request; see `autosync.github.budget.Budget`."""

    def __init__(self, max_requests: int) -> None:
        self._max_requests = max_requests

    @contextmanager
    def acquire(
        self, installation_id: int, resource: Resource, priority: Priority
    ) -> Iterator[None]:
        """Hold one of the installation's request slots for the length of the block.

        Waits while all are taken. Raises QuotaExhausted if quota makes the caller wait longer
        than GRACE.
        """
        lease = self._lease(installation_id, resource, priority)
        reached("quota: reserved, not asked")
        try:
            yield
        finally:
            reached("quota: answered, not settled")
            QuotaLease.objects.filter(pk=lease).delete()

    def record(
        self,
        installation_id: int,
        resource: Resource,
        limit: int | None,
        remaining: int | None,
        used: int | None,
        reset_at: datetime | None,
        observed_at: datetime,
    ) -> None:
        """Take in the rate headers of an answer; see `autosync.github.budget.observe`."""
        with transaction.atomic():
            row = self._locked(installation_id, resource)
            before = _state(row)
            now = observe(before, limit, remaining, reset_at)
            row.limit, row.remaining, row.reset_at = now.limit, now.remaining, now.reset_at
            if used is not None and now.reset_at is not None:
                if not same_window(before.reset_at, now.reset_at):
                    row.used = 0
                if same_window(reset_at, now.reset_at):
                    row.spent += max(used - (row.used or 0), 0)
                    row.used = max(used, row.used or 0)
            _set_pace(row, _pace(row).widened(self._max_requests))
            row.requests += 1
            row.observed_at = observed_at
            row.save()

    def account(self, installation_id: int, resource: Resource, points: int) -> None:
        """Note one request's price for the kinds it was made for: rows of its own, no lock."""
        kinds = purpose.kinds() or (OTHER,)
        if not installation_id:
            kinds = (APP,)
        share = 1 / len(kinds)
        today = timezone.now().date()
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO quota_deltas "
                "(day, installation_id, resource, kind, requests, points) "
                "SELECT %s, %s, %s, unnest(%s::text[]), %s, %s",
                [today, installation_id, resource, list(kinds), share, points * share],
            )

    def block(self, installation_id: int, until: datetime, reason: str) -> None:
        """Stop all requests of the installation until then (retry-after, secondary limit), and have
        fewer at once from then on.
        """
        now = timezone.now()
        with transaction.atomic():
            for resource in ("core", "graphql"):
                row = self._locked(installation_id, resource)
                if row.blocked_until is None or row.blocked_until < until:
                    row.blocked_until, row.blocked_reason = until, reason
                _set_pace(row, _pace(row).narrowed(self._max_requests, now))
                row.save()

    def spare(self, installation_id: int, resource: Resource, priority: Priority) -> int | None:
        """What requests of `priority` may still cost now; None where no limit is known."""
        row = QuotaBudget.objects.filter(installation_id=installation_id, resource=resource).first()
        now = timezone.now()
        under_way, _ = _leases(installation_id, now)
        state = BudgetState() if row is None else _state(row, under_way.count(resource))
        return spare(state, priority, now)

    def limit(self, installation_id: int, resource: str) -> int | None:
        """Points of an hour; None where no limit is known."""
        rows = QuotaBudget.objects.filter(installation_id=installation_id, resource=resource)
        return rows.values_list("limit", flat=True).first()

    def _lease(self, installation_id: int, resource: Resource, priority: Priority) -> int:
        while True:
            now = timezone.now()
            wait_until: datetime | None = None
            with transaction.atomic():
                row = self._locked(installation_id, resource)
                under_way, lost = _leases(installation_id, now)
                state = _state(row, under_way.count(resource))
                decision = decide(state, priority, now, A_MINUTE[resource])
                if isinstance(decision, WaitUntil):
                    wait_until = decision.until
                elif len(under_way) < state.pace.at_once(self._max_requests):
                    _set_pace(row, state.pace.counted(now))
                    row.save(update_fields=_PACE)
                    if lost:
                        QuotaLease.objects.filter(pk__in=lost).delete()
                    lease = QuotaLease.objects.create(
                        installation_id=installation_id, resource=resource, expires_at=now + LEASE
                    )
                    return int(lease.pk)
            if wait_until is None:
                time.sleep(_CONCURRENCY_POLL_SECONDS)
            elif wait_until - now > GRACE:
                reason = _why(row, wait_until, A_MINUTE[resource])
                raise QuotaExhausted(installation_id, resource, wait_until, reason)
            else:
                time.sleep(max((wait_until - now).total_seconds(), 0.05))

    def _locked(self, installation_id: int, resource: str) -> QuotaBudget:
        wanted = {"installation_id": installation_id, "resource": resource}
        rows = QuotaBudget.objects.select_for_update().filter(**wanted)
        found = rows.first()
        if found is None:
            QuotaBudget.objects.bulk_create([QuotaBudget(**wanted)], ignore_conflicts=True)
            found = rows.get()
        return found


def fold() -> int:
    """Add what was noted to the days' sums; deltas folded. One worker does it at a time.

    A statement deletes them in the order of their ids and takes no other row than its own.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_FOLDING])
        if cursor.fetchone() != (True,):
            return 0
        cursor.execute(_FOLD, [FOLDED_AT_ONCE])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def spent(since: date) -> list[Use]:
    """What was spent on each day since that one, by API and kind, of all installations."""
    with connection.cursor() as cursor:
        cursor.execute(_SPENT, [since, since])
        return [Use(*row) for row in cursor.fetchall()]


def _state(row: QuotaBudget, in_flight: int = 0) -> BudgetState:
    return BudgetState(
        row.limit, row.remaining, row.reset_at, row.blocked_until, in_flight, _pace(row)
    )


def _why(row: QuotaBudget, until: datetime, a_minute: int) -> str:
    if row.blocked_until is not None and row.blocked_until >= until:
        return row.blocked_reason
    if row.reset_at is not None and row.reset_at <= until:
        return ""
    return f"GitHub takes {a_minute} requests a minute"


_PACE = ("width", "narrowed_at", "minute", "sent", "sent_before")


def _pace(row: QuotaBudget) -> Pace:
    return Pace(*(getattr(row, name) for name in _PACE))


def _set_pace(row: QuotaBudget, pace: Pace) -> None:
    for name in _PACE:
        setattr(row, name, getattr(pace, name))


def _leases(installation_id: int, now: datetime) -> tuple[list[str], list[int]]:
    """The resource of each request under way, of any worker; and the leases of lost workers."""
    under_way, lost = [], []
    leases = QuotaLease.objects.filter(installation_id=installation_id)
    for pk, resource, expires_at in leases.values_list("pk", "resource", "expires_at"):
        if expires_at > now:
            under_way.append(resource)
        else:
            lost.append(pk)
    return under_way, lost
