"""Import of one repository of 3,000 issues and 1,000 pull requests, each request waiting 300 ms.

AUTOSYNC_BENCH_BEFORE names the commit of AutoSync to compare with, in the same run.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._trees import checked_out, sources
from githubsim.testing import Sim
from tests.service import SECRET, Service, differences, free_port, hook_url
from tests.waiting import eventually

ISSUES, PULLS, LATENCY = 3_000, 1_000, 0.3
LISTS = "SELECT count(*) FROM resource_cursors WHERE resource = '{}' AND state = 'complete'"


def run() -> dict[str, Any]:
    """Now, and before if that commit is there."""
    result: dict[str, Any] = {"world": [ISSUES, PULLS], "latency": LATENCY, "now": _import()}
    with (
        tempfile.TemporaryDirectory() as folder,
        checked_out(
            os.environ.get("AUTOSYNC_BENCH_BEFORE", ""),
            Path(folder) / "before",
            "AUTOSYNC_BENCH_BEFORE",
        ) as tree,
    ):
        if tree is not None:
            result["before"] = _import(PYTHONPATH=str(sources(tree)))
    return result


def _import(**env: str) -> dict[str, Any]:
    port = free_port()
    world: dict[str, Any] = {"repositories": 1, "commits": 100, "issues": ISSUES, "pulls": PULLS}
    with (
        Sim(
            **world,
            webhook_url=hook_url(port),
            webhook_secret=SECRET,
            install=False,
            latency=LATENCY,
        ) as sim,
        Service(sim, port, **env) as service,
    ):
        sim.ask("requests", clear=1)
        started = time.monotonic()
        sim.control("install")
        seconds = {
            name: _until(service, sql, started)
            for name, sql in {
                "issues": LISTS.format("issue"),
                "pull_requests": LISTS.format("pull_request"),
                "all": "SELECT count(*) FROM repositories WHERE imported_at IS NOT NULL",
            }.items()
        }
        asked = sim.requests()["endpoints"]
        return {
            "seconds": seconds,
            "requests": sum(sum(answers.values()) for answers in asked.values()),
            "endpoints": {name: sum(answers.values()) for name, answers in asked.items()},
            "equal_to_github": not differences(service, sim),
        }


def _until(service: Service, sql: str, started: float) -> float:
    eventually(lambda: service.query(sql)[0][0] > 0, sql, 300)
    return round(time.monotonic() - started, 1)
