"""1, 2 and 4 workers on the standard world: the same work, none of it twice, and what it gains."""

from __future__ import annotations

import os
from typing import Any

from benchmarks._figures import Meter, repeated, standard_world, verdict
from benchmarks._stages import imported, more_workers
from githubsim.testing import Sim
from tests.service import SECRET, Service, free_port, hook_url

_LATENCY = 0.05
_COUNTS = (1, 2, 4)


def run() -> dict[str, Any]:
    """Seconds, requests and CPU by the number of workers."""
    port = free_port()
    world = standard_world()
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET, "install": False}
    found: dict[str, Any] = {}
    with Sim(**world, **hook, latency=_LATENCY, limits=False, start_timeout=900) as sim:
        for count in _COUNTS:

            def once(_: int, count: int = count) -> dict[str, Any]:
                return _measured(sim, port, count, world["repositories"])

            found[f"workers_{count}"] = repeated(once)
    one = found["workers_1"]
    most = max(found[f"workers_{count}"]["requests"]["median"] for count in _COUNTS)
    for count in _COUNTS[1:]:
        many = found[f"workers_{count}"]["seconds"]["median"]
        found[f"speed_up_with_{count}"] = round(one["seconds"]["median"] / many, 2)
    return {
        "world": world,
        "cores": os.cpu_count(),
        **found,
        "verdicts": [
            verdict("requests / those of one worker", most / one["requests"]["median"], 1.05)
        ],
    }


def _measured(sim: Sim, port: int, count: int, repositories: int) -> dict[str, Any]:
    with Service(sim, port) as service, more_workers(service, count - 1) as others:
        meter = Meter(sim, service, *others)
        sim.control("install")
        imported(service, repositories)
        used = meter.read()
        twice = "SELECT count(*) FROM (SELECT 1 FROM feed WHERE object_key <> '' GROUP BY kind, "
        twice += "action, repository_id, object_key HAVING count(*) > 1) AS doubled"
        used["lines_of_the_feed_twice"] = service.query(twice)[0][0]
    sim.control("uninstall")
    return used
