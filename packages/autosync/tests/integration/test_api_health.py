"""What health says in good times and in bad, and to whom."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from autosync.insight import health
from autosync.insight.drift import by_repository
from autosync.insight.report import Status
from autosync.mirror.models import (
    Audit,
    GitHubAppInstallation,
    QuotaBudget,
    Repository,
    ResourceCursor,
    SyncJob,
)
from tests.integration.api_rows import client_with, delivery, installation, repository

pytestmark = pytest.mark.django_db


def ago(**span: float) -> datetime:
    return timezone.now() - timedelta(**span)


def worker(last_heartbeat: datetime | None = None) -> None:
    """What a running worker writes of itself."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (%s)",
            [last_heartbeat or timezone.now()],
        )


def periodic(status: str = "completed", **but: Any) -> SyncJob:
    values = {"started_at": ago(minutes=2), "completed_at": ago(minutes=1)}
    return SyncJob.objects.create(job_type="periodic_sync", status=status, **values | but)


@pytest.fixture
def all_is_well() -> None:
    """One installation, two synced repositories, a worker, a periodic sync a minute ago."""
    worker()
    owner = installation()
    for name in ("acme/one", "acme/two"):
        repository(
            name, installation=owner, sync_state="synced", imported_at=ago(hours=1),
            last_synced_at=ago(minutes=1),
        )  # fmt: skip
    periodic()


@pytest.mark.usefixtures("all_is_well")
def test_a_stranger_learns_the_status_only() -> None:
    answer = Client().get("/api/sync/health/")
    assert answer.status_code == 200
    assert answer.json() == {"status": "healthy"}


@pytest.mark.usefixtures("all_is_well")
def test_the_scope_read_shows_everything() -> None:
    for milliseconds in range(1, 102):
        received = ago(minutes=3)
        delivery(
            status="applied", received_at=received,
            finished_at=received + timedelta(milliseconds=milliseconds),
        )  # fmt: skip
    owner = GitHubAppInstallation.objects.get()
    QuotaBudget.objects.create(
        installation_id=owner.pk, resource="core", limit=5000, remaining=4321, used=679,
        reset_at=timezone.now() + timedelta(minutes=30),
    )  # fmt: skip

    shown = client_with("read").get("/api/sync/health/").json()
    assert shown["status"] == "healthy"
    assert shown["reasons"] == []
    assert shown["system"] == {
        "total_installations": 1, "suspended_installations": 0, "total_repositories": 2,
        "synced_repositories": 2, "failed_repositories": 0, "sync_coverage": 100.0,
    }  # fmt: skip
    assert shown["last_periodic_sync"]["status"] == "completed"
    assert shown["success_rate_24h"] == 100.0
    assert shown["inbox"]["backlog"] == 0
    assert shown["inbox"]["oldest_age_seconds"] is None
    assert shown["webhook_to_row"] == {"p50_ms": 51.0, "p95_ms": 96.0, "sample": 101}
    assert shown["workers"]["alive"] == 1
    assert shown["quota"][0]["remaining"] == 4321
    assert shown["quota"][0]["account"] == "acme"
    assert [job["job_type"] for job in shown["recent_jobs"]] == ["periodic_sync"]


def test_a_wrong_token_is_told_so() -> None:
    client = Client(headers={"authorization": "Bearer as_wrong"})
    assert client.get("/api/sync/health/").status_code == 401


def test_coverage_is_zero_until_something_is_mirrored() -> None:
    system = health.report().system
    assert system is not None
    assert system.sync_coverage == 0.0


def _waiting(minutes: float) -> None:
    delivery(received_at=ago(minutes=minutes), next_attempt_at=ago(minutes=minutes))


def _failed_jobs(failed: int, good: int) -> None:
    for number in range(failed + good):
        SyncJob.objects.create(
            job_type="manual_sync", status="failed" if number < failed else "completed",
            completed_at=ago(hours=1),
        )  # fmt: skip


def _budget(**but: Any) -> None:
    owner = GitHubAppInstallation.objects.get()
    values: dict[str, Any] = {"limit": 5000, "remaining": 5000}
    QuotaBudget.objects.create(installation_id=owner.pk, resource="core", **values | but)


SOON = timezone.now() + timedelta(hours=1)

