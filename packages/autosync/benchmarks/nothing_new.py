"""A sync of 1,000 unchanged repositories, across a change of tokens and with two workers.

With issues and pull requests alone. What the kinds of the default cost in a quarter of an hour says
`quiet_sync`, what an audit of a night costs `audit`.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._figures import RUNS, SHARE, Meter, imported, only_kinds, scaled, spreads, verdict
from githubsim.testing import Sim
from tests.killing import Worker
from tests.service import SECRET, Service, free_port, hook_url
from tests.waiting import eventually

_POINTS, _SECONDS = 35, 5


def run() -> dict[str, Any]:
    """Points (REST included), requests, seconds and CPU of each sync."""
    port = free_port()
    repositories = scaled(1_000, 5)
    world: dict[str, Any] = {
        "repositories": repositories,
        "commits": repositories * 2,
        "issues": repositories * 2,
        "pulls": repositories,
    }
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET}
    quiet = {"AUTOSYNC_SYNC_INTERVAL": "59", "AUTOSYNC_SKIP_RECENT": "0"}
    with Sim(**world, **hook, start_timeout=1800) as sim:
        kinds = only_kinds()
        with (
            Service(sim, port, **kinds, **quiet) as service,
            tempfile.TemporaryDirectory(prefix="autosync-bench-") as folder,
        ):
            imported(service, repositories)
            due = "SELECT count(*) FROM repositories WHERE audit_due_at IS NOT NULL"
            eventually(lambda: service.query(due)[0][0] == 0, "the audit is over", 3600)
            second = Worker(service, Path(folder) / "log")
            try:
                alive = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - "
                eventually(
                    lambda: service.query(f"{alive} interval '5 seconds'")[0][0] >= 2, "both beat"
                )
                rounds = [_sync(sim, service, second.process.pid) for _ in range(RUNS)]
            finally:
                second.kill()
    found = spreads(rounds)
    points = sum(one["median"] for one in found["points"].values())
    return {
        "world": world,
        "before": {"seconds": 48, "cpu_s": 40, "requests": 1400, "on": "2026-11-29, the whole"},
        "share": SHARE,
        "runs": RUNS,
        "settings": kinds,
        **found,
        "verdicts": [
            verdict("points", points, _POINTS),
            verdict("seconds", found["seconds"]["median"], _SECONDS),
        ],
    }


def _sync(sim: Sim, service: Service, worker: int) -> dict[str, Any]:
    # Each token now in use dies, those made from then on live for an hour.
    sim.control("weather", {"token_life": 1})
    time.sleep(2)
    sim.control("weather", {"token_life": 0})
    meter = Meter(sim, service, worker)
    service.run("manage.py", "sync_github")
    used = meter.read()
    for api in ("core", "graphql"):
        used["points"].setdefault(api, 0)
    return used
