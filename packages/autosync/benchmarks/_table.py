"""The table of what is measured: each row, what it is compared with, what is to be reached."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A row of docs/benchmarks.md."""

    what: str
    against: str
    target: str
    benchmarks: tuple[str, ...]


ROWS = (
    Row(
        "import of the standard world, 300 ms a request and 3 ms a node, all limits on",
        "tap-github, Airbyte, Perceval on the same streams",
        "≤ 1.3 × the limit and ≤ 1.1 × the requests that a script computes from the world; "
        "≥ 3× less time than the fastest other",
        ("import_limits",),
    ),
    Row(
        "the same without limits",
        "the same",
        "≥ 15× less time than the fastest other; ≤ 0.45 of tap-github's requests",
        ("import_no_limits",),
    ),
    Row(
        "one repository of 30,000 issues and 10,000 pull requests, secondary limits on",
        "the limit computed from them",
        "≤ 1.3 × the limit",
        ("large_repository",),
    ),
    Row(
        "1,000 repositories, 30,000 commits, 10,000 issues, 4,000 pull requests, 50 ms",
        "271 s and 4,309 requests on 2026-11-29",
        "≤ 45 s, ≤ 600 requests",
        ("small_repositories",),
    ),
    Row(
        "nothing new in 1,000 repositories, across a change of tokens, two workers",
        "48 s, 40 s of CPU, 1,400 requests on 2026-11-29",
        "≤ 35 points, ≤ 5 s; the price of the default kinds stated",
        ("nothing_new", "quiet_sync"),
    ),
    Row("1 % changed", "the least, by hand", "≤ 1.2 × the least", ("one_percent",)),
    Row(
        "1,000,000 commits in one repository",
        "8,300 commits/s and 126 MB on 300,000",
        "≥ 15,000 commits/s from clone to complete rows, ≤ 200 MB, flat",
        ("million_commits",),
    ),
    Row(
        "webhook → row → open browser, 200 deliveries/s for 2 min, 10 dashboards",
        "–",
        "row p50 ≤ 25 ms, p99 ≤ 150 ms; browser p99 ≤ 400 ms",
        ("webhook_to_browser",),
    ),
    Row(
        "receiver",
        "Django view; no-op ASGI application",
        "≥ 12× the view; ≥ 30 % of the no-op; p99 ≤ 50 ms at 1,000/s",
        ("receiver",),
    ),
    Row(
        "apply, backlog of 20,000 mixed deliveries",
        "about 1,000/s on 2026-11-29",
        "≥ 2,500/s",
        ("backlog", "apply"),
    ),
    Row(
        "100 rows of a list, from bytes to committed",
        "about 40 ms of CPU on 2026-11-29",
        "≤ 15 ms of CPU",
        ("pages",),
    ),
    Row(
        "pages and API lists, 5 million commits, 1 million issues",
        "growth from 50,000 rows",
        "p99 ≤ 100 ms a page, ≤ 50 ms a list, growth ≤ 1.5×",
        ("reads",),
    ),
    Row(
        "1, 2, 4 workers",
        "–",
        "work conserved, none done twice, speed-up as it is",
        ("workers",),
    ),
    Row(
        "githubsim itself",
        "–",
        "≥ 500 list pages/s on two cores",
        ("githubsim",),
    ),
)
