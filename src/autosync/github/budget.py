"""The rules of quota: who may send a request now, and who waits for whom."""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from autosync.github.errors import QuotaExhausted, Resource


class Priority(enum.IntEnum):
    """What a request is for. The fraction of the limit each must leave to those before it."""

    LIVE = 0
    RECONCILE = 1
    BACKFILL = 2

    @property
    def reserve(self) -> float:
        return (0.0, 0.10, 0.25)[self]


@dataclass(frozen=True, slots=True)
class BudgetState:
    """What GitHub last said. None where it said nothing: GHES with rate limits off."""

    limit: int | None = None
    remaining: int | None = None
    reset_at: datetime | None = None
    blocked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Go:
    """Send it."""


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Not before then."""

    until: datetime


def decide(state: BudgetState, priority: Priority, now: datetime) -> Go | WaitUntil:
    """Whether a request of `priority` may be sent at `now`.

    No rate headers means no budget, not an empty one. After the reset the old figures are void.
    """
    if state.blocked_until is not None and state.blocked_until > now:
        return WaitUntil(state.blocked_until)
    if state.limit is None or state.remaining is None or state.reset_at is None:
        return Go()
    if state.reset_at <= now:
        return Go()
    if state.remaining > int(state.limit * priority.reserve):
        return Go()
    return WaitUntil(state.reset_at)


class Budget(Protocol):
    """Asked before every request, told after every answer; shared by all workers."""

    def acquire(
        self, installation_id: int, resource: Resource, priority: Priority, cost: int = 1
    ) -> AbstractContextManager[None]:
        """Hold a request slot; sleeps through short waits, raises QuotaExhausted for long ones."""

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
        """Take in an answer's rate headers (None where it had none)."""

    def block(self, installation_id: int, until: datetime, reason: str) -> None:
        """Stop everything for the installation until then: retry-after, secondary limits."""


class LocalBudget:
    """A budget for one process: `autosync doctor` and tests of the transport."""

    def __init__(self, grace: timedelta = timedelta(seconds=5)) -> None:
        self._states: dict[tuple[int, str], BudgetState] = {}
        self._lock = threading.Lock()
        self._grace = grace

    @contextmanager
    def acquire(
        self, installation_id: int, resource: Resource, priority: Priority, cost: int = 1
    ) -> Iterator[None]:
        while True:
            now = datetime.now(UTC)
            decision = decide(self._state(installation_id, resource), priority, now)
            if isinstance(decision, Go):
                break
            if decision.until - now > self._grace:
                raise QuotaExhausted(installation_id, resource, decision.until)
            time.sleep(max((decision.until - now).total_seconds(), 0.01))
        yield

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
        with self._lock:
            blocked = self._states.get((installation_id, resource), BudgetState()).blocked_until
            self._states[installation_id, resource] = BudgetState(
                limit, remaining, reset_at, blocked
            )

    def block(self, installation_id: int, until: datetime, reason: str) -> None:
        with self._lock:
            for resource in ("core", "graphql"):
                old = self._states.get((installation_id, resource), BudgetState())
                self._states[installation_id, resource] = BudgetState(
                    old.limit, old.remaining, old.reset_at, until
                )

    def _state(self, installation_id: int, resource: Resource) -> BudgetState:
        with self._lock:
            return self._states.get((installation_id, resource), BudgetState())
