"""`python -m tests.chaos --seed N`: a storm, then calm, then no difference; exit code 1 otherwise.

Prints one JSON line: what was done and killed, the seconds from the storm's end to equality, and
the quota spent from then on.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from typing import Any

from githubsim.testing import Sim
from tests.chaos.reader import differences
from tests.chaos.storm import Storm
from tests.service import SECRET, Service, descendants, eventually, free_port, hook_url

# The schedule a mirror heals by, turned up: a minute between syncs, nothing skipped.
SETTINGS = {"AUTOSYNC_SYNC_INTERVAL": "1", "AUTOSYNC_SKIP_RECENT": "0"}

WEBHOOKS = {"lost": 0.2, "duplicated": 0.1, "reordered": 0.3, "reorder_by": 20.0, "jitter": 0.5}
# Fractions of requests, and lists that lag their webhooks by seconds.
WEATHER = {
    "failing": 0.04, "truncated": 0.02, "resets": 0.02, "timeouts": 0.004, "heavy": 0.02,
    "partial": 0.02, "stale": 3.0,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--operations", type=int, default=400)
    parser.add_argument("--repositories", type=int, default=10)
    parser.add_argument("--patience", type=float, default=300, help="seconds until equality")
    parser.add_argument("--offline", action="store_true", help="AutoSync is down all the storm")
    options = parser.parse_args()
    result = run(**vars(options))
    print(json.dumps(result))
    return 0 if result["differences"] == 0 else 1


def run(
    seed: int,
    operations: int,
    repositories: int = 10,
    patience: float = 300,
    offline: bool = False,
) -> dict[str, Any]:
    """One storm; `differences` is 0 if the mirror became equal by itself."""
    port = free_port()
    world = {"repositories": repositories, "commits": 400, "issues": 200, "pulls": 60}
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET}
    with (
        Sim(seed=seed, install=False, **world, **hook) as sim,
        Service(sim, port, **SETTINGS) as service,
    ):
        sim.control("install")
        eventually(lambda: not differences(sim, service.query), 120, "the import is complete")
        imported = _imported(service)
        storm = Storm(sim, seed)
        kills = _storm(sim, service, storm, operations, offline)
        calm_since = time.monotonic()
        spent = _spent(service)
        left = differences(sim, service.query)
        while left and time.monotonic() - calm_since < patience:
            time.sleep(2)
            left = differences(sim, service.query)
        for line in left[:40]:
            print(line, file=sys.stderr)
        return {
            "chaos": seed,
            "operations": sum(storm.done.values()),
            "kinds": len(storm.done),
            "kills": kills,
            "offline": offline,
            "differences": len(left),
            "seconds_to_equality": round(time.monotonic() - calm_since, 1),
            "points_to_equality": _spent(service) - spent,
            "recovered_from_log": service.query(
                "SELECT count(*) FROM inbox WHERE source = 'delivery_log'"
            )[0][0],
            "imported_again": sum(
                at != imported.get(pk, at) for pk, at in _imported(service).items()
            ),
        }


def _storm(sim: Sim, service: Service, storm: Storm, operations: int, offline: bool) -> int:
    """The operations, in bad weather, with `kill -9` now and then; returns how many kills."""
    chance = random.Random(storm.random.random())
    sim.control("webhooks", WEBHOOKS | {"seed": chance.randrange(10**6)})
    sim.control("weather", WEATHER | {"seed": chance.randrange(10**6)})
    if offline:
        service.stop()
    kills = 0
    for number in range(operations):
        storm.one()
        if offline:
            continue
        if chance.random() < 0.015:
            kills += _kill_one(service, chance)
        if number == operations // 2:
            sim.control("weather", {"outage": 5})
    sim.control("webhooks/wait", {"timeout": 60})
    sim.control("webhooks", dict.fromkeys(WEBHOOKS, 0.0))
    sim.control("weather", dict.fromkeys(WEATHER, 0.0))
    if offline:
        service.start()
    return kills


def _kill_one(service: Service, chance: random.Random) -> int:
    """`kill -9` of a worker or web process, which its supervisor starts again; or of everything."""
    if chance.random() < 0.2:
        service.kill()
        service.start()
        return 1
    pids = descendants(service.pid)
    if not pids:
        return 0
    try:
        os.kill(chance.choice(pids), signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def _imported(service: Service) -> dict[int, Any]:
    return dict(service.query("SELECT github_id, imported_at FROM repositories"))


def _spent(service: Service) -> int:
    sql = "SELECT coalesce(sum(spent), 0) FROM quota_budgets WHERE installation_id <> 0"
    return int(service.query(sql)[0][0])


if __name__ == "__main__":
    sys.exit(main())
