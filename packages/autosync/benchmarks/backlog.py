"""Drains 20,000 deliveries that wait, of every kind of event: before and now, in turns.

What people do in a simulated GitHub (pushes, issues, pull requests, reviews, comments, stars, …) is
put into the inbox with the moments at which it came; one thread applies it as the worker does.
"Before" is the commit of AUTOSYNC_BENCH_BEFORE_BACKLOG (empty: leave it out).
AUTOSYNC_BENCH_KEPT keeps the deliveries in a file, since making them takes longer than applying
them. AUTOSYNC_BENCH_BATCH=200 gives both that size of batches, and compares the content of their
rows.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from autosync.postgres import release
from benchmarks._figures import RUNS, SHARE, scaled, spread, verdict
from benchmarks._people import Kept, deliveries
from benchmarks._trees import compared, said

VARIABLE = "AUTOSYNC_BENCH_BEFORE_BACKLOG"
# The last one that marked children by a statement per kind and read each payload for each kind.
BEFORE = os.environ.get(VARIABLE, "7e7e3a4")
DELIVERIES = scaled(20_000)
BATCH = os.environ.get("AUTOSYNC_BENCH_BATCH", "")
KEPT = os.environ.get("AUTOSYNC_BENCH_KEPT", "")


def run() -> dict[str, Any]:
    """Deliveries a second, and microseconds of CPU for each: median, lowest, highest."""
    with compared(BEFORE, VARIABLE) as (folder, trees):
        file = Path(KEPT) if KEPT else folder / "deliveries"
        if not file.exists():
            file.write_bytes(msgspec.msgpack.encode(deliveries(DELIVERIES, folder / "world")))
        kept = msgspec.msgpack.decode(file.read_bytes(), type=list[Kept])[:DELIVERIES]
        some = folder / "some"
        some.write_bytes(msgspec.msgpack.encode(kept))
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in trees}
        for number in range(RUNS):
            for name, tree in trees.items():
                data = folder / f"data-{name}-{number}"
                batch = filter(None, [BATCH])
                rounds[name].append(said(tree, "_backlog", data, str(some), *batch))
                release(data / "postgres")
    result: dict[str, Any] = {
        "deliveries": len(kept),
        "events": dict(Counter(one.event for one in kept).most_common()),
        "bytes": sum(len(one.body) for one in kept),
        "share": SHARE,
        "runs": RUNS,
        "statuses": rounds["now"][0]["statuses"],
        "rows": {table: one[0] for table, one in rounds["now"][0]["tables"].items()},
    }
    for name, some_rounds in rounds.items():
        result[name] = {
            "per_s": spread([len(kept) / one["seconds"] for one in some_rounds], None),
            "worker_us": spread([1e6 * one["worker_cpu"] / len(kept) for one in some_rounds], None),
            "session_us": spread(
                [1e6 * one["session_cpu"] / len(kept) for one in some_rounds], None
            ),
        }
    per_s = result["now"]["per_s"]["median"]
    result["verdicts"] = [verdict("deliveries/s", per_s, 2500, most=False)]
    if "before" in trees:
        result["faster"] = round(per_s / result["before"]["per_s"]["median"], 2)
        then, now = (rounds[name][0]["tables"] for name in ("before", "now"))
        # With batches of one size all is decided in one order: then nothing may differ.
        result["other_rows_than_before" if BATCH else "other_numbers_of_rows"] = sorted(
            table
            for table in {*then, *now}
            if (then[table] != now[table] if BATCH else then[table][0] != now[table][0])
        )
    return result
