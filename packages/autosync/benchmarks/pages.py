"""CPU for 100 rows of a list, from the bytes of the answer to the commit: before and now, in turns.

"Before" is the commit of AUTOSYNC_BENCH_BEFORE_PAGES (empty: leave it out). Milliseconds for 100
rows, of the worker and of its database session together; each page is a transaction.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from autosync.postgres import release
from benchmarks._trees import ROOT, checked_out, sources

VARIABLE = "AUTOSYNC_BENCH_BEFORE_PAGES"
BEFORE = os.environ.get(VARIABLE, "7e7e3a4")
ROUNDS = int(os.environ.get("AUTOSYNC_BENCH_ROUNDS", "5"))
_SCRIPT = Path(__file__).with_name("_pages.py")


def run() -> dict[str, Any]:
    """By list: median, lowest and highest of the rounds, and the ratio of medians."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autosync-bench-")))
        trees = {"now": sources(ROOT)}
        before = stack.enter_context(checked_out(BEFORE, folder / "before", VARIABLE))
        if before is not None:
            trees = {"before": sources(before), **trees}
        rounds: dict[str, list[dict[str, list[float]]]] = {name: [] for name in trees}
        for number in range(-1, ROUNDS):
            for name, tree in trees.items():
                data = folder / f"data-{name}"
                data.mkdir(mode=0o700, exist_ok=True)
                measured = _stored(tree, data, number + 1)
                if number >= 0:  # the first one migrates, and Python compiles
                    rounds[name].append(measured)
        for name in trees:
            release(folder / f"data-{name}" / "postgres")
    result: dict[str, Any] = {"rounds": ROUNDS}
    for what in rounds["now"][0]:
        result[what] = {name: _summary(some, what) for name, some in rounds.items()}
        if before is not None:
            now, then = (result[what][name]["cpu_ms"]["median"] for name in ("now", "before"))
            result[what]["ratio"] = round(now / then, 2)
    return result


def _stored(tree: Path, data: Path, number: int) -> dict[str, list[float]]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AUTOSYNC_", "GITHUB_", "DATABASE_", "DJANGO_"))
        or name == "AUTOSYNC_POSTGRES_USER"
    }
    # The pages are made by this tree, for all trees alike.
    paths = f"{tree}{os.pathsep}{_SCRIPT.parents[1]}"
    done = subprocess.run(
        [sys.executable, str(_SCRIPT), str(data), str(number)],
        env={**kept, "PYTHONPATH": paths},
        cwd=data,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{tree}: {done.stderr[-2000:]}")
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _summary(rounds: list[dict[str, list[float]]], what: str) -> dict[str, dict[str, float]]:
    own = [1e5 * one[what][0] / one[what][2] for one in rounds]
    both = [1e5 * sum(one[what][:2]) / one[what][2] for one in rounds]
    return {"worker_ms": _spread(own), "cpu_ms": _spread(both)}


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 1),
        "lowest": round(min(values), 1),
        "highest": round(max(values), 1),
    }
