"""A periodic sync of unchanged repositories: points, requests, seconds, CPU.

Three of them: as the import left it, after a change of tokens, and with a second worker, which has
a token of its own. AUTOSYNC_BENCH_REPOSITORIES=1000 takes a thousand; the default is 200.
"""

from __future__ import annotations

import os
import time
from typing import Any

from benchmarks._figures import Meter
from benchmarks._stages import QUIET, audited, change_tokens, imported, more_workers
from githubsim.testing import Sim
from tests.service import SECRET, Service, free_port, hook_url

REPOSITORIES = int(os.environ.get("AUTOSYNC_BENCH_REPOSITORIES", "200"))


def run() -> dict[str, Any]:
    """Import, let the first audit pass, then sync what has not changed."""
    port = free_port()
    world: dict[str, Any] = {
        "repositories": REPOSITORIES,
        "commits": REPOSITORIES * 2,
        "issues": REPOSITORIES * 2,
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
        Service(sim, port, **QUIET) as service,
    ):
        started = time.monotonic()
        sim.control("install")
        imported(service, REPOSITORIES)
        seconds = time.monotonic() - started
        audited(service)
        found = {"as_imported": _sync(sim, service)}
        change_tokens(sim)
        found["after_a_change_of_tokens"] = _sync(sim, service)
        with more_workers(service, 1) as others:
            found["with_two_workers"] = _sync(sim, service, *others)
        return {"repositories": REPOSITORIES, "import_s": round(seconds, 1), **found}


def _sync(sim: Sim, service: Service, *others: int) -> dict[str, Any]:
    meter = Meter(sim, service, *others)
    service.run("manage.py", "sync_github")
    used = meter.read()
    job, seconds, details = service.query(
        "SELECT id, extract(epoch FROM completed_at - started_at)::float, details "
        "FROM sync_jobs WHERE job_type = 'periodic_sync' ORDER BY id DESC LIMIT 1"
    )[0]
    rows = f"SELECT count(*) FROM sync_job_repositories WHERE job_id = {job}"
    return used | {
        "sync_s": round(seconds, 2),
        "unchanged": details["unchanged"],
        "rows_of_the_job": service.query(rows)[0][0],
    }
