"""What the mirror says about the work on its repositories, from the tallies kept with its rows.

Only what may be shown counts: repositories that are visible, rows without a tombstone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import connection

from autosync.mirror.models import Repository
from autosync.mirror.models.tally import Counted


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
        SELECT coalesce(sum(n) FILTER (WHERE name = 'commits'), 0)::bigint,
               coalesce(sum(n) FILTER (WHERE name = 'issues'), 0)::bigint,
               coalesce(sum(n) FILTER (WHERE name = 'open_issues'), 0)::bigint,
               coalesce(sum(n) FILTER (WHERE name = 'pull_requests'), 0)::bigint,
               coalesce(sum(n) FILTER (WHERE name = 'open_pull_requests'), 0)::bigint,
               (SELECT count(DISTINCT identity) FROM contributors
                WHERE repository_id = ANY(%(ids)s))
        FROM tallies WHERE repository_id = ANY(%(ids)s) AND bucket = 0 AND name = ANY(%(names)s)
        """,
        {"ids": _scope(None), "names": _WHOLE},
    )
    return Totals(*row)


def counts(repository_ids: Sequence[int]) -> dict[int, Counts]:
    """Per repository id the rows of each resource; every id given has an entry."""
    found = _rows(
        """
        SELECT r.id,
               coalesce(t.commits, 0), coalesce(t.branches, 0),
               coalesce(t.issues, 0), coalesce(t.open_issues, 0),
               coalesce(t.pull_requests, 0), coalesce(t.open_pull_requests, 0),
               coalesce(t.contributors, 0),
               greatest(
                   (SELECT max(committed_at) FROM commits c WHERE c.repository_id = r.id
                    AND c.deleted_at IS NULL AND c.committed_at <= now()),
                   (SELECT max(updated_at) FROM issues i WHERE i.repository_id = r.id
                    AND i.deleted_at IS NULL),
                   (SELECT max(updated_at) FROM pull_requests p WHERE p.repository_id = r.id
                    AND p.deleted_at IS NULL))
        FROM unnest(%(ids)s::bigint[]) AS r(id)
        LEFT JOIN (
            SELECT repository_id, max(n) FILTER (WHERE name = 'commits') AS commits,
                   max(n) FILTER (WHERE name = 'branches') AS branches,
                   max(n) FILTER (WHERE name = 'issues') AS issues,
                   max(n) FILTER (WHERE name = 'open_issues') AS open_issues,
                   max(n) FILTER (WHERE name = 'pull_requests') AS pull_requests,
                   max(n) FILTER (WHERE name = 'open_pull_requests') AS open_pull_requests,
                   max(n) FILTER (WHERE name = 'contributors') AS contributors
            FROM tallies
            WHERE repository_id = ANY(%(ids)s) AND bucket = 0 AND name = ANY(%(names)s)
            GROUP BY 1
        ) t ON t.repository_id = r.id
        """,
        {"ids": list(repository_ids), "names": _WHOLE},
    )
    return {row[0]: Counts(*row[1:]) for row in found}


def weekly_commits(repository_ids: Sequence[int], weeks: int = 26) -> dict[int, list[int]]:
    """Per repository id its commits of the last `weeks` weeks, oldest first.

    A week is seven days (UTC); the last one ends with today.
    """
    ids = list(repository_ids)
    found = {pk: [0] * weeks for pk in ids}
    rows = _rows(
        f"""
        SELECT repository_id, ({_TODAY} - bucket) / 7 AS ago, sum(n)::bigint
        FROM tallies
        WHERE repository_id = ANY(%(ids)s) AND name = 'commits_by_day'
          AND bucket > {_TODAY} - 7 * %(weeks)s AND bucket <= {_TODAY}
        GROUP BY 1, 2
        """,  # noqa: S608
        {"ids": ids, "weeks": weeks},
    )
    for pk, ago, count in rows:
        found[pk][weeks - 1 - ago] += count
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
    [(first, last, today)] = _rows(
        f"""
        SELECT min(first), max(last), (now() AT TIME ZONE 'UTC')::date
        FROM unnest(%(ids)s::bigint[]) AS r(id)
        CROSS JOIN LATERAL (
            SELECT (SELECT {_DATE} FROM tallies {_DAYS} ORDER BY bucket LIMIT 1) AS first,
                   (SELECT {_DATE} FROM tallies {_DAYS} ORDER BY bucket DESC LIMIT 1) AS last
        ) span
        """,  # noqa: S608
        {"ids": ids},
    )
    if first is None:
        return Activity(unit or Unit.DAY, [])
    unit = unit or _finest(today - first)
    end = today if today - last <= _SPAN[unit] else last
    start = max(first, end - _SPAN[unit]) if end - date.min > _SPAN[unit] else first
    rows = _rows(
        _BY_MONTH if unit is Unit.MONTH else _BY_DAY,
        {"ids": ids, "unit": unit.value, "start": start, "end": end},
    )
    return Activity(unit, [Column(*row) for row in rows])


