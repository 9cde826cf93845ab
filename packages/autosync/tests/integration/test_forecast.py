"""`autosync plan` says before an import what it costs, and afterwards what it took."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from django.utils import timezone

from autosync.cli.plan import plan
from autosync.insight.jobs import resource_progress
from autosync.kinds import listed_resources
from autosync.kinds._ways import Left
from autosync.mirror import quota
from autosync.mirror.models import GitHubAppInstallation, Repository, ResourceCursor
from autosync.sync.forecast import Cost, Forecast, minutes, total_by_kind
from githubsim.testing import Sim
from tests.integration.engine import engine, installed

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_plan_writes_nothing_and_the_import_costs_no_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        Sim(repositories=3, commits=10, issues=250, pulls=130, install=False) as sim,
        engine(sim, monkeypatch),
    ):
        sim.control("install")
        sim.ask("requests", clear=1)
        plan(as_json=True)
        asked = sim.requests()["endpoints"]
        assert asked["POST /graphql"] == {"200": 1}
        [said] = json.loads(capsys.readouterr().out)
        assert not Repository.objects.exists()
        assert not GitHubAppInstallation.objects.exists()
        costs = [Cost(**one) for one in said["costs"]]
        by_kind = {one.kind: one for one in total_by_kind(costs)}
        truth = sim.truth()["repositories"]
        assert len({one.repository for one in costs}) == len(truth) == 3
        assert by_kind["issue"].objects == sum(one["issues"]["total"] for one in truth)
        assert by_kind["issue_comment"].objects is None
        assert said["rest"] == sum(one.rest for one in costs)
        assert {one.name for one in listed_resources()} <= by_kind.keys()
        before = quota.spent(date.min)
        installed(sim)
        took: dict[str, float] = {}
        for use in quota.spent(date.min):
            took[use.kind] = took.get(use.kind, 0) + use.points
        for use in before:
            took[use.kind] -= use.points
        for name in ("issue", "pull_request"):
            # Small repositories that share a query cost less.
            assert 0 < took[name] <= by_kind[name].rest + by_kind[name].graphql + 4
        plan(as_json=False)
        assert "spent so far" in capsys.readouterr().out


def test_minutes_are_those_of_what_is_waited_for_longest() -> None:
    def of(rest: int, graphql: int, *, limited: bool, left: Left, hour: Left) -> float:
        costs = [Cost("", "a", 1, rest, rest, 0), Cost("", "b", 1, graphql, 0, graphql)]
        return minutes(Forecast(1, "", costs, 0.6, limited, left, hour), 10)

    free = Left(None, None)
    assert of(1_000, 0, limited=False, left=free, hour=free) == pytest.approx(1.0)
    assert of(9_000, 0, limited=True, left=free, hour=free) == pytest.approx(10.0)
    spent = Left(100, 100)
    assert of(3_850, 0, limited=True, left=spent, hour=Left(5_000, 5_000)) == 60.0
    assert of(0, 3_851, limited=True, left=spent, hour=Left(5_000, 5_000)) == 120.0


def test_a_list_that_is_being_read_says_how_long_it_still_takes() -> None:
    GitHubAppInstallation.objects.create(pk=1, observed_at=timezone.now())
    repository = Repository.objects.create(
        pk=1, installation_id=1, full_name="a/b", observed_at=timezone.now()
    )
    cursor = ResourceCursor.objects.create(
        repository=repository,
        resource="issue",
        state="running",
        done=100,
        total=400,
        backfill_started_at=timezone.now() - timedelta(seconds=100),
    )
    [shown] = resource_progress([1])[1]
    assert shown.seconds_left == pytest.approx(300, rel=0.2)
    for known in ({"total": None}, {"total": 400, "backfilled_at": timezone.now()}):
        ResourceCursor.objects.filter(pk=cursor.pk).update(**known)
        [shown] = resource_progress([1])[1]
        assert shown.seconds_left is None
