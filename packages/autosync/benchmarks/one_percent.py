"""A sync after one percent of the issues and pull requests changed, and no webhook said so."""

from __future__ import annotations

import math
from typing import Any

from benchmarks._figures import Meter, repeated, standard_world, verdict
from benchmarks._stages import QUIET, audited, imported, only_kinds
from githubsim.testing import Sim
from tests.service import SECRET, Service, free_port, hook_url

_LATENCY = 0.05


def run() -> dict[str, Any]:
    """Requests and points against the least: one query for what has news, and the changed pages."""
    port = free_port()
    world = standard_world()
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET, "webhooks_lost": 1.0}
    with Sim(**world, **hook, latency=_LATENCY, start_timeout=900) as sim:
        kinds = only_kinds()
        with Service(sim, port, **kinds, **QUIET) as service:
            imported(service, world["repositories"])
            audited(service)

            def once(number: int) -> dict[str, Any]:
                changed = _change(sim, number)
                # What has news is asked for once per hundred repositories; a page for each change.
                least = math.ceil(world["repositories"] / 100)
                least += sum(math.ceil(count / 100) for count in changed.values())
                meter = Meter(sim, service)
                service.run("manage.py", "sync_github")
                _check(service, number)
                return meter.read() | {"changed": sum(changed.values()), "least": least}

            found = repeated(once)
    ratio = found["requests"]["median"] / found["least"]["median"]
    return {
        "world": world,
        "settings": kinds,
        **found,
        "verdicts": [verdict("requests / least", ratio, 1.2)],
    }


def _change(sim: Sim, number: int) -> dict[tuple[str, bool], int]:
    """Edit one percent of the numbers; how many in each list."""
    changed: dict[tuple[str, bool], int] = {}
    for one in sim.truth(items=True)["repositories"]:
        for pulls in (False, True):
            items = [item for item in one["items"] if (item["pull_id"] is not None) == pulls]
            for item in items[number::100]:
                where = {"repository": one["full_name"], "number": item["number"]}
                sim.control("issues/edit", where | {"title": _title(number)})
                key = (one["full_name"], pulls)
                changed[key] = changed.get(key, 0) + 1
    return changed


def _title(number: int) -> str:
    return f"Changed in round {number}"


def _check(service: Service, number: int) -> None:
    wanted = f"title = '{_title(number)}'"
    rows = "SELECT (SELECT count(*) FROM issues WHERE {0}) + (SELECT count(*) FROM pull_requests "
    rows += "WHERE {0})"
    if service.query(rows.format(wanted))[0][0] == 0:
        raise RuntimeError("the sync brought nothing")
