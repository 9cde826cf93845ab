"""The budget that all workers share, in the database: what is left, what was spent, who waits."""

from __future__ import annotations

import itertools
import threading
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
from autosync.github.purpose import made_for
from autosync.kinds import KINDS, left_out
from autosync.mirror import quota
from autosync.mirror.models import QuotaBudget, QuotaDelta, QuotaLease, QuotaUse
from autosync.mirror.quota import DatabaseBudget
from githubsim.testing import Sim
from tests.examples import examples
from tests.integration.engine import engine, installed, period

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


@settings(max_examples=examples(50))
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


def test_a_push_back_narrows_what_all_workers_send_at_once_and_answers_widen_it() -> None:
    budget, installation = DatabaseBudget(8), next(installations)
    other = DatabaseBudget(8)
    answer(budget, installation, 4000, RESET)
    for _ in range(2):  # sent together
        budget.block(installation, timezone.now(), "secondary rate limit")
    with ExitStack() as under_way:
        for _ in range(4):
            under_way.enter_context(other.acquire(installation, "core", Priority.LIVE))
        fifth = threading.Thread(target=answer, args=(other, installation, 4000, RESET))
        fifth.start()
        fifth.join(0.3)
        assert fifth.is_alive(), "it waits for one of the four"
    fifth.join(30)
    for _ in range(40):
        answer(budget, installation, 4000, RESET)
    assert QuotaBudget.objects.get(installation_id=installation, resource="core").width is None
    assert QuotaBudget.objects.get(installation_id=installation, resource="graphql").width == 4


def test_a_minute_has_as_many_requests_as_github_takes_where_it_has_limits() -> None:
    budget, installation = DatabaseBudget(8), next(installations)
    answer(budget, installation, 4000, RESET)
    this = timezone.now().replace(second=0, microsecond=0)
    QuotaBudget.objects.filter(installation_id=installation).update(minute=this, sent=2_000)
    with (
        pytest.raises(QuotaExhausted, match="900 requests a minute"),
        budget.acquire(installation, "core", Priority.BACKFILL),
    ):
        pass
    QuotaBudget.objects.filter(installation_id=installation).update(limit=None)  # as on GHES
    with budget.acquire(installation, "core", Priority.BACKFILL):
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


def test_a_request_for_several_kinds_costs_each_a_part_and_days_are_folded_once() -> None:
    budget, installation = DatabaseBudget(50), next(installations)
    with made_for(["issue", "label"]):
        budget.account(installation, "graphql", 4)
    with made_for(["issue"]):
        budget.account(installation, "graphql", 1)
        budget.account(0, "core", 1)  # a token, whatever it is for
    budget.account(installation, "core", 1)
    today = timezone.now().date()
    expected = [
        ("app", "core", 1.0, 1.0),
        ("issue", "graphql", 1.5, 3.0),
        ("label", "graphql", 0.5, 2.0),
        ("other", "core", 1.0, 1.0),
    ]
    for folded in (0, 5):
        assert [(one.kind, *one[1:2], *one[3:]) for one in quota.spent(today)] == expected
        assert QuotaUse.objects.count() == (len(expected) if folded else 0)
        assert quota.fold() == 5 - folded
        budget.account(next(installations), "core", 0) if folded else None
    assert QuotaDelta.objects.count() == 1
    assert quota.spent(today + timedelta(days=1)) == []


def test_what_github_counted_is_accounted_to_kinds_to_the_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (
        Sim(repositories=2, commits=12, issues=8, pulls=4, install=False) as sim,
        engine(sim, monkeypatch),
    ):
        # Issues are asked only for what they say they have.
        home = {"repository": sim.truth()["repositories"][0]["full_name"]}
        one, other = (sim.control("issues/open", home)["number"] for _ in "ab")
        sim.control("issues/parts/add", {**home, "number": one, "sub": other})
        sim.control("issues/block", {**home, "number": one, "by": other})
        installation = installed(sim)
        period()
        uses = quota.spent(timezone.now().date())
        for resource in ("core", "graphql"):
            said = QuotaBudget.objects.filter(resource=resource)
            mine = sum(one.points for one in uses if one.resource == resource)
            assert mine == pytest.approx(sum(said.values_list("spent", flat=True))), resource
            requests = sum(one.requests for one in uses if one.resource == resource)
            assert requests == pytest.approx(sum(said.values_list("requests", flat=True)))
        spent = {one.kind for one in uses if one.points}
        alone = (kind for kind in KINDS.values() if not kind.resource.inside and not kind.of_git)
        read = {kind.name for kind in alone} - left_out().keys()
        assert spent <= read | {"app", "repository", "commit"}, "each request is somebody's"
        assert read - {"release_asset"} <= spent
        assert installation.pk in QuotaBudget.objects.values_list("installation_id", flat=True)