_WHOLE = [
    Counted.COMMITS, Counted.BRANCHES, Counted.ISSUES, Counted.OPEN_ISSUES,
    Counted.PULL_REQUESTS, Counted.OPEN_PULL_REQUESTS, Counted.CONTRIBUTORS,
]  # fmt: skip
# Buckets are days, or months, since the beginning of 1970.
_TODAY = "((now() AT TIME ZONE 'UTC')::date - DATE '1970-01-01')"
_DATE = "DATE '1970-01-01' + bucket"
_DAYS = f"WHERE repository_id = r.id AND name = 'commits_by_day' AND n > 0 AND bucket <= {_TODAY}"
_BY_DAY = """
    SELECT column_.start::date, coalesce(found.n, 0)::bigint
    FROM generate_series(date_trunc(%(unit)s, %(start)s::timestamp), %(end)s::timestamp,
                         ('1 ' || %(unit)s)::interval) AS column_(start)
    LEFT JOIN (
        SELECT date_trunc(%(unit)s, (DATE '1970-01-01' + bucket)::timestamp) AS start, sum(n) AS n
        FROM tallies
        WHERE repository_id = ANY(%(ids)s) AND name = 'commits_by_day'
          AND bucket >= date_trunc(%(unit)s, %(start)s::timestamp)::date - DATE '1970-01-01'
          AND bucket <= %(end)s::date - DATE '1970-01-01'
        GROUP BY 1
    ) found USING (start)
    ORDER BY 1
"""
# The month of the end is counted whole: later commits of it than today's are none, or dated ahead.
_BY_MONTH = """
    SELECT column_.start::date, coalesce(found.n, 0)::bigint
    FROM generate_series(date_trunc('month', %(start)s::timestamp), %(end)s::timestamp,
                         '1 month') AS column_(start)
    LEFT JOIN (
        SELECT DATE '1970-01-01' + make_interval(months => bucket) AS start, sum(n) AS n
        FROM tallies
        WHERE repository_id = ANY(%(ids)s) AND name = 'commits_by_month'
        GROUP BY 1
    ) found USING (start)
    ORDER BY 1
"""


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
        SELECT week.start::date,
               coalesce(sum(n) FILTER (WHERE name = 'issues_opened'), 0)::bigint,
               coalesce(sum(n) FILTER (WHERE name = 'issues_closed'), 0)::bigint
        FROM generate_series(
                 date_trunc('week', now() AT TIME ZONE 'UTC')
                 - make_interval(weeks => %(weeks)s - 1),
                 now() AT TIME ZONE 'UTC', '1 week') AS week(start)
        LEFT JOIN tallies ON repository_id = %(id)s
             AND name IN ('issues_opened', 'issues_closed')
             AND bucket >= week.start::date - DATE '1970-01-01'
             AND bucket < week.start::date + 7 - DATE '1970-01-01'
        GROUP BY 1 ORDER BY 1
        """,
        {"id": repository_id, "weeks": weeks},
    )
    flow = [Flow(*row) for row in rows]
    return flow if any(week.opened or week.closed for week in flow) else []


@dataclass(frozen=True, slots=True)
class Spans:
    """How long something takes, in seconds, to 2 %; None where nothing has been measured yet."""

    median: float | None
    p90: float | None
    sample: int


def time_to_close(repository_id: int) -> Spans:
    """From an issue's creation to its (last) closing, over all closed issues."""
    return _spans(Counted.TIME_TO_CLOSE, repository_id)


def lead_time(repository_id: int) -> Spans:
    """From a pull request's creation to its merge, over all merged ones."""
    return _spans(Counted.LEAD_TIME, repository_id)


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


def _spans(counted: Counted, repository_id: int) -> Spans:
    buckets = _rows(
        "SELECT bucket, n FROM tallies WHERE repository_id = %(id)s AND name = %(name)s AND n > 0 "
        "ORDER BY bucket",
        {"id": repository_id, "name": counted},
    )
    sample = sum(n for _, n in buckets)
    return Spans(_quantile(buckets, 0.5 * sample), _quantile(buckets, 0.9 * sample), sample)


def _quantile(buckets: Sequence[tuple[int, int]], rank: float) -> float | None:
    """The span below which `rank` of them lie; within a bucket they are taken to be even."""
    below = 0
    for bucket, n in buckets:
        if below + n >= rank:
            return math.exp((bucket + (rank - below) / n) / 50)
        below += n
    return None


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