FINDINGS: list[tuple[str, Callable[[], object], Status, str]] = [
    ("parked", lambda: delivery(status="parked"), Status.DEGRADED, "1 parked"),
    ("late", lambda: _waiting(2), Status.DEGRADED, "wait in the inbox"),
    ("far too late", lambda: _waiting(11), Status.UNHEALTHY, "wait in the inbox"),
    ("failing", lambda: _failed_jobs(1, 3), Status.DEGRADED, "succeeded"),
    ("mostly failing", lambda: _failed_jobs(4, 1), Status.UNHEALTHY, "succeeded"),
    ("bad sync", lambda: periodic("failed", error_message="502"), Status.DEGRADED, "502"),
    ("repository", lambda: repository(sync_state="failed"), Status.DEGRADED, "1 of 3 repositories"),
    ("quota", lambda: _budget(remaining=3, reset_at=SOON), Status.DEGRADED, "3 of 5000 left"),
    ("paused", lambda: _budget(blocked_until=SOON), Status.DEGRADED, "asked acme to pause"),
]


@pytest.mark.usefixtures("all_is_well")
@pytest.mark.parametrize(("name", "trouble", "status", "says"), FINDINGS)
def test_trouble_is_named(
    name: str, trouble: Callable[[], object], status: Status, says: str
) -> None:
    trouble()
    seen = health.report()
    assert seen.status is status
    assert any(says in reason for reason in seen.reasons), seen.reasons
    answer = Client().get("/api/sync/health/")
    assert answer.status_code == (503 if status is Status.UNHEALTHY else 200)
    assert answer.json() == {"status": status}


QUIET: list[tuple[str, Callable[[], object]]] = [
    ("a retry that waits its turn", lambda: delivery(
        received_at=ago(hours=1), next_attempt_at=timezone.now() + timedelta(minutes=5),
        attempts=7,
    )),
    ("one failure says nothing", lambda: _failed_jobs(1, 0)),
    ("failures of the day before", lambda: SyncJob.objects.create(
        job_type="manual_sync", status="failed", completed_at=ago(days=2))),
    ("quota that is filled up by now", lambda: _budget(remaining=0, reset_at=ago(minutes=1))),
    ("no limits at all", lambda: _budget(limit=None, remaining=None)),
    ("a pause that is over", lambda: _budget(blocked_until=ago(minutes=1))),
    ("a removed repository", lambda: repository(sync_state="failed", removed_at=ago(days=1))),
]  # fmt: skip


@pytest.mark.usefixtures("all_is_well")
@pytest.mark.parametrize(("name", "event"), QUIET)
def test_what_is_no_trouble(name: str, event: Callable[[], object]) -> None:
    event()
    seen = health.report()
    assert (seen.status, seen.reasons) == (Status.HEALTHY, [])


@pytest.mark.usefixtures("all_is_well")
def test_a_budget_past_its_reset_is_full() -> None:
    _budget(remaining=0, reset_at=ago(minutes=1))
    assert health.report().quota[0].remaining == 5000


def test_a_dead_worker_degrades_and_with_work_waiting_is_unhealthy() -> None:
    worker(last_heartbeat=ago(minutes=1))
    seen = health.report()
    assert seen.status is Status.DEGRADED
    assert "autosync worker" in seen.reasons[0]
    _waiting(2)
    assert health.report().status is Status.UNHEALTHY


@pytest.mark.usefixtures("all_is_well")
def test_a_schedule_that_stands_still_is_noticed() -> None:
    SyncJob.objects.update(completed_at=ago(hours=2))
    seen = health.report()
    assert seen.status is Status.DEGRADED
    assert "one is due every 15 min" in seen.reasons[0]


@pytest.mark.usefixtures("all_is_well")
def test_a_long_sync_is_no_trouble_while_it_moves() -> None:
    job = periodic("running", completed_at=None)
    SyncJob.objects.filter(pk=job.pk).update(created_at=ago(hours=2))
    assert "without an end" in health.report().reasons[0]
    ResourceCursor.objects.create(repository=Repository.objects.all()[0], resource="issue")
    assert health.report().status is Status.HEALTHY


ASK = """
import json, django
django.setup()
from django.test import Client
from autosync.insight import health
stranger, known = Client(), Client(headers={"authorization": "Bearer as_x"})
answers = [
    stranger.get("/api/sync/health/"), known.get("/api/sync/health/"), known.get("/api/issues/")
]
print(json.dumps([[answer.status_code, answer.json()] for answer in answers]))
print(json.dumps(health.report().reasons))
"""


