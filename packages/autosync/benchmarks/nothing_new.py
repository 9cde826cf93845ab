"""A sync of 1,000 unchanged repositories, across a change of tokens and with two workers.

With issues and pull requests alone. `quiet_sync` says what the kinds of the default cost in a
quarter of an hour, `audit` what an audit of a night costs.
"""

from __future__ import annotations

from typing import Any

from benchmarks._figures import Meter, repeated, scaled, verdict
from benchmarks._stages import QUIET, audited, change_tokens, imported, more_workers, only_kinds
from githubsim.testing import Sim
from tests.service import SECRET, Service, free_port, hook_url

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
    with Sim(**world, **hook, start_timeout=1800) as sim:
        kinds = only_kinds()
        with Service(sim, port, **kinds, **QUIET) as service:
            imported(service, repositories)
            audited(service)
            with more_workers(service, 1) as others:
                found = repeated(lambda _: _sync(sim, service, *others))
    points = sum(one["median"] for one in found["points"].values())
    return {
        "world": world,
        "before": {"seconds": 48, "cpu_s": 40, "requests": 1400, "on": "2026-11-29, the whole"},
        "settings": kinds,
        **found,
        "verdicts": [
            verdict("points", points, _POINTS),
            verdict("seconds", found["seconds"]["median"], _SECONDS),
        ],
    }


def _sync(sim: Sim, service: Service, *others: int) -> dict[str, Any]:
    change_tokens(sim)
    meter = Meter(sim, service, *others)
    service.run("manage.py", "sync_github")
    used = meter.read()
    for api in ("core", "graphql"):
        used["points"].setdefault(api, 0)
    return used
