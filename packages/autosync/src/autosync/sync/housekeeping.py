"""Deletes what AutoSync wrote for itself and keeps no longer; docs/reference/tables.md says what.

Everything goes in batches, each its own transaction, and within a time: what is left, on a mirror
that was not tidied for years, goes the next time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection

from autosync import config
from autosync.mirror import partitions

logger = logging.getLogger(__name__)

SECONDS = 40.0  # for all tables together
BATCH = 5_000  # rows
JOBS = 20  # of which the parts are deleted in one transaction, a thousand each
PARTS_KEPT = timedelta(days=7)
TASKS_KEPT = 10_000  # tasks that ended, the newest
FAILED_TASKS_KEPT = timedelta(days=30)
NEWEST_JOBS = 100  # kept however old


@dataclass
class Tidied:
    """Rows deleted by table, and the tables in which some are left for the next time."""

    deleted: dict[str, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def tidy(seconds: float = SECONDS) -> Tidied:
    """Delete what is past its time, for `seconds` at most."""
    now = partitions.database_now()
    settings = config.load()
    history = now - timedelta(days=settings.autosync_history_retention)
    times = {
        "now": now,
        "history": history,
        "feed": now - timedelta(days=settings.autosync_inbox_retention),
        "parts": max(history, now - PARTS_KEPT),
        "failed": max(history, now - FAILED_TASKS_KEPT),
        "tasks_kept": TASKS_KEPT,
        "newest_jobs": NEWEST_JOBS,
    }
    done = Tidied()
    begun = time.monotonic()
    for number, (table, step) in enumerate(_STEPS):
        # Whoever has nothing to do leaves its share of the time to those after it.
        until = begun + seconds * (number + 1) / len(_STEPS)
        count, through = step(times, until)
        if count:
            done.deleted[table] = count
        if not through:
            done.left.append(table)
    if done.deleted:
        logger.info(
            "tidied: %s%s",
            ", ".join(f"{count} rows of {table}" for table, count in done.deleted.items()),
            f"; some of {', '.join(done.left)} are left for the next time" if done.left else "",
        )
    return done


Step = Callable[[dict[str, Any], float], tuple[int, bool]]


def _any_order(sql: str) -> Step:
    """Run a DELETE of up to %(batch)s rows until it finds fewer."""

    def step(times: dict[str, Any], until: float) -> tuple[int, bool]:
        total = 0
        while True:
            with connection.cursor() as cursor:
                cursor.execute(sql, times | {"batch": BATCH})
                count: int = cursor.rowcount
            total += count
            if count < BATCH:
                return total, True
            if time.monotonic() > until:
                return total, False

    return step


def _in_order(sql: str, batch: int = BATCH) -> Step:
    """Run a statement that goes through a table by its ids, %(batch)s after %(last)s.

    It gives the last id it has looked at, whether to go on after it, and how many rows it deleted.
    None reads again what was deleted before it.
    """

    def step(times: dict[str, Any], until: float) -> tuple[int, bool]:
        total, last = 0, 0
        while True:
            with connection.cursor() as cursor:
                cursor.execute(sql, times | {"batch": batch, "last": last})
                row = cursor.fetchone()
            assert row is not None
            total += row[2]
            if row[0] is None or not row[1]:
                return total, True
            last = row[0]
            if time.monotonic() > until:
                return total, False

    return step


def _oldest(table: str, time_column: str, before: str) -> str:
    """Rows whose time is before %(before)s; the table is written in the order of its ids."""
    return f"""
    WITH batch AS MATERIALIZED (
        SELECT id, {time_column} < %({before})s AS old FROM {table}
        WHERE id > %(last)s ORDER BY id LIMIT %(batch)s
    ), gone AS (
        DELETE FROM {table} USING batch WHERE {table}.id = batch.id AND batch.old RETURNING 1
    )
    SELECT max(id), coalesce(bool_or(old), false), (SELECT count(*) FROM gone) FROM batch
    """  # noqa: S608 (our names)


# A task that failed is kept for people to look at; its last event says when that was.
_TASKS = """
WITH batch AS MATERIALIZED (
    SELECT id, status IN ('succeeded', 'cancelled', 'aborted') OR (status = 'failed'
        AND NOT EXISTS (SELECT FROM procrastinate_events event
                        WHERE event.job_id = job.id AND event.at >= %(failed)s)) AS old
    FROM procrastinate_jobs job
    WHERE id > %(last)s AND id < (SELECT max(id) - %(tasks_kept)s FROM procrastinate_jobs)
    ORDER BY id LIMIT %(batch)s
), gone AS (
    DELETE FROM procrastinate_jobs USING batch
    WHERE procrastinate_jobs.id = batch.id AND batch.old RETURNING 1
)
SELECT max(id), true, (SELECT count(*) FROM gone) FROM batch
"""
# Once a job is over its numbers are in its own row; which repositories failed stays with it.
_PARTS = """
WITH batch AS MATERIALIZED (
    SELECT id, status IN ('completed', 'completed_with_errors', 'failed')
           AND completed_at < %(parts)s AS old, created_at < %(parts)s AS long_ago
    FROM sync_jobs WHERE id > %(last)s ORDER BY id LIMIT %(batch)s
), gone AS (
    DELETE FROM sync_job_repositories part USING batch
    WHERE part.job_id = batch.id AND batch.old AND part.status <> 'failed' RETURNING 1
)
SELECT max(id), coalesce(bool_or(long_ago), false), (SELECT count(*) FROM gone) FROM batch
"""
_JOBS = """
WITH newest AS MATERIALIZED (
    SELECT id FROM sync_jobs ORDER BY id DESC LIMIT %(newest_jobs)s
), batch AS MATERIALIZED (
    SELECT id, status IN ('completed', 'completed_with_errors', 'failed')
           AND completed_at < %(history)s AS old, created_at < %(history)s AS long_ago
    FROM sync_jobs WHERE id > %(last)s AND id < (SELECT min(id) FROM newest)
    ORDER BY id LIMIT %(batch)s
), parts AS (
    DELETE FROM sync_job_repositories part USING batch WHERE part.job_id = batch.id AND batch.old
), gone AS (
    DELETE FROM sync_jobs USING batch WHERE sync_jobs.id = batch.id AND batch.old RETURNING 1
)
SELECT max(id), coalesce(bool_or(long_ago), false), (SELECT count(*) FROM gone) FROM batch
"""
# The newest of each installation stays: it says when the mirror was last compared.
_AUDITS = """
WITH batch AS MATERIALIZED (
    SELECT id, started_at < %(history)s AS long_ago, started_at < %(history)s
           AND EXISTS (SELECT FROM audits later WHERE later.installation_id = audit.installation_id
                       AND later.id > audit.id) AS old
    FROM audits audit WHERE id > %(last)s ORDER BY id LIMIT %(batch)s
), findings AS (
    DELETE FROM audit_findings finding USING batch
    WHERE finding.audit_id = batch.id AND batch.old
), gone AS (
    DELETE FROM audits USING batch WHERE audits.id = batch.id AND batch.old RETURNING 1
)
SELECT max(id), coalesce(bool_or(long_ago), false), (SELECT count(*) FROM gone) FROM batch
"""
_NOT_HERE = (
    "installation_id <> 0 AND NOT EXISTS "
    "(SELECT FROM installations i WHERE i.github_id = installation_id)"
)

_STEPS: list[tuple[str, Step]] = [
    (
        "django_session",
        _any_order(
            "DELETE FROM django_session WHERE session_key IN (SELECT session_key "
            "FROM django_session WHERE expire_date < %(now)s ORDER BY expire_date LIMIT %(batch)s)"
        ),
    ),
    (
        "api_tokens",
        _any_order("DELETE FROM api_tokens WHERE least(revoked_at, expires_at) < %(history)s"),
    ),
    ("django_admin_log", _in_order(_oldest("django_admin_log", "action_time", "history"))),
    (
        "quota_leases",
        _any_order("DELETE FROM quota_leases WHERE expires_at < %(now)s - interval '1 hour'"),
    ),
    (
        "quota_budgets",
        _any_order(
            f"DELETE FROM quota_budgets WHERE {_NOT_HERE} "  # noqa: S608 (ours)
            "AND coalesce(observed_at, '-infinity') < %(now)s - interval '1 day'"
        ),
    ),
    (
        "quota_uses",
        _any_order(
            "DELETE FROM quota_uses WHERE id IN (SELECT id FROM quota_uses "
            "WHERE day < (%(history)s)::date LIMIT %(batch)s)"
        ),
    ),
    ("feed", _in_order(_oldest("feed", "at", "feed"))),
    ("procrastinate_jobs", _in_order(_TASKS)),
    ("audits", _in_order(_AUDITS, JOBS)),
    ("sync_job_repositories", _in_order(_PARTS, JOBS)),
    ("sync_jobs", _in_order(_JOBS, JOBS)),
]
