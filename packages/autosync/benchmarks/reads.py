"""Pages and lists of the API on a small mirror, then on the same one a hundred times as large.

Small: 50,000 commits and 10,000 issues in 200 repositories. Large: 5,000,000 and 1,000,000, of
which one repository has 300,000 and 120,000 (a tenth of it with AUTOSYNC_BENCH_SHARE=10). Times
are of the request in the web process, without the network, in milliseconds.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks._figures import SHARE, percentile, verdict
from benchmarks._inside import migrated

_REPOSITORIES = 200
_TIMES = 20
# Commits and issues in all, and of them in the first repository.
_SMALL = ((50_000, 3_000), (10_000, 1_200))
_LARGE = ((5_000_000, 300_000), (1_000_000, 120_000))
_PAGES = (
    "/",
    "/jobs/",
    "/health/",
    "/deliveries/",
    "/repositories/1/?charts=1",
    *(f"/repositories/1/?tab={tab}" for tab in ("commits", "issues", "pulls", "people")),
    "/repositories/1/?tab=issues&state=open",
    "/api/sync/jobs/",
    "/api/sync/health/",
)
_LISTS = (
    "/api/repositories/",
    *(f"/api/{name}/?limit=100" for name in ("commits", "issues", "pull-requests", "contributors")),
    *(
        f"/api/{name}/?limit=100&repository=acme/r1"
        for name in ("commits", "issues", "pull-requests", "contributors")
    ),
    "/api/issues/?limit=100&state=open",
)


def run() -> dict[str, Any]:
    """Measure; raises RuntimeError if a page or list is not answered."""
    with migrated():
        return _measure()


def _measure() -> dict[str, Any]:
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    from autosync.api import tokens

    settings.ALLOWED_HOSTS = ["*"]
    browser = Client()
    browser.force_login(User.objects.create_superuser("ada"))
    _, plain = tokens.create("bench", ("read",))
    program = Client(headers={"authorization": f"Bearer {plain}"})
    _grow(_SMALL, 1)
    small = _times(browser, program)
    wrote = _grow(_LARGE, 1 / SHARE)
    large = _times(browser, program)
    page_p99, list_p99 = (max(large[path]["p99"] for path in some) for some in (_PAGES, _LISTS))
    growth = {path: round(large[path]["p50"] / small[path]["p50"], 2) for path in large}
    return {
        "share": SHARE,
        "times": _TIMES,
        "wrote_s": round(wrote, 1),
        "rows": {name: _one(f'SELECT count(*) FROM "{name}"') for name in ("commits", "issues")},
        "pages_ms": {path: large[path] for path in _PAGES},
        "lists_ms": {path: large[path] for path in _LISTS},
        "page_p99_ms": page_p99,
        "list_p99_ms": list_p99,
        "growth": growth,
        "verdicts": [
            verdict("p99 of a page, ms", page_p99, 100),
            verdict("p99 of a list, ms", list_p99, 50),
            verdict("growth", max(growth.values()), 1.5),
        ],
    }


def _times(browser: Any, program: Any) -> dict[str, dict[str, float]]:
    found = {}
    for path in (*_PAGES, *_LISTS):
        client = program if path.startswith("/api/") else browser
        client.get(path)
        taken = []
        for _ in range(_TIMES):
            started = time.perf_counter()
            answer = client.get(path)
            taken.append(1000 * (time.perf_counter() - started))
            if answer.status_code != 200:
                raise RuntimeError(f"{path}: {answer.status_code} {answer.content[:200]!r}")
        found[path] = {
            "p50": round(statistics.median(taken), 1),
            "p99": round(percentile(taken, 0.99), 1),
        }
    return found


def _grow(sizes: tuple[tuple[int, int], tuple[int, int]], share: float) -> float:
    """Let the mirror have so many rows, by the triggers that keep what pages count."""
    from django.utils import timezone

    from autosync.models import Commit, GitHubAppInstallation, Issue, PullRequest, Repository

    started = time.monotonic()
    now = timezone.now()
    (commits, first_commits), (issues, first_issues) = (
        tuple(round(share * number) for number in one) for one in sizes
    )
    if not Repository.objects.exists():
        acme = GitHubAppInstallation(pk=1, account_login="acme", observed_at=now)
        acme.save()
        Repository.objects.bulk_create(
            Repository(
                github_id=n, installation=acme, full_name=f"acme/r{n}", owner_login="acme",
                name=f"r{n}", sync_state="synced", imported_at=now, observed_at=now,
            )
            for n in range(1, _REPOSITORIES + 1)
        )  # fmt: skip
        first: dict[str, Any] = {"repository_id": 1, "observed_at": now, "created_at": now}
        Commit(sha="0" * 40, committed_at=now, repository_id=1, observed_at=now).save()
        Issue(github_issue_id=0, number=0, updated_at=now, **first).save()
        PullRequest(github_id=0, number=0, updated_at=now, **first).save()
    values = {"first": first_commits, "total": commits}
    _fill("commits", "sha = repeat('0', 40)", _COMMIT, values)
    values = {"first": first_issues, "total": issues}
    _fill("issues", "github_issue_id = 0", _ISSUE, values)
    values = {"first": first_issues // 2, "total": issues // 2}
    _fill("pull_requests", "github_id = 0", _PULL, values)
    _execute(_PEOPLE, {})
    _execute("VACUUM ANALYZE", {})
    return time.monotonic() - started


def _fill(table: str, like: str, differing: dict[str, str], values: dict[str, int]) -> None:
    """Rows like that one, but for these columns; n counts them, `at` is a time of each."""
    from django.db import connection

    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, table)
    names = [one.name for one in described if one.name != "id"]
    columns = ", ".join(names)
    shown = ", ".join(differing.get(name, f"model.{name}") for name in names)
    _execute(
        f"""
        INSERT INTO {table} ({columns})
        SELECT {shown} FROM (SELECT * FROM {table} WHERE {like}) model, (
            SELECT n, now() - make_interval(mins => n::integer) AS at
            FROM generate_series((SELECT count(*) FROM {table}), %(total)s) n
        ) made
        """,
        values,
    )


def _execute(sql: str, values: dict[str, Any]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)


def _one(sql: str) -> Any:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


# The first repository's rows come first, the others have the same number each.
_HOME = f"CASE WHEN n <= %(first)s THEN 1 ELSE 2 + n %% {_REPOSITORIES - 1} END"
_COMMIT = {
    "repository_id": _HOME,
    "sha": "lpad(to_hex(n), 40, '0')",
    "message": "'change ' || n",
    "author_name": "'Person ' || n %% 500",
    "author_email": "'p' || n %% 500 || '@example.org'",
    "authored_at": "at",
    "committed_at": "at",
    "complete": "true",
    "on_default_branch": "true",
    "detailed_at": "now()",
    "files_at": "now()",
}
_NUMBERED = {
    "repository_id": _HOME,
    "title": "'Something ' || n",
    "body": "repeat('text ', 40)",
    "state": "CASE WHEN n %% 4 = 0 THEN 'open' ELSE 'closed' END",
    "author_login": "'person-' || n %% 500",
    "created_at": "at",
    "updated_at": "at + interval '2 days'",
    "closed_at": "CASE WHEN n %% 4 > 0 THEN at + make_interval(hours => (n %% 999)::integer) END",
}
_ISSUE = _NUMBERED | {"github_issue_id": "n", "node_id": "'I_' || n", "number": "n"}
_PULL = _NUMBERED | {
    "github_id": "n",
    "node_id": "'PR_' || n",
    "number": "10000000 + n",
    "merged": "n %% 4 > 0",
    "merged_at": _NUMBERED["closed_at"],
}
_PEOPLE = """
INSERT INTO contributors (repository_id, identity, github_user_id, login, name, email,
                          contributions, first_commit_at, last_commit_at)
SELECT repository_id, 'email:' || author_email, NULL, '', max(author_name), author_email,
       count(*), min(authored_at), max(authored_at)
FROM commits GROUP BY repository_id, author_email ON CONFLICT DO NOTHING
"""
