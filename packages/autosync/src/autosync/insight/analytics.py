"""What the mirror says about the work on its repositories, computed in SQL.

Only what may be shown counts: repositories that are visible, rows without a tombstone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import connection

from autosync import moments
from autosync.mirror.models import Repository


class Unit(StrEnum):
    """The width of a chart's column."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Totals:
    """Rows over all visible repositories."""

    commits: int
    issues: int
    open_issues: int
    pull_requests: int
    open_pull_requests: int
    contributors: int


@dataclass(frozen=True, slots=True)
class Counts:
    """One repository's rows, and when the newest of them was written."""

    commits: int = 0
    branches: int = 0
    issues: int = 0
    open_issues: int = 0
    pull_requests: int = 0
    open_pull_requests: int = 0
    contributors: int = 0
    last_activity: datetime | None = None


def totals() -> Totals:
    """Rows over all visible repositories. Contributors are counted once per person."""
    [row] = _rows(
        """
        SELECT
            (SELECT count(*) FROM commits
             WHERE deleted_at IS NULL AND repository_id = ANY(%(ids)s)),
            issue.n, issue.open, pull.n, pull.open,
            (SELECT count(DISTINCT identity) FROM contributors WHERE repository_id = ANY(%(ids)s))
        FROM
            (SELECT count(*) AS n, count(*) FILTER (WHERE state = 'open') AS open FROM issues
             WHERE deleted_at IS NULL AND repository_id = ANY(%(ids)s)) issue,
            (SELECT count(*) AS n, count(*) FILTER (WHERE state = 'open') AS open
             FROM pull_requests
             WHERE deleted_at IS NULL AND repository_id = ANY(%(ids)s)) pull
        """,
        {"ids": _scope(None)},
    )
    return Totals(*row)


def counts(repository_ids: Sequence[int]) -> dict[int, Counts]:
    """Per repository id the rows of each resource; every id given has an entry."""
    ids = list(repository_ids)
    found = _rows(
        """
        SELECT r.id, coalesce(c.n, 0), coalesce(b.n, 0), coalesce(i.n, 0), coalesce(i.open, 0),
               coalesce(p.n, 0), coalesce(p.open, 0), coalesce(a.n, 0),
               greatest(c.last, i.last, p.last)
        FROM unnest(%(ids)s::bigint[]) AS r(id)
        LEFT JOIN (
            SELECT repository_id, count(*) AS n,
                   max(committed_at) FILTER (WHERE committed_at <= now()) AS last
            FROM commits WHERE deleted_at IS NULL AND repository_id = ANY(%(ids)s) GROUP BY 1
        ) c ON c.repository_id = r.id
        LEFT JOIN (
            SELECT repository_id, count(*) AS n FROM refs
            WHERE kind = 'branch' AND deleted_at IS NULL AND repository_id = ANY(%(ids)s)
            GROUP BY 1
        ) b ON b.repository_id = r.id
        LEFT JOIN (
            SELECT repository_id, count(*) AS n, count(*) FILTER (WHERE state = 'open') AS open,
                   max(updated_at) AS last
            FROM issues WHERE deleted_at IS NULL AND repository_id = ANY(%(ids)s) GROUP BY 1
        ) i ON i.repository_id = r.id
        LEFT JOIN (
            SELECT repository_id, count(*) AS n, count(*) FILTER (WHERE state = 'open') AS open,
                   max(updated_at) AS last
            FROM pull_requests WHERE deleted_at IS NULL AND repository_id = ANY(%(ids)s) GROUP BY 1
        ) p ON p.repository_id = r.id
        LEFT JOIN (
            SELECT repository_id, count(*) AS n FROM contributors
            WHERE repository_id = ANY(%(ids)s) GROUP BY 1
        ) a ON a.repository_id = r.id
        """,
        {"ids": ids},
    )
    return {row[0]: Counts(*row[1:]) for row in found}


def weekly_commits(repository_ids: Sequence[int], weeks: int = 26) -> dict[int, list[int]]:
    """Per repository id its commits of the last `weeks` weeks (seven days each), oldest first."""
    ids = list(repository_ids)
    found = {pk: [0] * weeks for pk in ids}
    rows = _rows(
        """
        SELECT repository_id, extract(epoch FROM now() - committed_at)::bigint / 604800 AS ago,
               count(*)
        FROM commits
        WHERE deleted_at IS NULL AND repository_id = ANY(%(ids)s)
          AND committed_at > now() - make_interval(weeks => %(weeks)s) AND committed_at <= now()
        GROUP BY 1, 2
        """,
        {"ids": ids, "weeks": weeks},
    )
    for pk, ago, count in rows:
        found[pk][weeks - 1 - min(ago, weeks - 1)] += count
    return found


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a chart: what happened from `start` (UTC) until the next column's start."""

    start: date
    count: int


@dataclass(frozen=True, slots=True)
class Activity:
    """Commits over time, without gaps, oldest first. `columns` is empty where there are none."""

    unit: Unit
    columns: list[Column]

    @property
    def total(self) -> int:
        return sum(column.count for column in self.columns)


# The longest span that each unit draws: more columns than these cannot be told apart.
_SPAN = {
    Unit.DAY: timedelta(days=62),
    Unit.WEEK: timedelta(weeks=104),
    Unit.MONTH: timedelta(days=20 * 366),
}


