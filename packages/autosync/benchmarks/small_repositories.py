"""1,000 repositories with 30,000 commits, 10,000 issues and 4,000 pull requests, at 50 ms."""

from __future__ import annotations

from typing import Any

from benchmarks._figures import Meter, imported, memory, repeated, scaled, verdict, workers
from githubsim.testing import Sim
from tests.service import SECRET, Service, free_port, hook_url

_LATENCY = 0.05
_SECONDS, _REQUESTS = 45, 600


def run() -> dict[str, Any]:
    """Seconds, requests and CPU of an import with the kinds of the default."""
    port = free_port()
    repositories = scaled(1_000, 5)
    world: dict[str, Any] = {
        "repositories": repositories,
        "commits": repositories * 30,
        "issues": repositories * 10,
        "pulls": repositories * 4,
    }
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET}
    with Sim(**world, **hook, latency=_LATENCY, start_timeout=1800) as sim:
        for resource in ("core", "graphql"):
            sim.control("quota", {"resource": resource, "limit": 10_000_000})

        def once(_: int) -> dict[str, Any]:
            with Service(sim, port) as service:
                meter = Meter(sim, service)
                imported(service, repositories)
                return meter.read() | {"peak_worker_mb": memory(workers(service))}

        found = repeated(once)
    return {
        "world": world,
        "before": {"seconds": 271, "requests": 4309, "on": "2026-11-29, the whole of it"},
        **found,
        "verdicts": [
            verdict("seconds", found["seconds"]["median"], _SECONDS),
            verdict("requests", found["requests"]["median"], _REQUESTS),
        ],
    }
