"""One GitHub read in full by AutoSync and by others, on the same streams, in turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks._figures import RUNS, SHARE, Meter, spreads, standard_world, verdict
from benchmarks._least import of_world
from benchmarks._stages import PATIENCE, imported_once, only_kinds
from githubsim.testing import Sim
from tests.peers.streams import access
from tests.service import ROOT, SECRET, free_port, hook_url

LATENCY, PER_NODE = 0.3, 3.0  # seconds a request, milliseconds a node
STREAMS = ("repositories", "commits", "issues", "pull_requests")
_PEERS = {"tap_github": "meltanolabs-tap-github", "airbyte": "airbyte-source-github"}
# Perceval asks for people, comments and reactions of each issue: on the whole world it takes hours.
_PERCEVAL = int(os.environ.get("AUTOSYNC_BENCH_PERCEVAL", "1"))


def measured(*, limits: bool) -> dict[str, Any]:
    """By reader: seconds, requests, points and CPU; AutoSync's against the least and the others."""
    port = free_port()
    world = standard_world()
    weather = {"latency": LATENCY, "latency_per_node": PER_NODE}
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET}
    rounds: list[dict[str, Any]] = []
    with Sim(**world, **hook, **weather, limits=limits, start_timeout=900) as sim:
        if limits:
            sim.control("limits", {"githubs": True})
        repositories = sim.truth()["repositories"]
        least = of_world(repositories, latency=LATENCY, per_node=PER_NODE / 1000, limits=limits)
        kinds = only_kinds()
        for _ in range(RUNS):
            _fresh_hour(sim)
            found = {"autosync": imported_once(sim, port, world["repositories"], **kinds)}
            names = [one["full_name"] for one in repositories]
            for name, connector in _PEERS.items():
                _fresh_hour(sim)
                found[name] = _read(sim, connector, names)
            rounds.append(found)
        perceval = _perceval(sim, repositories) if _PERCEVAL else {}
    return _result(world, kinds, rounds, least, limits, perceval)


def _result(
    world: dict[str, Any],
    kinds: dict[str, str],
    rounds: list[dict[str, Any]],
    least: Any,
    limits: bool,
    perceval: dict[str, Any],
) -> dict[str, Any]:
    read = spreads(rounds)
    ours = read["autosync"]
    peers = {name: read[name] for name in _PEERS if name in read and "seconds" in read[name]}
    faster = (
        [min(one[name]["seconds"] for name in peers) / one["autosync"]["seconds"] for one in rounds]
        if peers
        else []
    )
    ratio = sorted(faster)[len(faster) // 2] if faster else 0.0
    requests = ours["requests"]["median"]
    verdicts = [
        verdict("requests / least", requests / least.requests, 1.1),
        verdict("fastest other / AutoSync, seconds", ratio, 3 if limits else 15, most=False),
    ]
    if limits:
        verdicts.insert(
            0, verdict("seconds / limit", ours["seconds"]["median"] / least.seconds, 1.3)
        )
    elif "tap_github" in peers:
        share = requests / peers["tap_github"]["requests"]["median"]
        verdicts.append(verdict("requests / tap-github's", share, 0.45))
    return {
        "world": world,
        "share": SHARE,
        "runs": RUNS,
        "latency_s": LATENCY,
        "latency_per_node_ms": PER_NODE,
        "limits": limits,
        "settings": kinds,
        "least": {
            "requests": least.requests,
            "response_seconds": round(least.response_seconds, 1),
            "seconds": round(least.seconds, 1),
        },
        **read,
        "failed": {
            name: one[name]["failed"] for one in rounds for name in one if "failed" in one[name]
        },
        "perceval": perceval,
        "verdicts": verdicts,
    }


def _fresh_hour(sim: Sim) -> None:
    """No reader finds the quota that another has spent."""
    for resource in ("core", "graphql"):
        sim.control("quota", {"resource": resource, "remaining": 1_000_000})


def _read(sim: Sim, connector: str, names: Sequence[str]) -> dict[str, Any]:
    """Seconds from its start to its end, its checks and its discovery included."""
    meter = Meter(sim)
    done = _run(
        ["tests.clients.connectors", connector],
        {"access": access(sim), "repositories": list(names), "streams": list(STREAMS)},
    )
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1:]}
    rows = {one: done.stdout.count(f'{{"stream": "{one}"') for one in STREAMS}
    return meter.read() | {"rows": rows}


def _perceval(sim: Sim, repositories: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Its reading of the smallest repository that has issues and pull requests."""
    both = [one for one in repositories if one["issues"]["total"] and one["pulls"]["total"]]
    if not both:
        return {}
    chosen = min(both, key=lambda one: one["issues"]["total"] + one["pulls"]["total"])
    _fresh_hour(sim)
    meter = Meter(sim)
    app = {"app_id": sim.app.id, "private_key": sim.private_key}
    given = access(sim) | app | {"repositories": [chosen["full_name"]]}
    code = "import json, sys; from tests.clients.tools import reader; "
    code += "print(json.dumps(reader('perceval', json.load(sys.stdin))))"
    done = _run(["-c", code], given)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1:]}
    used = meter.read()
    items = chosen["issues"]["total"] + chosen["pulls"]["total"]
    return {
        "items": items,
        "seconds": used["seconds"],
        "requests": used["requests"],
        "seconds_per_100_items": round(used["seconds"] / items * 100, 1),
    }


def _run(command: Sequence[str], given: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    words = command if command[0] == "-c" else ["-m", *command]
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT / "packages" / "githubsim",
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": f".:{ROOT / 'tools'}",
            "CLIENT_TIMEOUT": str(PATIENCE),
        },
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
