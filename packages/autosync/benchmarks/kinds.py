"""Requests and points per kind: of an import, and of a quiet quarter of an hour; before and now.

"Before" is the commit of AUTOSYNC_BENCH_BEFORE (empty: leave it out); both mirror one simulated
GitHub, one after the other. The world is that of the claims: 20 repositories, 20,000 commits,
8,000 issues, 3,000 pull requests, with comments and reviews. AUTOSYNC_BENCH_SHARE=20 takes a
twentieth of it. What GitHub counted is by endpoint; which kind a request was for only AutoSync
knows, since it accounts for it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from benchmarks._figures import WORLD, points, standard_world
from benchmarks._stages import PATIENCE, QUIET, audited, imported
from benchmarks._trees import compared
from githubsim.testing import Sim
from tests.service import SECRET, Service, free_port, hook_url
from tests.waiting import eventually

VARIABLE = "AUTOSYNC_BENCH_BEFORE"
# The last one without a price per kind.
BEFORE = os.environ.get(VARIABLE, "593e6e5e0134d5e9ffe2b5a3bd498e09763d8bdc")


def run() -> dict[str, Any]:
    """What an import and a quiet sync took, by commit; `by_kind` where it is accounted."""
    world = standard_world()
    port = free_port()
    result: dict[str, Any] = {"world": world}
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET}
    with (
        compared(BEFORE, VARIABLE) as (_, trees),
        Sim(**world, **hook, start_timeout=900) as sim,
    ):
        for name, tree in trees.items():
            sim.ask("requests", clear=1)
            result[name] = _mirrored(sim, port, tree)
    return result


def _mirrored(sim: Sim, port: int, tree: Path) -> dict[str, Any]:
    with Service(sim, port, PYTHONPATH=str(tree), **QUIET) as service:
        started, used = time.monotonic(), points(sim)
        imported(service, WORLD["repositories"])
        took = _spent(sim, service, used, {})
        seconds = time.monotonic() - started
        audited(service)
        rows = {
            table: service.query(f"SELECT count(*) FROM {table}")[0][0]
            for table in ("commits", "issues", "pull_requests", "issue_comments", "reviews")
        }
        sim.ask("requests", clear=1)
        used, known_prices = points(sim), prices(service)
        _sync(service)
        return {
            "rows": rows,
            "import": {**took, "seconds": round(seconds, 1)},
            "quiet_quarter_of_an_hour": _spent(sim, service, used, known_prices),
        }


def _sync(service: Service) -> None:
    """A periodic sync, run to its end."""
    begun = service.query("SELECT coalesce(max(id), 0) FROM sync_jobs")[0][0]
    service.post("/api/sync/periodic/")
    done = f"SELECT count(*) FROM sync_jobs WHERE completed_at IS NOT NULL AND id > {begun}"
    eventually(lambda: service.query(done)[0][0] > 0, "the sync is over", PATIENCE)


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
