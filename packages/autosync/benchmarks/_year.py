"""The housekeeping that a mirror writes in some days, with past times, oldest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Execute = Callable[[str, dict[str, Any]], Any]


def write(
    execute: Execute,
    *,
    days: int,
    repositories: int,
    jobs_a_day: int = 96,
    days_with_parts: int = 0,
    tasks_a_day: int = 200,
    lines_a_day: int = 100,
) -> None:
    """Write `days` days up to now; the jobs of the newest `days_with_parts` have a row for each
    repository, as versions before wrote them, all others one for what failed.
    """
    values = {
        "days": days,
        "jobs": days * jobs_a_day,
        "step": 86_400 / jobs_a_day,
        "repositories": repositories,
        "with_parts": days_with_parts,
        "tasks": tasks_a_day * days,
        "task_step": 86_400 / tasks_a_day,
        "lines": lines_a_day * days,
        "line_step": 86_400 / lines_a_day,
    }
    for statement in _STATEMENTS:
        execute(statement, values)


_STATEMENTS = (
    """
    INSERT INTO sync_jobs (job_type, status, repositories_total, repositories_processed,
                           errors_count, details, error_message, created_at, started_at,
                           completed_at)
    SELECT 'periodic_sync', CASE n %% 50 WHEN 0 THEN 'completed_with_errors' ELSE 'completed' END,
           %(repositories)s, %(repositories)s, (n %% 50 = 0)::int, '{}', '', at, at, at + '1 minute'
    FROM (SELECT n, now() - make_interval(secs => n * %(step)s) AS at
          FROM generate_series(%(jobs)s, 1, -1) n) job
    """,
    """
    INSERT INTO sync_job_repositories (job_id, repository_id, status, rows, error, started_at,
                                       completed_at)
    SELECT job.id, r, CASE WHEN r = 1 AND errors_count = 1 THEN 'failed' ELSE 'completed' END,
           0, '', created_at, completed_at
    FROM sync_jobs job JOIN generate_series(1, %(repositories)s) r
      ON r = 1 AND errors_count = 1 OR created_at > now() - make_interval(days => %(with_parts)s)
    ORDER BY job.id, r
    """,
    """
    INSERT INTO audits (installation_id, deep, started_at, finished_at, repositories, equal, found,
                        repaired, points, error, left_out)
    SELECT 1, false, at, at, %(repositories)s, %(repositories)s - 5, 20, 20, 30, '', ''
    FROM (SELECT now() - make_interval(days => n) AS at
          FROM generate_series(%(days)s - 1, 0, -1) n) audit
    """,
    """
    INSERT INTO audit_findings (audit_id, repository_id, resource, object_key, problem, cause,
                                kind, repaired)
    SELECT audits.id, n, 'issue', n::text, 'stale', '', 'lost', true
    FROM audits, generate_series(1, 20) n ORDER BY audits.id
    """,
    """
    INSERT INTO feed (at, kind, action, object_key, title, actor, html_url)
    SELECT now() - make_interval(secs => n * %(line_step)s), 'issue', 'opened', n::text, 'a title',
           'octocat', ''
    FROM generate_series(%(lines)s, 1, -1) n
    """,
    """
    INSERT INTO procrastinate_jobs (queue_name, task_name, status)
    SELECT 'live', 'sweep', CASE n %% 100 WHEN 0 THEN 'failed' ELSE 'succeeded'
                            END::procrastinate_job_status
    FROM generate_series(%(tasks)s, 1, -1) n
    """,
    """
    INSERT INTO procrastinate_events (job_id, type, at)
    SELECT id, type::procrastinate_job_event_type, now() - make_interval(
        secs => ((SELECT max(id) FROM procrastinate_jobs) - id) * %(task_step)s)
    FROM procrastinate_jobs, unnest(ARRAY['deferred', 'started', status::text]) type
    """,
    """
    INSERT INTO inbox_guids (guid, delivery_id, received_at)
    SELECT 'year-' || n, %(lines)s - n + 1, now() - make_interval(secs => n * %(line_step)s)
    FROM generate_series(1, %(lines)s) n
    """,
    """
    INSERT INTO django_session (session_key, session_data, expire_date)
    SELECT 'year-' || n, 'x', now() + make_interval(days => 14 - n)
    FROM generate_series(1, %(days)s) n
    """,
    """
    INSERT INTO api_tokens (name, digest, scopes, created_at, revoked_at)
    SELECT 'year-' || n, 'year-' || n, '{read}', now() - make_interval(days => n),
           now() - make_interval(days => n) FROM generate_series(1, %(days)s) n
    """,
    """
    INSERT INTO quota_leases (installation_id, resource, expires_at)
    SELECT 1, 'core', now() - make_interval(days => n) FROM generate_series(1, %(days)s) n
    """,
)
