"""Requests and points per kind: of an import, and of a quiet quarter of an hour; before and now.

"Before" is the commit of AUTOSYNC_BENCH_BEFORE (empty: leave it out); both mirror one simulated
GitHub, one after the other. The world is that of the claims: 20 repositories, 20,000 commits,
8,000 issues, 3,000 pull requests, with comments and reviews. AUTOSYNC_BENCH_SHARE=20 takes a
twentieth of it. What GitHub counted is by endpoint; which kind a request was for only AutoSync
knows, since it accounts for it.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks._trees import ROOT, checked_out, sources
from githubsim.testing import Sim
from tests.service import SECRET, Service, free_port, hook_url
from tests.waiting import eventually

VARIABLE = "AUTOSYNC_BENCH_BEFORE"
# The last one without a price per kind.
BEFORE = os.environ.get(VARIABLE, "593e6e5e0134d5e9ffe2b5a3bd498e09763d8bdc")
SHARE = int(os.environ.get("AUTOSYNC_BENCH_SHARE", "1"))
WORLD = {"repositories": 20, "commits": 20_000, "issues": 8_000, "pulls": 3_000}
_PATIENCE = 3600


def standard_world() -> dict[str, Any]:
    """The options of githubsim for the world of the claims, or for the share of it."""
    return {
        name: count if name == "repositories" else max(count // SHARE, 20)
        for name, count in WORLD.items()
    }


def run() -> dict[str, Any]:
    """What an import and a quiet sync took, by commit; `by_kind` where it is accounted."""
    world = standard_world()
    port = free_port()
    result: dict[str, Any] = {"world": world}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autosync-bench-")))
        trees = {"now": sources(ROOT)}
        before = stack.enter_context(checked_out(BEFORE, folder / "before", VARIABLE))
        if before is not None:
            trees = {"before": sources(before), **trees}
        sim = stack.enter_context(
            Sim(
                **world,
                webhook_url=hook_url(port),
                webhook_secret=SECRET,
                start_timeout=900,
            )
        )
        for name, tree in trees.items():
            sim.ask("requests", clear=1)
            result[name] = _mirrored(sim, port, tree)
    return result


def _mirrored(sim: Sim, port: int, tree: Path) -> dict[str, Any]:
    quiet = {"AUTOSYNC_SYNC_INTERVAL": "59", "AUTOSYNC_SKIP_RECENT": "0"}
    with Service(sim, port, PYTHONPATH=str(tree), **quiet) as service:
        started, used = time.monotonic(), points(sim)
        left = "SELECT count(*) FROM repositories WHERE imported_at IS NULL"
        known = "SELECT count(*) FROM repositories"
        wanted = WORLD["repositories"]
        eventually(lambda: service.query(known)[0][0] >= wanted, "all are listed", _PATIENCE)
        eventually(lambda: service.query(left)[0][0] == 0, "all are imported", _PATIENCE)
        imported = _spent(sim, service, used, {})
        seconds = time.monotonic() - started
        due = "SELECT count(*) FROM repositories WHERE audit_due_at IS NOT NULL"
        eventually(lambda: service.query(due)[0][0] == 0, "the audit is over", _PATIENCE)
        rows = {
            table: service.query(f"SELECT count(*) FROM {table}")[0][0]
            for table in ("commits", "issues", "pull_requests", "issue_comments", "reviews")
        }
        sim.ask("requests", clear=1)
        used, known_prices = points(sim), prices(service)
        _sync(service)
        return {
            "rows": rows,
            "import": {**imported, "seconds": round(seconds, 1)},
            "quiet_quarter_of_an_hour": _spent(sim, service, used, known_prices),
        }


def _sync(service: Service) -> None:
    """A periodic sync, run to its end."""
    begun = service.query("SELECT coalesce(max(id), 0) FROM sync_jobs")[0][0]
    service.post("/api/sync/periodic/")
    done = f"SELECT count(*) FROM sync_jobs WHERE completed_at IS NOT NULL AND id > {begun}"
    eventually(lambda: service.query(done)[0][0] > 0, "the sync is over", _PATIENCE)


def _spent(
    sim: Sim, service: Service, used: dict[str, int], known: dict[str, list[float]]
) -> dict[str, Any]:
    """What was spent since `used` and `known` were read."""
    endpoints = {
        place: sum(answers.values()) for place, answers in sim.requests()["endpoints"].items()
    }
    return {
        "requests": sum(endpoints.values()),
        "points": {what: now - used.get(what, 0) for what, now in points(sim).items()},
        "by_kind": {
            kind: dict(
                zip(_PRICE, (round(a - b, 1) for a, b in zip(now, then, strict=True)), strict=True)
            )
            for kind, now in sorted(prices(service).items())
            if now != (then := known.get(kind, [0.0, 0.0, 0.0]))
        },
        "by_endpoint": dict(sorted(endpoints.items(), key=lambda item: -item[1])),
    }


_PRICE = ("requests", "rest_points", "graphql_points")


def prices(service: Service) -> dict[str, list[float]]:
    """Kind → requests, points of REST and of GraphQL so far; empty of a commit without them."""
    if service.query("SELECT to_regclass('quota_deltas') IS NULL")[0][0]:
        return {}
    sql = (
        "SELECT kind, sum(requests), sum(points) FILTER (WHERE resource = 'core'), "
        "sum(points) FILTER (WHERE resource = 'graphql') FROM ("
        "SELECT kind, resource, requests, points FROM quota_uses UNION ALL "
        "SELECT kind, resource, requests, points FROM quota_deltas) AS noted GROUP BY kind"
    )
    return {kind: [value or 0.0 for value in values] for kind, *values in service.query(sql)}


def points(sim: Sim) -> dict[str, int]:
    """Points used so far, by whose they are and of which API."""
    return {
        f"{who.partition(':')[0]} {api}": points
        for who, by in sim.requests()["quota"].items()
        for api, points in by.items()
        if points
    }
