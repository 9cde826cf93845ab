"""What keeps GitHub's changes from arriving is noticed, said with its beginning, and forgotten."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from autosync import config, connect
from autosync.github.reach import clock_ahead
from autosync.insight import health
from autosync.insight.report import Status
from autosync.mirror.conditions import Wrong, settle
from autosync.mirror.models import Condition
from autosync.sync import hook, watch
from githubsim.testing import Sim
from tests.integration.api_rows import delivery, installation, repository

pytestmark = pytest.mark.django_db
URL = "https://autosync.example.org/api/github/webhook/"


@pytest.fixture(scope="module")
def world() -> Iterator[Sim]:
    with Sim(repositories=1, commits=1, issues=0, pulls=0, webhook_url=URL, install=False) as sim:
        yield sim


@pytest.fixture
def sim(world: Sim, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    """The settings name this GitHub and its App."""
    for name, value in {
        "GITHUB_API_URL": world.url,
        "GITHUB_APP_ID": str(world.app.id),
        "GITHUB_APP_PRIVATE_KEY": world.app.pem,
        "GITHUB_WEBHOOK_URL": URL,
    }.items():
        monkeypatch.setenv(name, value)
    _forget_settings()
    yield world
    monkeypatch.undo()
    _forget_settings()


def _forget_settings() -> None:
    for cached in (config.load, connect.credentials, connect.budget, connect.app_client):
        cached.cache_clear()


def codes() -> list[str]:
    return [finding.code for finding in health.report().findings]


def test_a_github_as_it_should_be_leaves_no_condition(sim: Sim) -> None:
    settle((), [Wrong("github", "It was away.", "Wait."), Wrong("hook", "It was wrong.", "Set.")])
    watch.look_at_github()
    assert not Condition.objects.exists()


def test_a_machine_without_git_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    watch.look_at_this_machine()
    (found,) = [one for one in health.report().findings if one.code == "git"]
    assert "has no git" in str(found)
    assert "Install git" in str(found)
    monkeypatch.undo()
    watch.look_at_this_machine()
    assert "git" not in codes()


def test_a_github_that_does_not_answer_is_named_and_keeps_its_beginning(
    sim: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        config.load.cache_clear()
        watch.look_at_github()
        Condition.objects.update(since=timezone.now() - timedelta(hours=3))
        watch.look_at_github()
    (away,) = [f for f in health.report().findings if f.code == "github"]
    assert away.since is not None
    assert timezone.now() - away.since > timedelta(hours=2)
    assert "githubstatus.com" in str(away)
    watch.note_answer(None)
    assert "github" not in codes()


def test_an_app_that_github_does_not_know_is_named(
    sim: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_APP_ID", "4711")
    _forget_settings()
    watch.look_at_github()
    (refused,) = Condition.objects.all()
    assert refused.name == "app"
    assert "GITHUB_APP_PRIVATE_KEY" in refused.remedy


def test_a_hook_that_points_elsewhere_is_named(sim: Sim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WEBHOOK_URL", "https://elsewhere.example.org/")
    _forget_settings()
    watch.look_at_github()
    (elsewhere,) = Condition.objects.all()
    assert elsewhere.name == "hook"
    assert "elsewhere.example.org" in elsewhere.message


def test_the_clock_is_compared_with_githubs(sim: Sim, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = clock_ahead(sim.url)
    assert ahead is not None
    assert abs(ahead) < timedelta(seconds=5)
    assert "120 s behind GitHub's" in watch.clock_is_off(timedelta(seconds=-120)).message


def test_what_the_app_may_not_read_is_named() -> None:
    assert hook.not_granted({"metadata": "read", "contents": "read", "issues": "write"}) == [
        "pull_requests"
    ]
    owner = installation(permissions={"metadata": "read", "contents": "read", "issues": "read"})
    repository(installation=owner, imported_at=timezone.now())
    (finding,) = [f for f in health.report().findings if f.code == "permission"]
    assert "acme does not grant read access to pull_requests" in finding.reason


def attempt(minutes: int, code: int) -> dict[str, Any]:
    at = datetime(2026, 11, 29, 12, 0, tzinfo=UTC) + timedelta(minutes=minutes)
    return {"guid": f"g{minutes}", "delivered_at": at.isoformat(), "status_code": code}


@pytest.mark.parametrize(
    ("codes_in_order", "says"),
    [
        ([200, 401], "refused GitHub's signature"),
        ([200, 401, 401, 200], ""),
        ([200, 502, 502], ""),
        ([200, 502, 502, 502], "GitHub was answered 502"),
        ([0, 0, 0], "GitHub got no answer"),
        ([404, 404, 404], "found nothing there"),
        ([202], ""),
    ],
)
def test_githubs_own_attempts_tell_what_is_wrong(codes_in_order: list[int], says: str) -> None:
    items = [attempt(minute, code) for minute, code in enumerate(codes_in_order)]
    watch.look_at_attempts(items[::-1])
    found = Condition.objects.filter(name="attempts").first()
    assert (says in found.message) if says else (found is None), found
    if found is not None:
        last_good = max((i for i, c in enumerate(codes_in_order) if 200 <= c < 300), default=-1)
        assert found.since == datetime.fromisoformat(items[last_good + 1]["delivered_at"])
    watch.look_at_attempts([attempt(60, 202)])
    assert not Condition.objects.filter(name="attempts").exists()


def test_a_machine_without_git_or_room_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(watch, "LEAST_FREE", 1 << 60)
    monkeypatch.setenv("AUTOSYNC_SYNC_INTERVALL", "5")
    watch.look_at_this_machine()
    host = socket.gethostname()
    found = {one.name: one for one in Condition.objects.all()}
    assert found.keys() == {"git", "disk", "settings"}
    assert {one.subject for one in found.values()} == {host}
    assert "Did you mean AUTOSYNC_SYNC_INTERVAL?" in found["settings"].message
    assert {"git", "disk", "settings"} <= set(codes())
    # Its worker is gone, and what was wrong there with it.
    Condition.objects.update(checked_at=timezone.now() - timedelta(hours=1))
    assert not {"git", "disk", "settings"} & set(codes())


def test_a_git_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.20.1\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert subprocess.run(["git", "--version"], check=True).returncode == 0
    wrong = watch.git_is_wrong("here")
    assert wrong is not None
    assert "git 2.20.1, which is too old" in wrong.message


def test_deliveries_that_come_from_the_log_alone_are_named() -> None:
    repository(imported_at=timezone.now())
    now = timezone.now()
    for _ in range(4):
        delivery(source="delivery_log", status="applied", received_at=now - timedelta(hours=9))
    assert "no_webhooks" not in codes()  # an outage that is over left them behind
    delivery(status="applied", received_at=now - timedelta(hours=8))
    for number in range(3):
        delivery(source="delivery_log", status="applied", received_at=now - timedelta(hours=number))
    (finding,) = [f for f in health.report().findings if f.code == "no_webhooks"]
    assert "No webhook has arrived since then: 3 deliveries" in finding.reason
    delivery(status="applied", received_at=now + timedelta(seconds=1))
    assert "no_webhooks" not in codes()


def test_a_mirror_that_is_not_whole_yet_is_not_called_healthy() -> None:
    from autosync.mirror.models import SyncJob

    owner = installation()
    repository("acme/done", installation=owner, imported_at=timezone.now())
    waits = repository("acme/waits", installation=owner, observed_at=timezone.now())
    assert "importing" not in codes()  # it may have appeared a moment ago
    job = SyncJob.objects.create(job_type="auto_import", status="running")
    seen = health.report()
    (finding,) = [f for f in seen.findings if f.code == "importing"]
    assert seen.status is Status.DEGRADED
    assert "1 of 2 repositories are complete" in finding.reason
    assert finding.since == job.created_at
    job.delete()
    waits.observed_at = timezone.now() - timedelta(hours=1)
    waits.save()
    assert "not_imported" in codes()


def test_an_app_that_is_suspended_or_installed_nowhere_is_not_called_healthy() -> None:
    assert "not_installed" in codes()
    since = timezone.now() - timedelta(days=2)
    installation(suspended_at=since)
    (finding,) = [f for f in health.report().findings if f.code == "suspended"]
    assert finding.since == since
    assert f"(since {since:%Y-%m-%d %H:%M} UTC)" in str(finding)
