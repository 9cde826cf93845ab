"""CPU for 100 rows of a list, from the bytes of the answer to the commit: before and now, in turns.

"Before" is the commit of AUTOSYNC_BENCH_BEFORE_PAGES (empty: leave it out). Milliseconds for 100
rows, of the worker and of its database session together; each page is a transaction.
"""

from __future__ import annotations

import os
from typing import Any

from autosync.postgres import release
from benchmarks._figures import rounds_of, spread, verdict
from benchmarks._trees import compared, said

VARIABLE = "AUTOSYNC_BENCH_BEFORE_PAGES"
BEFORE = os.environ.get(VARIABLE, "7e7e3a4")
ROUNDS = rounds_of(5)


def run() -> dict[str, Any]:
    """By list: median, lowest and highest of the rounds, and the ratio of medians."""
    with compared(BEFORE, VARIABLE) as (folder, trees):
        rounds: dict[str, list[dict[str, list[float]]]] = {name: [] for name in trees}
        for number in range(-1, ROUNDS):
            for name, tree in trees.items():
                measured = said(tree, "_pages", folder / f"data-{name}", str(number + 1))
                if number >= 0:  # the first one migrates, and Python compiles
                    rounds[name].append(measured)
        for name in trees:
            release(folder / f"data-{name}" / "postgres")
    result: dict[str, Any] = {"rounds": ROUNDS}
    for what in rounds["now"][0]:
        result[what] = {name: _summary(some, what) for name, some in rounds.items()}
        if "before" in trees:
            now, then = (result[what][name]["cpu_ms"]["median"] for name in ("now", "before"))
            result[what]["ratio"] = round(now / then, 2)
    worst = max(result[what]["now"]["cpu_ms"]["median"] for what in rounds["now"][0])
    result["verdicts"] = [verdict("ms of CPU, of the worst list", worst, 15)]
    return result


def _summary(rounds: list[dict[str, list[float]]], what: str) -> dict[str, dict[str, float]]:
    own = [1e5 * one[what][0] / one[what][2] for one in rounds]
    both = [1e5 * sum(one[what][:2]) / one[what][2] for one in rounds]
    return {"worker_ms": spread(own, 1), "cpu_ms": spread(both, 1)}
