"""The rules of quota: who may send a request now, and who waits for whom."""

from __future__ import annotations

import enum
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from autosync.github.errors import QuotaExhausted, Resource
from autosync.github.rates import Pace

RESOURCES: tuple[Resource, ...] = ("core", "graphql")


class Priority(enum.IntEnum):
    """What a request is for. The fraction of the limit each must leave to those before it."""

    LIVE = 0
    RECONCILE = 1
    BACKFILL = 2

    @property
    def reserve(self) -> float:
        return (0.0, 0.10, 0.25)[self]


_UNKNOWN = Pace()


@dataclass(frozen=True, slots=True)
class BudgetState:
    """What GitHub last said. None where it said nothing: GHES with rate limits off.

    `in_flight` counts requests sent and not yet answered. They are kept apart from `remaining`:
    GitHub's word about what is left, once it has answered, is all that counts.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_at: datetime | None = None
    blocked_until: datetime | None = None
    in_flight: int = 0
    pace: Pace = _UNKNOWN


@dataclass(frozen=True, slots=True)
class Go:
    """Send it."""


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Not before then."""

    until: datetime


_MOST_OF_GITHUBS = 15_000
# What backfill and reconcile leave of a minute to those before them.
_OF_A_MINUTE = (1.0, 0.97, 0.94)


def decide(
    state: BudgetState, priority: Priority, now: datetime, a_minute: int | None = None
) -> Go | WaitUntil:
    """Whether a request of `priority` may be sent at `now`; it may cost a point.

    Where GitHub has its own limits it takes so many requests `a_minute`.

    Live work may use all, reconcile leaves 10 % of the limit, backfill 25 %. No rate headers
    means no budget, not an empty one. After the reset the old figures are void.
    """
    if state.blocked_until is not None and state.blocked_until > now:
        return WaitUntil(state.blocked_until)
    if a_minute is not None and are_githubs(state.limit):
        free = state.pace.free_at(int(a_minute * _OF_A_MINUTE[priority]), now)
        if free is not None:
            return WaitUntil(free)
    left = spare(state, priority, now)
    if left is None or state.reset_at is None or left >= 1:
        return Go()
    return WaitUntil(state.reset_at)


def are_githubs(limit: int | None) -> bool:
    """Whether an hour with this limit is GitHub's own, not that of a server with other rules:
    https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    return limit is not None and limit <= _MOST_OF_GITHUBS


def spare(state: BudgetState, priority: Priority, now: datetime) -> int | None:
    """What requests of `priority` may still cost until the reset; None where no limit is known."""
    if state.limit is None or state.remaining is None or state.reset_at is None:
        return None
    if state.reset_at <= now:
        return None
    return state.remaining - state.in_flight - int(state.limit * priority.reserve)


# Resets of one window differ a little when this machine's clock is corrected by GitHub's.
_SAME_WINDOW = timedelta(seconds=30)


def observe(
    state: BudgetState, limit: int | None, remaining: int | None, reset_at: datetime | None
) -> BudgetState:
    """The state after an answer with these rate headers. Answers overtake each other.

    Within one window and under one limit (GitHub raises it with an organisation's repositories)
    the lowest `remaining` counts; an answer of an earlier window changes nothing; one without
    headers (all None) means that limits are off.
    """
    if limit is None or remaining is None or reset_at is None:
        return replace(state, limit=None, remaining=None, reset_at=None)
    if state.reset_at is not None and state.remaining is not None:
        if reset_at < state.reset_at - _SAME_WINDOW:
            return state
        if limit == state.limit and same_window(reset_at, state.reset_at):
            remaining = min(remaining, state.remaining)
    return replace(state, limit=limit, remaining=remaining, reset_at=reset_at)


def same_window(one: datetime | None, other: datetime | None) -> bool:
    """Whether two resets are of one hour, as far as this machine's clock lets it tell."""
    return one is not None and other is not None and abs(one - other) <= _SAME_WINDOW


class Budget(Protocol):
    """Asked before every request, told after every answer; shared by all workers."""

    def acquire(
        self, installation_id: int, resource: Resource, priority: Priority
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

    def account(self, installation_id: int, resource: Resource, points: int) -> None:
        """One request was answered and cost so much; it was made for `purpose.kinds`."""

    def block(self, installation_id: int, until: datetime, reason: str) -> None:
        """Stop everything for the installation until then: retry-after, secondary limits."""


class LocalBudget:
    """A budget for one process: `autosync doctor` and tests of the transport.

    Waits up to `grace` are slept through; at most `concurrency` requests of an installation are
    under way at once.
    """

    def __init__(self, grace: timedelta = timedelta(seconds=5), concurrency: int = 50) -> None:
        self._states: dict[tuple[int, Resource], BudgetState] = {}
        self._reasons: dict[int, str] = {}
        self._changed = threading.Condition()
        self._grace = grace
        self._concurrency = concurrency

    @contextmanager
    def acquire(
        self, installation_id: int, resource: Resource, priority: Priority
    ) -> Iterator[None]:
        with self._changed:
            self._wait(installation_id, resource, priority)
            self._add(installation_id, resource, 1)
        try:
            yield
        finally:
            with self._changed:
                self._add(installation_id, resource, -1)
                self._changed.notify_all()

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
        with self._changed:
            state = self._state(installation_id, resource)
            self._states[installation_id, resource] = observe(state, limit, remaining, reset_at)

    def account(self, installation_id: int, resource: Resource, points: int) -> None:
        """Kept by nobody: it is gone with its process."""

    def block(self, installation_id: int, until: datetime, reason: str) -> None:
        with self._changed:
            self._reasons[installation_id] = reason
            for resource in RESOURCES:
                state = self._state(installation_id, resource)
                longest = max(until, state.blocked_until or until)
                self._states[installation_id, resource] = replace(state, blocked_until=longest)

    def state(self, installation_id: int, resource: Resource) -> BudgetState:
        """What is known now, for `autosync doctor`."""
        with self._changed:
            return self._state(installation_id, resource)

    def _wait(self, installation_id: int, resource: Resource, priority: Priority) -> None:
        while True:
            now = datetime.now(UTC)
            decision = decide(self._state(installation_id, resource), priority, now)
            if isinstance(decision, Go):
                under_way = sum(self._state(installation_id, r).in_flight for r in RESOURCES)
                if under_way < self._concurrency:
                    return
                self._changed.wait()
            elif decision.until - now > self._grace:
                reason = self._reasons.get(installation_id, "")
                raise QuotaExhausted(installation_id, resource, decision.until, reason)
            else:
                self._changed.wait((decision.until - now).total_seconds() + 0.01)

    def _add(self, installation_id: int, resource: Resource, requests: int) -> None:
        state = self._state(installation_id, resource)
        under_way = state.in_flight + requests
        self._states[installation_id, resource] = replace(state, in_flight=under_way)

    def _state(self, installation_id: int, resource: Resource) -> BudgetState:
        return self._states.get((installation_id, resource), BudgetState())
