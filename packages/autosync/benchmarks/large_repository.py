"""One repository of 30,000 issues and 10,000 pull requests, GitHub's secondary limits on."""

from __future__ import annotations

from typing import Any

from benchmarks._figures import repeated, scaled, verdict
from benchmarks._import import LATENCY, PER_NODE
from benchmarks._least import of_world
from benchmarks._stages import imported_once, only_kinds
from githubsim.testing import Sim
from tests.service import SECRET, free_port, hook_url


def run() -> dict[str, Any]:
    """Seconds against the limit that is computed from the world."""
    port = free_port()
    world: dict[str, Any] = {
        "repositories": 1,
        "commits": scaled(2_000, 10),
        "issues": scaled(30_000, 10),
        "pulls": scaled(10_000, 10),
    }
    weather = {"latency": LATENCY, "latency_per_node": PER_NODE}
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET}
    with Sim(**world, **hook, **weather, start_timeout=1800) as sim:
        sim.control("limits", {"githubs": True})
        least = of_world(
            sim.truth()["repositories"], latency=LATENCY, per_node=PER_NODE / 1000, limits=True
        )
        kinds = only_kinds()
        found = repeated(lambda _: imported_once(sim, port, 1, **kinds))
    return {
        "world": world,
        "least": {"requests": least.requests, "seconds": round(least.seconds, 1)},
        **found,
        "verdicts": [verdict("seconds / limit", found["seconds"]["median"] / least.seconds, 1.3)],
    }
