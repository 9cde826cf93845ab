"""One GitHub, read in full by AutoSync, tap-github and Airbyte's source: requests, points, seconds.

The streams are those that AutoSync mirrors too (`tests/peers/streams.py`), but for those that cost
a request for each commit or issue, of which a connector would take hours; AutoSync reads all its
kinds of the default set, which are more. AUTOSYNC_BENCH_SHARE=20 takes a twentieth of the standard
world. Each request waits 50 ms, as it does on the way to GitHub, and no limit refuses any: what a
connector would wait for its quota is not in its seconds, so its points are stated beside them.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.kinds import points, prices, standard_world
from githubsim.testing import Sim
from tests.peers.streams import CONNECTORS, access, read
from tests.service import SECRET, Service, free_port, hook_url
from tests.waiting import eventually

LATENCY = 0.05
_PATIENCE = 3600
_NO_QUOTA = 10_000_000


def run() -> dict[str, Any]:
    """By reader: requests, points by API, seconds, rows; and AutoSync's price by kind."""
    world = standard_world()
    port = free_port()
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET}
    with Sim(**world, **hook, latency=LATENCY, start_timeout=900) as sim:
        for resource in ("core", "graphql"):
            sim.control("quota", {"resource": resource, "limit": _NO_QUOTA})
        result: dict[str, Any] = {"world": world, "latency": LATENCY}
        with Service(sim, port) as service:
            begun, used = _begin(sim)
            left = "SELECT count(*) FROM repositories WHERE imported_at IS NULL"
            known = "SELECT count(*) FROM repositories"
            eventually(
                lambda: (
                    service.query(known)[0][0] >= world["repositories"]
                    and service.query(left)[0][0] == 0
                ),
                "all are imported",
                _PATIENCE,
            )
            result["autosync"] = _took(sim, begun, used) | {"by_kind": prices(service)}
            names = [row[0] for row in service.query("SELECT full_name FROM repositories")]
            tables = {row[0] for row in service.query("SELECT tablename FROM pg_tables")}
        for connector, streams in CONNECTORS.items():
            begun, used = _begin(sim)
            chosen = [
                name for name, same in streams.items() if same.stands_in(tables) and not same.apart
            ]
            records = read(connector, access(sim), names, chosen)
            rows = {stream: len(records[stream]) for stream in chosen}
            result[connector] = _took(sim, begun, used) | {"rows": rows}
    return result


def _begin(sim: Sim) -> tuple[float, dict[str, int]]:
    sim.ask("requests", clear=1)
    return time.monotonic(), points(sim)


def _took(sim: Sim, begun: float, used: dict[str, int]) -> dict[str, Any]:
    seconds = time.monotonic() - begun
    asked = sim.requests()["endpoints"].values()
    return {
        "seconds": round(seconds, 1),
        "requests": sum(sum(answers.values()) for answers in asked),
        "points": {
            what: now - used.get(what, 0)
            for what, now in points(sim).items()
            if now != used.get(what, 0)
        },
    }
