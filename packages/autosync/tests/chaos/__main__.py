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
from collections.abc import Collection
from typing import Any

from githubsim.testing import Sim
from tests.chaos.child_tables import OFF
from tests.chaos.reader import Difference, Watch
from tests.chaos.storm import Storm
from tests.chaos.story import tell
from tests.service import SECRET, Service, descendants, free_port, hook_url
from tests.waiting import eventually

# The schedule a mirror heals by, turned up: a minute between syncs, nothing skipped.
SETTINGS = {
    "AUTOSYNC_SYNC_INTERVAL": "1",
    "AUTOSYNC_SKIP_RECENT": "0",
    "AUTOSYNC_KINDS": ",".join(f"+{name}" for name in OFF.values()),
}

WEBHOOKS = {"lost": 0.2, "duplicated": 0.1, "reordered": 0.3, "jitter": 0.5}
# Fractions of requests, and lists that lag their webhooks by seconds.
WEATHER = {
    "failing": 0.04, "truncated": 0.02, "resets": 0.02, "timeouts": 0.004, "heavy": 0.02,
    "partial": 0.02, "stale": 3.0, "garbled": 0.02, "hiccups": 0.02, "fresh_refused": 2.0,
    "empty_lists": 0.01, "short_lists": 0.01,
}  # fmt: skip
# Worse for a while: control calls at these fractions of the storm.
STRICT = {
    "concurrent": 2, "points_per_minute": 30, "graphql_points_per_minute": 30, "retry_after": 5,
}  # fmt: skip
SPELLS: dict[float, tuple[str, dict[str, Any]]] = {
    0.15: ("weather", {"failing": 0.6}),
    0.20: ("weather", {"failing": WEATHER["failing"]}),
    0.30: ("limits", STRICT),
    0.38: ("limits", {"githubs": True}),
    0.70: ("weather", {"failing": 0.6}),
    0.75: ("weather", {"failing": WEATHER["failing"]}),
    0.85: ("limits", STRICT),
    0.93: ("limits", {"githubs": True}),
}
WORLD = {"repositories": 1, "commits": 40, "issues": 20, "pulls": 6}  # for each repository
OUTAGE_AT, OUTAGE_SHARE = 0.5, 0.02  # of the operations, which people go on with meanwhile
MOST_KILLS = 60
# No webhook and no clock tells of a release's files, of a mention that is gone with the issue that
# made it, of a link by hand, of another order of sub-issues, of one that is deleted, of a reaction,
# or a comment on a commit that is edited: an audit finds what changed. It finds what a list of what
# never changes left out, too.
_AUDITED = (
    "release_assets", "timeline_events", "closing_references", "reactions", "commit_comments",
    "repository_activity", "sub_issues", "issue_dependencies",
)  # fmt: skip
SECOND = "second-home"  # an account that has the App too


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--operations", type=int, default=400)
    parser.add_argument("--repositories", type=int, default=10)
    parser.add_argument("--patience", type=float, default=300, help="seconds until equality")
    parser.add_argument("--outage", type=float, default=5, help="seconds without GitHub")
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
    outage: float = 5,
    offline: bool = False,
    held: float = 60,
) -> dict[str, Any]:
    """One storm; `differences` is 0 if the mirror became equal by itself.

    What is reordered is held back for up to `held` seconds.
    """
    port = free_port()
    world = {name: number * repositories for name, number in WORLD.items()}
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET}
    with (
        Sim(seed=seed, install=False, **world, **hook) as sim,
        Service(sim, port, **SETTINGS) as service,
    ):
        two_installations(sim)
        eventually(Watch(sim, service.query).equal, "the import is complete")
        imported = _imported(service)
        storm = Storm(sim, seed)
        began = time.monotonic()
        sim.control("webhooks", {"reorder_by": held})
        kills = _storm(sim, service, storm, operations, outage, offline)
        calm_since = time.monotonic()
        spent = _spent(service)
        left, equal_at = _until_equal(sim, service, storm, calm_since + patience, _AUDITED)
        points = _spent(service) - spent
        # Deliveries that were held back till now must change nothing any more.
        sim.control("webhooks/wait", {"timeout": 90})
        left = left or _audited(sim, service, storm)
        for line in left[:40]:
            print(line, file=sys.stderr)
        for repository_id in sorted({one.repository_id for one in left})[:3]:
            tell(service.query, repository_id)
        return {
            "chaos": seed,
            "operations": sum(storm.done.values()),
            "kinds": len(storm.done),
            "repositories": len(storm.repositories()),
            "kills": kills,
            "offline": offline,
            "refused": _refused(sim),
            "storm_seconds": round(calm_since - began, 1),
            "differences": len(left),
            "seconds_to_equality": round(equal_at - calm_since, 1),
            "points_to_equality": points,
            "recovered_from_log": service.query(
                "SELECT count(*) FROM inbox WHERE source = 'delivery_log'"
            )[0][0],
            "imported_again": sum(
                at != (imported.get(pk) or at) for pk, at in _imported(service).items()
            ),
        }


