"""How far the mirror drifted from GitHub: what audits found, day by day and by repository."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from autosync.mirror.models import AuditFinding, Repository

DAYS = 30
NAMED = 5  # findings named per repository
REPOSITORIES = 50


@dataclass(frozen=True, slots=True)
class DriftDay:
    """The audits that began on one day (UTC). `lost`, `late` and `bug` sum up to `found`."""

    day: date
    audits: int
    repositories: int
    """Comparisons of a repository with GitHub."""
    found: int
    repaired: int
    lost: int
    late: int
    bug: int
    points: int
    """Quota that the audited installations spent meanwhile."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that differed."""

    at: datetime
    resource: str
    key: str
    problem: str
    kind: str
    cause: str
    repaired: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """A repository in which something differed, and since when it is known to be equal again."""

    repository_id: int
    full_name: str
    equal_at: datetime | None
    open: bool
    """Something that the newest audit with findings found is not repaired, nor equal since."""
    found: int
    repaired: int
    newest: list[Difference]


def by_day(days: int = DAYS) -> list[DriftDay]:
    """The last `days` days, oldest first; all zero where there was no audit."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH audit AS (
                SELECT id, (started_at AT TIME ZONE 'UTC')::date AS day, repositories, points
                FROM audits WHERE started_at > now() - make_interval(days => %(days)s + 1)
            ), finding AS (
                SELECT day, count(*) AS found, count(*) FILTER (WHERE repaired) AS repaired,
                       count(*) FILTER (WHERE kind = 'lost') AS lost,
                       count(*) FILTER (WHERE kind = 'late') AS late,
                       count(*) FILTER (WHERE kind = 'bug') AS bug
                FROM audit_findings JOIN audit ON audit.id = audit_id GROUP BY day
            ), done AS (
                SELECT day, count(*) AS audits, sum(repositories) AS repositories,
                       sum(points) AS points
                FROM audit GROUP BY day
            )
            SELECT day::date, coalesce(audits, 0), coalesce(repositories, 0), coalesce(found, 0),
                   coalesce(repaired, 0), coalesce(lost, 0), coalesce(late, 0), coalesce(bug, 0),
                   coalesce(points, 0)
            FROM generate_series((now() AT TIME ZONE 'UTC')::date - (%(days)s - 1),
                                 (now() AT TIME ZONE 'UTC')::date, '1 day') AS day
            LEFT JOIN done USING (day) LEFT JOIN finding USING (day) ORDER BY day
            """,
            {"days": days},
        )
        return [DriftDay(*row) for row in cursor.fetchall()]


def by_repository(since: datetime, repository_id: int | None = None) -> list[Verdict]:
    """Visible repositories in which audits since then found differences, the worst first."""
    findings = AuditFinding.objects.filter(audit__started_at__gte=since, repository__isnull=False)
    if repository_id is not None:
        findings = findings.filter(repository_id=repository_id)
    grouped: dict[int, list[AuditFinding]] = {}
    for one in findings.select_related("audit").order_by("-id")[:10_000]:
        grouped.setdefault(one.repository_id or 0, []).append(one)
    rows = Repository.visible().filter(pk__in=grouped)
    verdicts = [_verdict(row, grouped[row.pk]) for row in rows]
    verdicts.sort(key=lambda verdict: (not verdict.open, -verdict.found, verdict.full_name))
    return verdicts[:REPOSITORIES]


def _verdict(repository: Repository, found: list[AuditFinding]) -> Verdict:
    last = found[0].audit
    left = any(not one.repaired for one in found if one.audit_id == last.pk)
    equal_since = repository.equal_at is not None and repository.equal_at >= last.started_at
    return Verdict(
        repository_id=repository.pk,
        full_name=repository.full_name,
        equal_at=repository.equal_at,
        open=left and not equal_since,
        found=len(found),
        repaired=sum(one.repaired for one in found),
        newest=[
            Difference(
                at=one.audit.started_at,
                resource=one.resource,
                key=one.object_key,
                problem=one.problem,
                kind=one.kind,
                cause=one.cause,
                repaired=one.repaired,
            )
            for one in found[:NAMED]
        ],
    )
