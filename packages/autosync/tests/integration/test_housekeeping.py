"""Years, not days: what AutoSync writes for itself is kept as long as the page says."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from autosync.mirror.models import Audit, Delivery, SyncJob, SyncJobRepository
from autosync.sync import housekeeping, retention
from benchmarks import _year
from tests.integration.api_rows import installation

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).resolve().parents[4] / "docs" / "reference" / "tables.md"


def sql(statement: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def count(table: str) -> int:
    return int(sql(f"SELECT count(*) FROM {table}")[0][0])


def test_the_page_says_of_every_table_how_long_its_rows_are_kept() -> None:
    listed = PAGE.read_text().partition("## How long rows are kept")[2]
    kept = dict(re.findall(r"^\| `(\w+)` \| (\S.*) \|$", listed, re.M))
    real = sql(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
        "AND relnamespace = current_schema()::regnamespace"
    )
    assert sorted(kept) == sorted(name for (name,) in real)


def test_a_year_leaves_what_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "TASKS_KEPT", 1_000)
    installation(github_id=1)
    _year.write(sql, days=365, repositories=20, days_with_parts=120, jobs_a_day=8, tasks_a_day=20)
    done = housekeeping.tidy(seconds=600)
    retention.keep_inbox()
    assert done.left == []
    assert 90 * 8 - 8 <= SyncJob.objects.count() <= 90 * 8 + 1
    parts = SyncJobRepository.objects.exclude(status="failed")
    assert 6 * 8 * 20 <= parts.count() <= 7 * 8 * 20 + 20
    assert not parts.filter(completed_at__lt=timezone.now() - timedelta(days=8)).exists()
    failed = SyncJobRepository.objects.filter(status="failed")
    assert failed.filter(completed_at__lt=timezone.now() - timedelta(days=80)).exists()
    assert 89 <= Audit.objects.count() <= 91
    assert count("audit_findings") == 20 * Audit.objects.count()
    assert 13 * 100 <= count("feed") <= 14 * 100 + 1
    assert 13 * 100 <= count("inbox_guids") <= 14 * 100 + 1
    # A thousand that ended, and of those before them what failed within 30 days.
    assert 1_000 <= count("procrastinate_jobs") <= 1_010
    assert count("procrastinate_events") == 3 * count("procrastinate_jobs")
    assert 12 <= count("django_session") <= 14
    assert 89 <= count("api_tokens") <= 91
    assert count("quota_leases") == 0
    assert housekeeping.tidy().deleted == {}


def test_what_is_left_when_the_time_is_up_goes_the_next_time() -> None:
    _year.write(sql, days=200, repositories=10, days_with_parts=200, jobs_a_day=4, tasks_a_day=1)
    first = housekeeping.tidy(seconds=0)
    assert {"sync_jobs", "sync_job_repositories"} <= set(first.left)
    assert SyncJob.objects.count() > 90 * 4 + 100
    second = housekeeping.tidy(seconds=600)
    assert second.left == []
    assert SyncJob.objects.count() <= 90 * 4 + 1


def test_open_jobs_the_newest_jobs_and_the_last_audit_stay_however_old() -> None:
    long_ago = timezone.now() - timedelta(days=400)
    stuck = SyncJob.objects.create(job_type="auto_import", status="running", details={})
    for _ in range(housekeeping.NEWEST_JOBS + 5):
        SyncJob.objects.create(job_type="periodic_sync", status="completed", completed_at=long_ago)
    SyncJob.objects.update(created_at=long_ago)
    part = SyncJobRepository.objects.create(job=stuck, repository_id=1, status="completed")
    audits = [Audit.objects.create(installation_id=1, started_at=long_ago) for _ in range(3)]
    housekeeping.tidy()
    assert SyncJob.objects.count() == housekeeping.NEWEST_JOBS + 1
    assert SyncJob.objects.filter(pk=stuck.pk).exists()
    assert SyncJobRepository.objects.filter(pk=part.pk).exists()
    assert list(Audit.objects.all()) == [audits[-1]]


def test_a_task_that_failed_is_kept_to_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "TASKS_KEPT", 0)
    for name, days in (("old", 31), ("recent", 29), ("newest", 0)):
        sql(
            "WITH job AS (INSERT INTO procrastinate_jobs (queue_name, task_name, status) "
            "VALUES ('live', %(name)s, 'failed') RETURNING id) "
            "INSERT INTO procrastinate_events (job_id, type, at) "
            "SELECT id, 'failed', now() - make_interval(days => %(days)s) FROM job",
            {"days": days, "name": name},
        )
    housekeeping.tidy()
    left = sql("SELECT task_name FROM procrastinate_jobs ORDER BY id")
    assert left == [("recent",), ("newest",)]


def test_a_delivery_parked_and_never_replayed_is_not_kept_for_ever() -> None:
    for days in (20, 91):
        sql(
            "WITH new AS (INSERT INTO inbox_guids (guid, delivery_id) VALUES "
            "(%(guid)s, %(days)s) RETURNING guid, delivery_id) "
            "INSERT INTO inbox (id, guid, event, headers, body, source, action, status, "
            "received_at, finished_at) SELECT delivery_id, guid, 'push', '{}', '', 'webhook', '', "
            "'parked', now() - make_interval(days => %(days)s), now() FROM new",
            {"guid": f"parked-{days}", "days": days},
        )
    retention.keep_inbox()
    assert list(Delivery.objects.values_list("guid", flat=True)) == ["parked-20"]