def activity(repository_id: int | None = None, unit: Unit | None = None) -> Activity:
    """Commits over time by their committer date, of one repository or of all visible ones.

    The chart ends with the newest commit's column if the newest is older than the span (a
    repository at rest shows its history), else today. Without `unit` the finest one that shows
    the whole history. Commits dated in the future are left out.
    """
    ids = _scope(repository_id)
    [(first, last, now)] = _rows(
        """
        SELECT min(committed_at), max(committed_at), now() FROM commits
        WHERE deleted_at IS NULL AND committed_at <= now() AND repository_id = ANY(%(ids)s)
        """,
        {"ids": ids},
    )
    if first is None:
        return Activity(unit or Unit.DAY, [])
    unit = unit or _finest(now - first)
    end = now if now - last <= _SPAN[unit] else last
    start = max(first, moments.before(end, _SPAN[unit]))
    rows = _rows(
        """
        SELECT bucket::date, coalesce(n, 0)
        FROM generate_series(date_trunc(%(unit)s, %(start)s::timestamptz, 'UTC') AT TIME ZONE 'UTC',
                             %(end)s::timestamptz AT TIME ZONE 'UTC',
                             ('1 ' || %(unit)s)::interval) AS bucket
        LEFT JOIN (
            SELECT date_trunc(%(unit)s, committed_at, 'UTC') AT TIME ZONE 'UTC' AS bucket,
                   count(*) AS n
            FROM commits
            WHERE deleted_at IS NULL AND committed_at <= %(end)s
              AND committed_at >= date_trunc(%(unit)s, %(start)s::timestamptz, 'UTC')
              AND repository_id = ANY(%(ids)s)
            GROUP BY 1
        ) c USING (bucket)
        ORDER BY 1
        """,
        {"ids": ids, "unit": unit.value, "start": start, "end": end},
    )
    return Activity(unit, [Column(*row) for row in rows])


@dataclass(frozen=True, slots=True)
class Flow:
    """Issues opened and closed in one column of a chart."""

    start: date
    opened: int
    closed: int


def issue_flow(repository_id: int, weeks: int = 26) -> list[Flow]:
    """Issues opened and closed per week (from Monday, UTC), oldest first, without gaps.

    Empty if nothing was opened or closed in the last `weeks` weeks.
    """
    rows = _rows(
        """
        WITH weeks AS (
            SELECT generate_series(
                date_trunc('week', now(), 'UTC') - make_interval(weeks => %(weeks)s - 1),
                now(), '1 week') AS start
        ), events AS (
            SELECT created_at AS at, 1 AS opened, 0 AS closed FROM issues
            WHERE repository_id = %(id)s AND deleted_at IS NULL
            UNION ALL
            SELECT closed_at, 0, 1 FROM issues
            WHERE repository_id = %(id)s AND deleted_at IS NULL AND state = 'closed'
        )
        SELECT (start AT TIME ZONE 'UTC')::date, coalesce(sum(opened), 0), coalesce(sum(closed), 0)
        FROM weeks LEFT JOIN events ON at >= start AND at < start + interval '1 week'
        GROUP BY start ORDER BY start
        """,
        {"id": repository_id, "weeks": weeks},
    )
    flow = [Flow(*row) for row in rows]
    return flow if any(week.opened or week.closed for week in flow) else []


@dataclass(frozen=True, slots=True)
class Spans:
    """How long something takes, in seconds; None where nothing has been measured yet."""

    median: float | None
    p90: float | None
    sample: int


def time_to_close(repository_id: int) -> Spans:
    """From an issue's creation to its (last) closing, over all closed issues."""
    return _spans(
        """
        SELECT percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP
                   (ORDER BY extract(epoch FROM closed_at - created_at)), count(*)
        FROM issues
        WHERE repository_id = %(id)s AND deleted_at IS NULL
          AND state = 'closed' AND closed_at IS NOT NULL
        """,
        repository_id,
    )


def lead_time(repository_id: int) -> Spans:
    """From a pull request's creation to its merge, over all merged ones."""
    return _spans(
        """
        SELECT percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP
                   (ORDER BY extract(epoch FROM merged_at - created_at)), count(*)
        FROM pull_requests
        WHERE repository_id = %(id)s AND deleted_at IS NULL AND merged AND merged_at IS NOT NULL
        """,
        repository_id,
    )


@dataclass(frozen=True, slots=True)
class Share:
    """One person's part of a repository's default branch."""

    name: str
    login: str
    contributions: int
    percent: float
    """Of all commits on the default branch."""


def top_contributors(repository_id: int, limit: int = 10) -> list[Share]:
    """Who wrote most of the default branch, most commits first."""
    rows = _rows(
        """
        SELECT coalesce(nullif(name, ''), nullif(login, ''), email), login, contributions,
               100.0 * contributions / nullif(sum(contributions) OVER (), 0)
        FROM contributors WHERE repository_id = %(id)s
        ORDER BY contributions DESC, id LIMIT %(limit)s
        """,
        {"id": repository_id, "limit": limit},
    )
    return [Share(name, login, n, float(percent or 0)) for name, login, n, percent in rows]


def _spans(sql: str, repository_id: int) -> Spans:
    [(quantiles, sample)] = _rows(sql, {"id": repository_id})
    median, p90 = quantiles or (None, None)
    return Spans(median, p90, sample)


def _finest(history: timedelta) -> Unit:
    """The finest unit that shows the whole history; months for the longest."""
    return next((unit for unit in Unit if history <= _SPAN[unit]), Unit.MONTH)


def _scope(repository_id: int | None) -> list[int]:
    """The repositories to look at: this one, or all that may be shown."""
    if repository_id is not None:
        return [repository_id]
    return list(Repository.visible().values_list("pk", flat=True))


def _rows(sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
