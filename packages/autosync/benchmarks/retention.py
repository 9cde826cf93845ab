"""A year of 1,000 repositories' housekeeping, then the nights that delete it.

The year as this version writes it, a row per quiet sync; then 30 days as versions before wrote
them, a row per sync and repository. Times are those of the nightly task.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks._inside import migrated

_REPOSITORIES = 1_000


def run() -> dict[str, Any]:
    """Measure; raises RuntimeError if a table does not end at the size that the page says."""
    with migrated():
        return _measure()


def _measure() -> dict[str, Any]:
    from autosync.sync import retention

    wrote = _write(days=365, tasks_a_day=2_000, lines_a_day=2_000)
    before = _counts()
    quiet_year = _nights()
    started = time.monotonic()
    retention.keep_inbox()
    inbox = time.monotonic() - started
    after = _counts()
    _check(after)
    _empty()
    wrote += _write(days=30, tasks_a_day=100, lines_a_day=100, days_with_parts=30)
    parts = _counts()["sync_job_repositories"]
    nights = _nights()
    left = _counts()["sync_job_repositories"]
    return {
        "wrote_s": round(wrote, 1),
        "year_before": before,
        "year_after": after,
        "year_nights_s": quiet_year,
        "guids_s": round(inbox, 1),
        "parts_before": parts,
        "parts_after": left,
        "parts_nights_s": nights,
        "parts_a_second": round((parts - left) / sum(nights)),
    }


def _write(**how: int) -> float:
    from benchmarks import _year

    started = time.monotonic()
    _year.write(_execute, repositories=_REPOSITORIES, **how)
    _execute("ANALYZE")
    return time.monotonic() - started


def _nights() -> list[float]:
    """Seconds of each run until nothing is left."""
    from autosync.sync import housekeeping

    seconds = []
    while True:
        started = time.monotonic()
        left = housekeeping.tidy().left
        seconds.append(round(time.monotonic() - started, 1))
        if not left:
            return seconds


_TABLES = (
    "sync_jobs", "sync_job_repositories", "audits", "audit_findings", "feed", "inbox_guids",
    "procrastinate_jobs", "procrastinate_events", "django_session", "api_tokens", "quota_leases",
)  # fmt: skip


def _counts() -> dict[str, int]:
    return {table: _execute(f"SELECT count(*) FROM {table}")[0][0] for table in _TABLES}


def _check(after: dict[str, int]) -> None:
    most = {
        "sync_jobs": 90 * 96 + 1, "audits": 91, "audit_findings": 91 * 20, "feed": 14 * 2_000 + 1,
        "inbox_guids": 14 * 2_000 + 1, "procrastinate_jobs": 10_000 + 30 * 20 + 2,
        "django_session": 14, "api_tokens": 91, "quota_leases": 0,
    }  # fmt: skip
    wrong = {table: after[table] for table, count in most.items() if after[table] > count}
    if wrong:
        raise RuntimeError(f"more rows than the page says: {wrong}")


def _empty() -> None:
    _execute(f"TRUNCATE {', '.join(_TABLES)} CASCADE")


def _execute(statement: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []
