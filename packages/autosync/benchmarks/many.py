"""Import of many small repositories: seconds, requests by kind, points, starts of git, CPU.

AUTOSYNC_BENCH_REPOSITORIES=1000 takes a thousand, with 30 commits, 10 issues and 4 pull requests
each; the default is 100. AUTOSYNC_BENCH_LATENCY is the simulated GitHub's, in milliseconds.
"""

from __future__ import annotations

import os
import time
from typing import Any

from benchmarks.quiet_sync import cpu_of_workers, quota
from githubsim.testing import Sim
from tests.service import SECRET, Service, differences, free_port, hook_url
from tests.waiting import eventually

REPOSITORIES = int(os.environ.get("AUTOSYNC_BENCH_REPOSITORIES", "100"))
LATENCY = int(os.environ.get("AUTOSYNC_BENCH_LATENCY", "50"))


def run() -> dict[str, Any]:
    """Install, import, compare with the simulated GitHub, and sync once more."""
    port = free_port()
    world: dict[str, Any] = {
        "repositories": REPOSITORIES,
        "commits": REPOSITORIES * 30,
        "issues": REPOSITORIES * 10,
        "pulls": REPOSITORIES * 4,
    }
    settings = {"AUTOSYNC_SYNC_INTERVAL": "59", "AUTOSYNC_SKIP_RECENT": "0"}
    with (
        Sim(
            **world,
            webhook_url=hook_url(port),
            webhook_secret=SECRET,
            install=False,
            start_timeout=900,
        ) as sim,
        Service(sim, port, **settings) as service,
    ):
        if LATENCY:
            sim.control("weather", {"latency": LATENCY / 1000})
        sim.ask("requests", clear=1)
        spent, cpu = quota(sim), cpu_of_workers(service)
        started = time.monotonic()
        sim.control("install")
        done = "SELECT count(*) FROM repositories WHERE imported_at IS NOT NULL"
        eventually(
            lambda: service.query(done)[0][0] == REPOSITORIES, "every repository is imported", 3600
        )
        seconds = time.monotonic() - started
        found = {
            "repositories": REPOSITORIES,
            "latency_ms": LATENCY,
            "import_s": round(seconds, 1),
            "workers_cpu_s": round(cpu_of_workers(service) - cpu, 1),
            "requests": sim.requests()["endpoints"],
            "points": {k: v - spent.get(k, 0) for k, v in quota(sim).items()},
        }
        found["requests_in_all"] = sum(sum(by.values()) for by in found["requests"].values())
        found["equal_to_github"] = not differences(service, sim)
        return found