def two_installations(sim: Sim) -> None:
    """A third of the repositories go to a second account, which installs the App as well."""
    sim.control("accounts/create", {"login": SECOND, "type": "Organization"})
    for one in sim.ask("inventory")["repositories"][::3]:
        sim.control("repositories/transfer", {"repository": one["full_name"], "new_owner": SECOND})
    sim.control("install")
    sim.control("install", {"account": SECOND})


def _until_equal(
    sim: Sim, service: Service, storm: Storm, until: float, without: Collection[str] = ()
) -> tuple[list[Difference], float]:
    """What differs in the end, and when the look ended that first saw that nothing did.

    Says in which tables something differs, whenever that changes: the last of them is waited for.
    """
    watch = Watch(sim, service.query, storm.uncountable, without)
    began = time.monotonic()
    tables: set[str] = set()
    while True:
        left = watch.look()
        looked_at = time.monotonic()  # a look takes a while: equal by then, perhaps before
        if tables != (tables := {one.table for one in left}):
            print(f"after {looked_at - began:.0f} s: {', '.join(sorted(tables))}", file=sys.stderr)
        if not left or looked_at > until:
            return left, looked_at
        time.sleep(1 + (looked_at - began) / 30)  # a look costs a little of the App's quota


def _audited(sim: Sim, service: Service, storm: Storm) -> list[Difference]:
    """What differs after `autosync audit`, which finds what nothing else tells of."""
    # As if a minute had passed: of what was seen within one, an audit says nothing.
    for table in _AUDITED:
        service.execute(f"UPDATE {table} SET observed_at = observed_at - interval '2 minutes'")
    done = service.run("autosync", "audit", "--deep")  # it fails if something is left
    print(done.stdout, file=sys.stderr)
    return _until_equal(sim, service, storm, time.monotonic() + 60)[0]


def _storm(
    sim: Sim, service: Service, storm: Storm, operations: int, outage: float, offline: bool
) -> int:
    """The operations, in bad weather, with `kill -9` now and then; returns how many kills."""
    chance = random.Random(storm.random.random())
    sim.control("webhooks", WEBHOOKS | {"seed": chance.randrange(10**6)})
    sim.control("weather", WEATHER | {"seed": chance.randrange(10**6)})
    spells = {int(at * operations): call for at, call in SPELLS.items()}
    outage_at = int(OUTAGE_AT * operations)
    outage_ends = outage_at + max(1, int(OUTAGE_SHARE * operations))
    if offline:
        service.stop()
    kills = 0
    for number in range(operations):
        storm.one()
        if number in spells:
            call, conditions = spells[number]
            sim.control(call, conditions)
        if number == outage_at:
            sim.control("weather", {"outage": outage})
        if outage_at <= number < outage_ends:
            time.sleep(outage / (outage_ends - outage_at))
        if offline:
            continue
        struck = chance.random() < min(0.015, MOST_KILLS / operations)
        # In a small storm at least once.
        if struck or (kills == 0 and number >= operations // 2):
            kills += _kill_one(service, chance)
    storm.end()
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
    """When each was imported; a repository deleted on GitHub is emptied, which imports nothing."""
    return dict(
        service.query("SELECT github_id, imported_at FROM repositories WHERE deleted_at IS NULL")
    )


def _refused(sim: Sim) -> dict[str, int]:
    """How many requests were answered 403 or 429 (limits) and 502, or not at all (0)."""
    found: dict[str, int] = {}
    for by_status in sim.requests()["endpoints"].values():
        for status, count in by_status.items():
            if status in ("0", "403", "429", "502"):
                found[status] = found.get(status, 0) + count
    return found


def _spent(service: Service) -> int:
    sql = "SELECT coalesce(sum(spent), 0) FROM quota_budgets WHERE installation_id <> 0"
    return int(service.query(sql)[0][0])


if __name__ == "__main__":
    sys.exit(main())
