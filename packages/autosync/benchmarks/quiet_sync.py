"""A periodic sync of unchanged repositories: quota points, requests, seconds, CPU of the workers.

Three of them: as the import left it, after a change of tokens, and with a second worker, which has
a token of its own. AUTOSYNC_BENCH_REPOSITORIES=1000 takes a thousand; the default is 200.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from githubsim.testing import Sim
from tests.killing import Worker
from tests.service import SECRET, Service, descendants, free_port, hook_url
from tests.waiting import eventually

REPOSITORIES = int(os.environ.get("AUTOSYNC_BENCH_REPOSITORIES", "200"))
_TICKS = os.sysconf("SC_CLK_TCK")


def run() -> dict[str, Any]:
    """Import, let the first audit pass, then sync what has not changed."""
    port = free_port()
    world: dict[str, Any] = {
        "repositories": REPOSITORIES,
        "commits": REPOSITORIES * 2,
        "issues": REPOSITORIES * 2,
        "pulls": REPOSITORIES,
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
        tempfile.TemporaryDirectory() as folder,
    ):
        started = time.monotonic()
        sim.control("install")
        done = "SELECT count(*) FROM repositories WHERE imported_at IS NOT NULL"
        eventually(
            lambda: service.query(done)[0][0] == REPOSITORIES, "every repository is imported", 3600
        )
        imported = time.monotonic() - started
        due = "SELECT count(*) FROM repositories WHERE audit_due_at IS NOT NULL"
        eventually(lambda: service.query(due)[0][0] == 0, "the audit after the import is over", 900)
        found = {"as_imported": _sync(sim, service)}
        # Each token now in use dies, those made from then on live for an hour.
        sim.control("weather", {"token_life": 1})
        time.sleep(2)
        sim.control("weather", {"token_life": 0})
        found["after_a_change_of_tokens"] = _sync(sim, service)
        second = Worker(service, Path(folder) / "log")
        try:
            alive = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - "
            eventually(
                lambda: service.query(f"{alive} interval '5 seconds'")[0][0] >= 4, "both beat"
            )
            found["with_two_workers"] = _sync(sim, service, second.process.pid)
        finally:
            second.kill()
        return {"repositories": REPOSITORIES, "import_s": round(imported, 1), **found}


def _sync(sim: Sim, service: Service, *others: int) -> dict[str, Any]:
    sim.ask("requests", clear=1)
    before, cpu = quota(sim), cpu_of_workers(service, others)
    service.run("manage.py", "sync_github")
    spent = {name: now - before.get(name, 0) for name, now in quota(sim).items()}
    job, seconds, details = service.query(
        "SELECT id, extract(epoch FROM completed_at - started_at)::float, details "
        "FROM sync_jobs WHERE job_type = 'periodic_sync' ORDER BY id DESC LIMIT 1"
    )[0]
    rows = f"SELECT count(*) FROM sync_job_repositories WHERE job_id = {job}"
    return {
        "points": spent,
        "requests": sum(sum(by.values()) for by in sim.requests()["endpoints"].values()),
        "sync_s": round(seconds, 2),
        "workers_cpu_s": round(cpu_of_workers(service, others) - cpu, 2),
        "unchanged": details["unchanged"],
        "rows_of_the_job": service.query(rows)[0][0],
    }


def quota(sim: Sim) -> dict[str, int]:
    """Points used so far, by whose they are and of which kind."""
    return {
        f"{who.partition(':')[0]} {kind}": points
        for who, by in sim.requests()["quota"].items()
        for kind, points in by.items()
        if points
    }


def cpu_of_workers(service: Service, others: tuple[int, ...] = ()) -> float:
    """Seconds of CPU of the worker processes, children that ended included."""
    workers = [pid for pid in descendants(service.pid) if _is_worker(pid)]
    ticks = 0
    for pid in {*workers, *others}:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS


def _is_worker(pid: int) -> bool:
    try:
        return b"autosync.service.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
