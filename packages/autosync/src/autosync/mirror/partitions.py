"""The inbox by days (UTC): each a partition, made ahead of its time and dropped whole.

Nobody who stores or applies waits for this: a lock that is not to be had at once is given up and
asked for later. What no day is there for goes to `inbox_default`, so no delivery ever fails for
want of a partition.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg import errors

logger = logging.getLogger(__name__)

# Days made in advance: for so long nothing but the receiver need run.
AHEAD = 7
# A day with more deliveries than these still to be applied is kept until they are.
CARRIED = 1_000
BATCH = 5_000  # rows deleted in one transaction
# Those who store wait no longer than this for a day to be attached or detached: first a moment.
_LOCK_WAITS = (0.05, 0.1, 0.1, 0.2, 0.2, 0.5, 0.5, 1.0)  # seconds
_PAUSE = 0.5  # seconds between two attempts
_DAY = timedelta(days=1)
_BOUND = "(regexp_match(pg_get_expr(c.relpartbound, c.oid), '{} \\(''([^'']+)''\\)'))[1]"


@dataclass(frozen=True)
class Day:
    """A partition of the inbox: from its first moment (None: the beginning) to its end."""

    name: str
    since: datetime | None
    until: datetime


def is_divided() -> bool:
    """Whether the database has the inbox by days already."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('inbox')")
        row = cursor.fetchone()
    return bool(row and row[0])


def days() -> list[Day]:
    """The partitions but `inbox_default`, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT c.relname, {_BOUND.format('FROM')}::timestamptz, "  # noqa: S608 (ours)
            f"{_BOUND.format('TO')}::timestamptz FROM pg_inherits JOIN pg_class c "
            "ON c.oid = inhrelid WHERE inhparent = 'inbox'::regclass "
            "AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT' ORDER BY 3"
        )
        return [Day(*row) for row in cursor.fetchall()]


def make_ahead() -> list[str]:
    """Make today's partition and those of the coming days; returns the names of the new ones.

    A day that already has rows in `inbox_default` (of a wrong clock, or of a time without any
    worker) gets none: its rows are deleted there once they are old.
    """
    today = database_now().replace(hour=0, minute=0, second=0, microsecond=0)
    there = days()
    made = []
    for first in (today + number * _DAY for number in range(AHEAD + 1)):
        until = first + _DAY
        if any((d.since is None or d.since < until) and d.until > first for d in there):
            continue
        name = f"inbox_{first:%Y%m%d}"
        if _unless_locked(partial(_attach, name, first, until)):
            made.append(name)
    return made


def drop_until(before: datetime) -> list[str]:
    """Drop the days that ended before `before`; returns their names.

    What was not applied yet, or is parked, is carried over to `inbox_default` in the same
    transaction, so that it is never out of sight.
    """
    dropped = []
    for day in days():
        if day.until > before:
            break
        waiting = _unfinished(day.name)
        if waiting > CARRIED:
            logger.warning(
                "the deliveries of %s are kept: %d of them are not applied; see "
                "`autosync deliveries list --status parked`",
                f"{day.until - _DAY:%Y-%m-%d}",
                waiting,
            )
        elif _unless_locked(partial(_detach, day.name)):
            dropped.append(day.name)
    # Also those that a kill left between the two steps.
    for name in _detached():
        with connection.cursor() as cursor:
            cursor.execute(f'DROP TABLE "{name}"')
    return dropped


def prune_default(before: datetime) -> int:
    """Delete what is finished and older than `before` from `inbox_default`; rows deleted."""
    return _in_batches(
        "DELETE FROM inbox_default WHERE ctid = ANY(ARRAY(SELECT ctid FROM inbox_default "
        "WHERE received_at < %s AND finished_at < %s LIMIT %s FOR UPDATE SKIP LOCKED))",
        [before, before],
    )


def prune_parked(before: datetime) -> int:
    """Delete what was parked before `before` and never replayed, wherever it is; rows deleted."""
    return _in_batches(
        "DELETE FROM inbox WHERE (id, received_at) IN (SELECT id, received_at FROM inbox "
        "WHERE status = 'parked' AND received_at < %s ORDER BY received_at LIMIT %s)",
        [before],
    )


def prune_guids(before: datetime) -> int:
    """Forget GUIDs older than `before` whose delivery is gone; how many.

    In batches and in the order they came, each going on where the last ended, so that none reads
    again what was deleted before it; up to the first batch in which nothing is old.
    """
    total, last, old = 0, 0, True
    while old:
        with connection.cursor() as cursor:
            cursor.execute(_PRUNE_GUIDS, {"last": last, "batch": BATCH, "before": before})
            row = cursor.fetchone()
        assert row is not None
        last, old = row[0], row[1]
        total += row[2]
    return total


_PRUNE_GUIDS = """
WITH batch AS MATERIALIZED (
    SELECT guid, delivery_id, received_at FROM inbox_guids
    WHERE delivery_id > %(last)s ORDER BY delivery_id LIMIT %(batch)s
), gone AS (
    DELETE FROM inbox_guids USING batch
    WHERE inbox_guids.guid = batch.guid AND batch.received_at < %(before)s AND NOT EXISTS (
        SELECT FROM inbox WHERE id = batch.delivery_id AND received_at = batch.received_at
        AND received_at < %(before)s)  -- so that the days that stay are not looked into
    RETURNING 1
)
SELECT max(delivery_id), coalesce(bool_or(received_at < %(before)s), false),
       (SELECT count(*) FROM gone) FROM batch
