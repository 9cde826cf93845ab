"""CPU to apply a delivery: before there were kinds, and now, in turns on the same machine.

"Before" is the commit of AUTOSYNC_BENCH_BEFORE_KINDS (empty: leave it out). Microseconds a
delivery: of the worker's thread, and of its database session. Each round has new versions of the
same objects, so that every row is written.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

from autosync.postgres import release
from benchmarks._figures import rounds_of, spread
from benchmarks._trees import compared, said
from benchmarks.rows import issue, pull_request

VARIABLE = "AUTOSYNC_BENCH_BEFORE_KINDS"
# The last one in which rows of issues and pull requests were made by functions written by hand.
BEFORE = os.environ.get(VARIABLE, "78afc31f941e02d27d32ec9c6366d35b3d969204")
ROUNDS = rounds_of(7)
DELIVERIES = int(os.environ.get("AUTOSYNC_BENCH_DELIVERIES", "1000"))


def run() -> dict[str, Any]:
    """By event and way: the median, lowest and highest of the rounds, and the ratio of medians."""
    with compared(BEFORE, VARIABLE) as (folder, trees):
        rounds: dict[str, list[dict[str, list[float]]]] = {name: [] for name in trees}
        for number in range(-1, ROUNDS):
            bodies = folder / "bodies.json"
            bodies.write_text(json.dumps(_bodies(number)))
            for name, tree in trees.items():
                data = folder / f"data-{name}"
                measured = said(tree, "_apply", data, str(bodies), str(number))
                if number >= 0:  # the first one migrates, and Python compiles
                    rounds[name].append(measured)
        for name in trees:
            release(folder / f"data-{name}" / "postgres")
    result: dict[str, Any] = {"deliveries": DELIVERIES, "rounds": ROUNDS}
    for what in rounds["now"][0]:
        result[what] = {name: _summary(some, what) for name, some in rounds.items()}
        if "before" in trees:
            now, then = (result[what][name]["cpu_us"]["median"] for name in ("now", "before"))
            result[what]["ratio"] = round(now / then, 2)
    return result


def _summary(rounds: list[dict[str, list[float]]], what: str) -> dict[str, dict[str, float]]:
    own = [1e6 * one[what][0] / one[what][2] for one in rounds]
    both = [1e6 * sum(one[what][:2]) / one[what][2] for one in rounds]
    return {"worker_us": spread(own, None), "cpu_us": spread(both, None)}


def _bodies(number: int) -> dict[str, list[Any]]:
    """Deliveries of a round: each object is newer than in the one before."""
    at = datetime(2026, 1, 3, tzinfo=UTC) + timedelta(hours=number)
    moment = at.isoformat().replace("+00:00", "Z")
    envelope = {
        "action": "edited",
        "installation": {"id": 7},
        "sender": {"login": "somebody", "id": 7, "type": "User"},
        "repository": {"id": 5, "name": "rocket", "full_name": "acme/rocket", "private": False},
    }
    found: dict[str, list[Any]] = {}
    for event, key, (rest, _), first in (
        ("issues", "issue", issue(), 1),
        ("pull_request", "pull_request", pull_request(), 1 + DELIVERIES),
    ):
        found[event] = [
            {
                **envelope,
                key: {
                    **rest,
                    "id": place,
                    "node_id": f"N_{place}",
                    "number": place,
                    "title": f"{number} of {place}",
                    "updated_at": moment,
                },
            }
            for place in range(first, first + DELIVERIES)
        ]
    return found
