"""One GitHub, read in full by AutoSync, tap-github and Airbyte's source: requests, points, seconds.

The streams are those that AutoSync mirrors too (`tests/peers/streams.py`), but for those that cost
a request for each commit or issue, of which a connector would take hours; AutoSync reads all its
kinds of the default set, which are more. AUTOSYNC_BENCH_SHARE=20 takes a twentieth of the standard
world. Each request waits 50 ms, as it does on the way to GitHub, and no limit refuses any: what a
connector would wait for its quota is not in its seconds, so its points are stated beside them.
"""

from __future__ import annotations

from typing import Any

from benchmarks._figures import Meter, standard_world
from benchmarks._stages import imported, without_quota
from benchmarks.kinds import prices
from githubsim.testing import Sim
from tests.peers.streams import CONNECTORS, access, read
from tests.service import SECRET, Service, free_port, hook_url

LATENCY = 0.05


def run() -> dict[str, Any]:
    """By reader: requests, points by API, seconds, rows; and AutoSync's price by kind."""
    world = standard_world()
    port = free_port()
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET}
    with Sim(**world, **hook, latency=LATENCY, start_timeout=900) as sim:
        without_quota(sim)
        result: dict[str, Any] = {"world": world, "latency": LATENCY}
        with Service(sim, port) as service:
            meter = Meter(sim, service)
            imported(service, world["repositories"])
            result["autosync"] = meter.read() | {"by_kind": prices(service)}
            names = [row[0] for row in service.query("SELECT full_name FROM repositories")]
            tables = {row[0] for row in service.query("SELECT tablename FROM pg_tables")}
        for connector, streams in CONNECTORS.items():
            chosen = [
                name for name, same in streams.items() if same.stands_in(tables) and not same.apart
            ]
            meter = Meter(sim)
            records = read(connector, access(sim), names, chosen)
            rows = {stream: len(records[stream]) for stream in chosen}
            result[connector] = meter.read() | {"rows": rows}
    return result