"""


def _attach(name: str, since: datetime, until: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [name])
        row = cursor.fetchone()
        if row and row[0]:
            return  # another process was quicker
        # Made apart and attached, those who store are not in its way, and it not in theirs.
        cursor.execute(f'CREATE TABLE "{name}" (LIKE inbox INCLUDING ALL)')
        cursor.execute(
            f'ALTER TABLE inbox ATTACH PARTITION "{name}" '
            f"FOR VALUES FROM ('{since.isoformat()}') TO ('{until.isoformat()}')"
        )


def _detach(name: str) -> None:
    with connection.cursor() as cursor:
        # CONCURRENTLY is not to be had beside a default partition.
        cursor.execute(f'ALTER TABLE inbox DETACH PARTITION "{name}"')
        cursor.execute(
            f'INSERT INTO inbox SELECT * FROM "{name}" '  # noqa: S608 (our names)
            "WHERE status IN ('pending', 'parked')"
        )


def _unless_locked(change: Callable[[], None]) -> bool:
    """Carry out `change` in one transaction, if its locks are to be had; whether it was done."""
    for seconds in _LOCK_WAITS:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{seconds * 1000:.0f}ms'")
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext('the days of the inbox'))")
                change()
        except OperationalError as error:
            if not isinstance(error.__cause__, errors.LockNotAvailable):
                raise
            time.sleep(_PAUSE)
        except IntegrityError as error:
            if not isinstance(error.__cause__, errors.CheckViolation):
                raise
            return False  # rows of that day are in inbox_default
        else:
            return True
    logger.info("the inbox is busy: its days are made and dropped a little later")
    return False


def _unfinished(name: str) -> int:
    with connection.cursor() as cursor:
        # Two scans of a partial index each; one condition for both would read the whole day.
        cursor.execute(
            f"SELECT (SELECT count(*) FROM \"{name}\" WHERE status = 'pending') + "  # noqa: S608
            f"(SELECT count(*) FROM \"{name}\" WHERE status = 'parked')"
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _detached() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_class inbox USING (relnamespace) "
            "WHERE inbox.oid = 'inbox'::regclass AND c.relkind = 'r' AND NOT c.relispartition "
            "AND c.relname ~ '^inbox_(before|[0-9]{8})$'"
        )
        return [row[0] for row in cursor.fetchall()]


def _in_batches(sql: str, parameters: list[datetime]) -> int:
    """Run a DELETE again and again, each in its own transaction, until it finds nothing more."""
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(sql, [*parameters, BATCH])
            count: int = cursor.rowcount
        total += count
        if count < BATCH:
            return total


def database_now() -> datetime:
    """The clock that stamps the deliveries, in UTC."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        row = cursor.fetchone()
    assert row is not None
    now: datetime = row[0]
    return now.astimezone(UTC)
