"""1,000 repositories with 30,000 commits, 10,000 issues and 4,000 pull requests, at 50 ms."""

from __future__ import annotations

from typing import Any

from benchmarks._figures import repeated, scaled, verdict
from benchmarks._stages import imported_once, without_quota
from githubsim.testing import Sim
from tests.service import SECRET, free_port, hook_url

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
        without_quota(sim)
        found = repeated(lambda _: imported_once(sim, port, repositories))
    return {
        "world": world,
        "before": {"seconds": 271, "requests": 4309, "on": "2026-11-29, the whole of it"},
        **found,
        "verdicts": [
            verdict("seconds", found["seconds"]["median"], _SECONDS),
            verdict("requests", found["requests"]["median"], _REQUESTS),
        ],
    }
