"""Audit of unchanged repositories: quota points, requests, seconds.

AUTOSYNC_BENCH_REPOSITORIES=1000 audits a thousand; the default of 200 takes two minutes to import.
"""

from __future__ import annotations

import os
import time
from typing import Any

from benchmarks._stages import audited, imported
from githubsim.testing import Sim
from tests.service import SECRET, Service, free_port, hook_url

REPOSITORIES = int(os.environ.get("AUTOSYNC_BENCH_REPOSITORIES", "200"))


def run() -> dict[str, Any]:
    """Import, then audit twice: the second finds everything as the first left it."""
    port = free_port()
    world: dict[str, Any] = {
        "repositories": REPOSITORIES,
        "commits": REPOSITORIES * 8,
        "issues": REPOSITORIES * 5,
        "pulls": REPOSITORIES,
    }
    with (
        Sim(
            **world,
            webhook_url=hook_url(port),
            webhook_secret=SECRET,
            install=False,
            start_timeout=900,
        ) as sim,
        Service(sim, port, AUTOSYNC_SYNC_INTERVAL="59") as service,
    ):
        started = time.monotonic()
        sim.control("install")
        imported(service, REPOSITORIES)
        import_s = time.monotonic() - started
        audited(service)
        service.run("manage.py", "sync_github")
        sim.ask("requests", clear=1)
        started = time.monotonic()
        service.run("autosync", "audit")
        seconds = time.monotonic() - started
        points, equal, found = service.query(
            "SELECT points, equal, found FROM audits ORDER BY id DESC LIMIT 1"
        )[0]
        endpoints = sim.requests()["endpoints"]
        return {
            "repositories": REPOSITORIES,
            "import_s": round(import_s, 1),
            "audit_s": round(seconds, 1),
            "equal": equal,
            "objects_differing": found,
            "quota_points": points,
            "graphql_calls": endpoints.get("POST /graphql", {}),
            "rest_calls": endpoints.get("GET /installation/repositories", {}),
        }
