"""Who may send a request now: the rules of quota, and the local budget that applies them."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosync.github import (
    BudgetState,
    Go,
    LocalBudget,
    Priority,
    QuotaExhausted,
    WaitUntil,
    decide,
    observe,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RESET = NOW + timedelta(minutes=30)

moments = st.integers(-7200, 7200).map(lambda seconds: NOW + timedelta(seconds=seconds))
states = st.builds(
    BudgetState,
    limit=st.none() | st.integers(1, 15_000),
    remaining=st.none() | st.integers(0, 15_000),
    reset_at=st.none() | moments,
    blocked_until=st.none() | moments,
    in_flight=st.integers(0, 100),
)


@pytest.mark.parametrize(
    ("remaining", "live", "reconcile", "backfill"),
    [
        (5000, True, True, True),
        (1251, True, True, True),
        (1250, True, True, False),
        (501, True, True, False),
        (500, True, False, False),
        (1, True, False, False),
        (0, False, False, False),
    ],
)
def test_live_work_may_use_all_reconcile_leaves_a_tenth_and_backfill_a_quarter(
    remaining: int, live: bool, reconcile: bool, backfill: bool
) -> None:
    state = BudgetState(limit=5000, remaining=remaining, reset_at=RESET)
    for priority, may in zip(Priority, (live, reconcile, backfill), strict=True):
        assert decide(state, priority, NOW) == (Go() if may else WaitUntil(RESET))


@given(st.sampled_from(Priority), st.integers(0, 1000))
def test_no_rate_headers_means_no_budget_and_not_an_empty_one(
    priority: Priority, in_flight: int
) -> None:
    assert decide(BudgetState(in_flight=in_flight), priority, NOW) == Go()
    spent = BudgetState(limit=5000, remaining=0, reset_at=RESET)
    assert decide(observe(spent, None, None, None), priority, NOW) == Go()


def test_requests_under_way_are_counted_in() -> None:
    state = BudgetState(limit=5000, remaining=10, reset_at=RESET, in_flight=9)
    assert decide(state, Priority.LIVE, NOW) == Go()
    assert decide(replace(state, in_flight=10), Priority.LIVE, NOW) == WaitUntil(RESET)


@given(states, st.sampled_from(Priority))
def test_a_block_stops_everybody_until_it_is_over(state: BudgetState, priority: Priority) -> None:
    if state.blocked_until is not None and state.blocked_until > NOW:
        assert decide(state, priority, NOW) == WaitUntil(state.blocked_until)


@given(states, st.sampled_from(Priority))
def test_a_wait_is_never_for_the_past_and_going_at_its_end_is_allowed(
    state: BudgetState, priority: Priority
) -> None:
    now = NOW
    for _ in range(3):  # a block, then a reset, then nothing is left to wait for
        decision = decide(state, priority, now)
        if isinstance(decision, Go):
            return
        assert decision.until > now
        now = decision.until
    pytest.fail(f"still waiting at {now}: {state}")


@given(states, moments)
def test_who_comes_first_may_always_do_what_a_later_one_may(
    state: BudgetState, now: datetime
) -> None:
    may = [isinstance(decide(state, priority, now), Go) for priority in Priority]
    assert may == sorted(may, reverse=True)


@given(st.permutations(range(4000, 4020)))
def test_answers_in_any_order_leave_the_lowest_remaining(order: list[int]) -> None:
    state = BudgetState()
    for number, remaining in enumerate(order):
        # The reset jitters by a second where this clock is corrected by GitHub's.
        state = observe(state, 5000, remaining, RESET + timedelta(seconds=number % 2))
    assert state.remaining == 4000


def test_an_answer_of_the_hour_before_does_not_spend_the_new_hour() -> None:
    fresh = observe(BudgetState(), 5000, 4999, RESET + timedelta(hours=1))
    assert observe(fresh, 5000, 0, RESET) == fresh


def test_a_new_hour_begins_with_its_first_answer() -> None:
    spent = BudgetState(limit=5000, remaining=0, reset_at=RESET)
    assert observe(spent, 5000, 4999, RESET + timedelta(hours=1)).remaining == 4999


def test_a_raised_limit_is_taken_at_once() -> None:
    spent = BudgetState(limit=5000, remaining=0, reset_at=RESET)
    assert observe(spent, 12_500, 7500, RESET).remaining == 7500


def test_a_long_wait_is_told_and_a_short_one_slept_through() -> None:
    budget = LocalBudget(grace=timedelta(seconds=1))
    soon = datetime.now(UTC) + timedelta(milliseconds=50)
    budget.record(7, "core", 5000, 0, 5000, soon, datetime.now(UTC))
    with budget.acquire(7, "core", Priority.BACKFILL):
        assert datetime.now(UTC) >= soon

    later = datetime.now(UTC) + timedelta(hours=1)
    budget.record(7, "core", 5000, 0, 5000, later, datetime.now(UTC))
    with pytest.raises(QuotaExhausted) as raised, budget.acquire(7, "core", Priority.LIVE):
        pass
    assert (raised.value.installation_id, raised.value.resource) == (7, "core")
    assert raised.value.until == later


def test_one_installation_and_one_resource_do_not_hold_up_another() -> None:
    budget = LocalBudget()
    later = datetime.now(UTC) + timedelta(hours=1)
    budget.record(7, "core", 5000, 0, 5000, later, datetime.now(UTC))
    with (
        budget.acquire(7, "graphql", Priority.BACKFILL),
        budget.acquire(8, "core", Priority.BACKFILL),
    ):
        pass


def test_a_block_covers_both_resources_and_a_shorter_one_does_not_lift_it() -> None:
    budget = LocalBudget()
    later = datetime.now(UTC) + timedelta(hours=1)
    budget.block(7, later, "secondary rate limit")
    budget.block(7, later - timedelta(minutes=59), "GitHub said retry-after")
    for resource in ("core", "graphql"):
        with pytest.raises(QuotaExhausted) as raised, budget.acquire(7, resource, Priority.LIVE):
            pass
        assert raised.value.until == later


def test_free_answers_leave_the_budget_as_it_was() -> None:
    budget = LocalBudget()
    later = datetime.now(UTC) + timedelta(hours=1)
    for _ in range(100):
        with budget.acquire(7, "core", Priority.RECONCILE):
            budget.record(7, "core", 5000, 4000, 1000, later, datetime.now(UTC))
    assert budget.state(7, "core").remaining == 4000
    assert budget.state(7, "core").in_flight == 0


def test_no_more_requests_at_once_than_agreed() -> None:
    budget = LocalBudget(concurrency=3)
    under_way, most = 0, 0
    guard = threading.Lock()
    full = threading.Barrier(3)

    def work() -> None:
        nonlocal under_way, most
        with budget.acquire(7, "core", Priority.LIVE):
            with guard:
                under_way += 1
                most = max(most, under_way)
            full.wait(10)
            with guard:
                under_way -= 1

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == 3