def test_without_a_database_health_is_503_and_says_nothing_else() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASK],
        env=os.environ
        | {
            "DATABASE_URL": f"postgresql://someone:secret@127.0.0.1:{port}/autosync",
            "DJANGO_SETTINGS_MODULE": "autosync.settings",
            "AUTOSYNC_ALLOWED_HOSTS": "testserver",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers, reasons = (json.loads(line) for line in done.stdout.splitlines())
    assert answers[0] == [503, {"status": "unhealthy"}]
    assert answers[1] == [503, {"status": "unhealthy"}]
    assert answers[2][0] == 503
    assert "database" in answers[2][1]["error"]
    assert "does not answer" in reasons[0]
    assert "secret" not in done.stdout + done.stderr


def test_a_database_without_tables_asks_for_migrate() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path TO nowhere")
    seen = health.report()
    assert seen.status is Status.UNHEALTHY
    assert "autosync migrate" in seen.reasons[0]


def test_what_an_audit_could_not_repair_is_said_until_the_next_one(all_is_well: None) -> None:
    whose = GitHubAppInstallation.objects.get()
    Audit.objects.create(
        installation=whose, started_at=ago(hours=2), finished_at=ago(hours=2), found=3, repaired=1
    )
    seen = health.report()
    assert seen.status is Status.DEGRADED
    assert "2 objects differ from GitHub" in seen.reasons[0]
    Audit.objects.create(
        installation=whose, started_at=ago(hours=1), finished_at=ago(hours=1), found=2, repaired=2
    )
    seen = health.report()
    assert seen.status is Status.HEALTHY
    assert seen.proof is not None
    assert (seen.proof.differed_30d, seen.proof.repaired_30d) == (5, 3)


def finding(audit: Audit, repo: Repository, kind: str, *, repaired: bool = True) -> None:
    audit.findings.create(
        repository=repo, resource="issue", object_key="7", problem="missing", kind=kind,
        cause="told", repaired=repaired,
    )  # fmt: skip


def test_drift_is_told_by_day_and_by_repository(all_is_well: None) -> None:
    whose = GitHubAppInstallation.objects.get()
    one, two = Repository.objects.order_by("full_name")
    hidden = repository("acme/hidden", installation=whose, removed_at=timezone.now())
    times = {"started_at": ago(days=2), "finished_at": ago(days=2)}
    before = Audit.objects.create(installation=whose, repositories=2, points=3, **times)
    for kind in ("lost", "lost", "late"):
        finding(before, one, kind)
    finding(before, hidden, "lost")
    now = Audit.objects.create(
        installation=whose, repositories=2, points=1, found=1, started_at=ago(minutes=3),
        finished_at=ago(minutes=2),
    )  # fmt: skip
    finding(now, two, "bug", repaired=False)
    Repository.objects.filter(pk=one.pk).update(equal_at=now.started_at)
    proof = client_with("read").get("/api/sync/health/").json()["proof"]
    assert len(proof["drift"]) == 30
    days = {day["day"]: day for day in proof["drift"]}
    then = days[f"{before.started_at:%Y-%m-%d}"]
    assert (then["found"], then["lost"], then["late"], then["bug"]) == (4, 3, 1, 0)
    assert (then["audits"], then["repositories"], then["repaired"], then["points"]) == (1, 2, 4, 3)
    today = days[f"{now.started_at:%Y-%m-%d}"]
    assert (today["found"], today["bug"], today["repaired"], today["points"]) == (1, 1, 0, 1)
    verdicts = [(v["full_name"], v["open"], v["found"], v["repaired"]) for v in proof["differed"]]
    assert verdicts == [("acme/two", True, 1, 0), ("acme/one", False, 3, 3)]
    assert proof["differed"][0]["newest"][0]["cause"] == "told"
    page = Client()
    page.force_login(User.objects.create_user("ada"))
    said = page.get("/health/").content.decode()
    assert 'aria-label="Objects that differed per day: 5 found, 4 repaired"' in said
    assert "Quota spent by audits per day, 4 points in total" in said
    assert "acme/hidden" not in said
    assert "not repaired" in page.get(f"/repositories/{two.pk}/").content.decode()
    Repository.objects.filter(pk=two.pk).update(equal_at=timezone.now())
    assert not any(verdict.open for verdict in by_repository(ago(days=30)))
