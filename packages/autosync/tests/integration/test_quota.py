"""The budget that all workers share, in the database: what is left, what was spent, who waits."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from autosync.github import (
    AppCredentials,
    InstallationClient,
    LocalBudget,
    Priority,
    QuotaExhausted,
)
from autosync.mirror.models import QuotaBudget, QuotaLease
from autosync.mirror.quota import DatabaseBudget
from githubsim.testing import Sim

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
RESET = datetime(2100, 1, 1, 12, tzinfo=UTC)
installations = itertools.count(1)

# limit, remaining, and when the hour ends: what GitHub may say, in any order.
answers = st.lists(
    st.none()
    | st.tuples(
        st.sampled_from([5000, 12500]),
        st.integers(0, 5000),
        st.integers(0, 2).map(lambda hours: RESET + hours * HOUR),
        st.integers(-2, 2).map(lambda seconds: timedelta(seconds=seconds)),
    ),
    max_size=8,
)


def answer(
    budget: DatabaseBudget | LocalBudget, installation: int, remaining: int, reset_at: datetime
) -> None:
    with budget.acquire(installation, "core", Priority.LIVE):
        budget.record(
            installation, "core", 5000, remaining, 5000 - remaining, reset_at, timezone.now()
        )


@settings(max_examples=50)
@given(answers)
def test_it_knows_what_the_rules_say(
    said: Sequence[tuple[int, int, datetime, timedelta] | None],
) -> None:
    shared, rules, installation = DatabaseBudget(50), LocalBudget(), next(installations)
    for one in said:
        for budget in (shared, rules):
            if one is None:  # GitHub Enterprise with its limits off
                budget.record(installation, "core", None, None, None, None, timezone.now())
                continue
            limit, remaining, reset_at, jitter = one
            budget.record(
                installation,
                "core",
                limit,
                remaining,
                limit - remaining,
                reset_at + jitter,
                timezone.now(),
            )
    state = rules.state(installation, "core")
    row = QuotaBudget.objects.filter(installation_id=installation).first()
    known = (row.limit, row.remaining, row.reset_at) if row else (None, None, None)
    assert known == (state.limit, state.remaining, state.reset_at)


def test_free_answers_cost_nothing() -> None:
    # GitHub does not count each request (a 401, GET /rate_limit): they must not make the hour look
    # spent.
    budget, installation = DatabaseBudget(50), next(installations)
    for _ in range(60):
        answer(budget, installation, 4000, RESET)
    assert budget.spare(installation, "core", Priority.LIVE) == 4000


def test_a_request_that_never_answered_costs_nothing_for_long() -> None:
    budget, installation = DatabaseBudget(50), next(installations)
    answer(budget, installation, 4000, RESET)
    QuotaLease.objects.create(
        installation_id=installation, resource="core", expires_at=timezone.now() + HOUR
    )
    assert budget.spare(installation, "core", Priority.LIVE) == 3999
    QuotaLease.objects.update(expires_at=timezone.now() - HOUR)
    assert budget.spare(installation, "core", Priority.LIVE) == 4000


def test_requests_under_way_are_counted_in_by_resource() -> None:
    budget, installation = DatabaseBudget(50), next(installations)
    answer(budget, installation, 3, RESET)
    with ExitStack() as under_way:
        for _ in range(3):
            under_way.enter_context(budget.acquire(installation, "core", Priority.LIVE))
        with pytest.raises(QuotaExhausted), budget.acquire(installation, "core", Priority.LIVE):
            pass
        with budget.acquire(installation, "graphql", Priority.LIVE):
            pass
    with budget.acquire(installation, "core", Priority.LIVE):
        pass


def test_what_was_spent_is_counted_once() -> None:
    budget, installation = DatabaseBudget(50), next(installations)
    second = timedelta(seconds=1)
    for remaining, reset_at in (
        (4999, RESET),
        (4998, RESET + second),  # this machine's clock, corrected by GitHub's
        (4998, RESET),  # free
        (4990, RESET + second),
        (4995, RESET),  # overtaken
        (4999, RESET + HOUR),
        (4980, RESET),  # of the hour before: already over
        (4997, RESET + HOUR),
    ):
        answer(budget, installation, remaining, reset_at)
    row = QuotaBudget.objects.get(installation_id=installation, resource="core")
    assert (row.spent, row.used, row.remaining) == (10 + 3, 3, 4997)
    assert row.requests == 8


def test_a_token_is_made_on_what_the_app_has_left() -> None:
    # Payloads of the delivery log have taken all that they may of the App's hour; each
    # installation still has its own.
    app, budget = 0, DatabaseBudget(50)
    with Sim(repositories=1, commits=5, issues=2, pulls=1, install=False) as sim:
        installation = sim.control("install")["id"]
        credentials = AppCredentials(
            sim.app.id, private_key=Path(sim.app.pem).read_text(), api_url=sim.url
        )
        answer(budget, app, 10, RESET)
        with pytest.raises(QuotaExhausted), budget.acquire(app, "core", Priority.RECONCILE):
            pass
        client = InstallationClient(credentials, installation, budget, Priority.BACKFILL)
        assert client.get("/installation/repositories").status == 200
