"""Drains 20,000 deliveries that wait, of every kind of event: before and now, in turns.

What people do in a simulated GitHub (pushes, issues, pull requests, reviews, comments, stars, …) is
put into the inbox with the moments at which it came; one thread applies it as the worker does.
"Before" is the commit of AUTOSYNC_BENCH_BEFORE_BACKLOG (empty: leave it out).
AUTOSYNC_BENCH_BACKLOG takes fewer, AUTOSYNC_BENCH_KEPT keeps the deliveries in a file, for making
them takes longer than applying them. AUTOSYNC_BENCH_BATCH=200 gives both that size of batches, and
compares the content of their rows.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from autosync.postgres import release
from benchmarks._people import Kept, deliveries
from benchmarks._trees import ROOT, checked_out, sources

VARIABLE = "AUTOSYNC_BENCH_BEFORE_BACKLOG"
# The last one that marked children by a statement per kind and read each payload for each kind.
BEFORE = os.environ.get(VARIABLE, "7e7e3a4")
ROUNDS = int(os.environ.get("AUTOSYNC_BENCH_ROUNDS", "3"))
DELIVERIES = int(os.environ.get("AUTOSYNC_BENCH_BACKLOG", "20000"))
BATCH = os.environ.get("AUTOSYNC_BENCH_BATCH", "")
KEPT = os.environ.get("AUTOSYNC_BENCH_KEPT", "")
_SCRIPT = Path(__file__).with_name("_backlog.py")


def run() -> dict[str, Any]:
    """Deliveries a second, and microseconds of CPU for each: median, lowest, highest."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autosync-bench-")))
        file = Path(KEPT) if KEPT else folder / "deliveries"
        if not file.exists():
            file.write_bytes(msgspec.msgpack.encode(deliveries(DELIVERIES, folder / "world")))
        kept = msgspec.msgpack.decode(file.read_bytes(), type=list[Kept])[:DELIVERIES]
        some = folder / "some"
        some.write_bytes(msgspec.msgpack.encode(kept))
        trees = {"now": sources(ROOT)}
        before = stack.enter_context(checked_out(BEFORE, folder / "before", VARIABLE))
        if before is not None:
            trees = {"before": sources(before), **trees}
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in trees}
        for number in range(ROUNDS):
            for name, tree in trees.items():
                data = folder / f"data-{name}-{number}"
                data.mkdir(mode=0o700)
                rounds[name].append(_drained(tree, data, some))
                release(data / "postgres")
    result: dict[str, Any] = {
        "deliveries": len(kept),
        "events": dict(Counter(one.event for one in kept).most_common()),
        "bytes": sum(len(one.body) for one in kept),
        "rounds": ROUNDS,
        "statuses": rounds["now"][0]["statuses"],
        "rows": {table: one[0] for table, one in rounds["now"][0]["tables"].items()},
    }
    for name, some_rounds in rounds.items():
        result[name] = {
            "per_s": _spread([len(kept) / one["seconds"] for one in some_rounds]),
            "worker_us": _spread([1e6 * one["worker_cpu"] / len(kept) for one in some_rounds]),
            "session_us": _spread([1e6 * one["session_cpu"] / len(kept) for one in some_rounds]),
        }
    if before is not None:
        result["faster"] = round(
            result["now"]["per_s"]["median"] / result["before"]["per_s"]["median"], 2
        )
        then, now = (rounds[name][0]["tables"] for name in ("before", "now"))
        # With batches of one size all is decided in one order: then nothing may differ.
        result["other_rows_than_before" if BATCH else "other_numbers_of_rows"] = sorted(
            table
            for table in {*then, *now}
            if (then[table] != now[table] if BATCH else then[table][0] != now[table][0])
        )
    return result


def _drained(tree: Path, data: Path, file: Path) -> dict[str, Any]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AUTOSYNC_", "GITHUB_", "DATABASE_", "DJANGO_"))
        or name == "AUTOSYNC_POSTGRES_USER"
    }
    done = subprocess.run(
        [sys.executable, str(_SCRIPT), str(data), str(file), *filter(None, [BATCH])],
        env={**kept, "PYTHONPATH": str(tree)},
        cwd=data,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{tree}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values)),
        "lowest": round(min(values)),
        "highest": round(max(values)),
    }
