"""What figures have in common: on which share and how often they are measured, spreads, verdicts,
and what was used meanwhile.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from githubsim.testing import Sim
from tests.service import Service, descendants

SHARE = int(os.environ.get("AUTOSYNC_BENCH_SHARE", "1"))
WORLD = {"repositories": 20, "commits": 20_000, "issues": 8_000, "pulls": 3_000}
_TICKS = os.sysconf("SC_CLK_TCK")


def scaled(count: int, least: int = 1) -> int:
    """A size of the table, or the share of it: AUTOSYNC_BENCH_SHARE=20 takes a twentieth."""
    return max(count // SHARE, least)


def standard_world() -> dict[str, Any]:
    """The options of githubsim for the world of the claims, or for the share of it."""
    return {
        name: count if name == "repositories" else scaled(count, 20)
        for name, count in WORLD.items()
    }


def rounds_of(usual: int) -> int:
    """How many runs there are if nobody says."""
    return int(os.environ.get("AUTOSYNC_BENCH_RUNS", usual))


RUNS = rounds_of(3)


def spread(values: Iterable[float], digits: int | None = 2) -> dict[str, float]:
    """Median, lowest and highest."""
    found = sorted(values)
    return {
        "median": round(statistics.median(found), digits),
        "lowest": round(found[0], digits),
        "highest": round(found[-1], digits),
    }


def spreads(runs: Sequence[Mapping[str, Any]], digits: int = 2) -> dict[str, Any]:
    """The spread of each figure that all runs have, at any depth."""
    found: dict[str, Any] = {}
    for name in runs[0]:
        values = [one[name] for one in runs if name in one]
        if len(values) < len(runs):
            continue
        if all(isinstance(one, Mapping) for one in values):
            found[name] = spreads(values, digits)
        elif all(isinstance(one, (int, float)) for one in values):
            found[name] = spread(values, digits)
    return found


def verdict(what: str, figure: float, limit: float, *, most: bool = True) -> dict[str, Any]:
    """Whether a figure reached what the table asks for; `most` where smaller is better. Of a share
    of a world it says nothing.
    """
    reached = figure <= limit if most else figure >= limit
    return {
        "target": f"{what} {'≤' if most else '≥'} {limit:g}",
        "figure": round(figure, 2),
        "reached": reached if SHARE == 1 else None,
    }


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which this part of the sorted values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


class Meter:
    """Seconds, requests, points and CPU from its beginning on; `workers` beside a service's own."""

    def __init__(self, sim: Sim, service: Service | None = None, *workers: int) -> None:
        self._sim = sim
        self._service = service
        self._workers = workers
        sim.ask("requests", clear=1)
        self._points = points(sim)
        self._cpu = self._cpus()
        self._began = time.monotonic()

    def read(self) -> dict[str, Any]:
        """What was used since."""
        seconds = time.monotonic() - self._began
        cpu = self._cpus()
        asked = self._sim.requests()["endpoints"]
        used = points(self._sim)
        return {
            "seconds": round(seconds, 2),
            "requests": sum(sum(by.values()) for by in asked.values()),
            "refused": sum(
                count for by in asked.values() for status, count in by.items() if status in _REFUSED
            ),
            "points": {
                api: spent
                for api in ("core", "graphql")
                if (
                    spent := sum(
                        now - self._points.get(what, 0)
                        for what, now in used.items()
                        if what.endswith(f" {api}")
                    )
                )
            },
            "cpu_s": {
                what: round(now - self._cpu.get(what, 0.0), 2)
                for what, now in cpu.items()
                if now - self._cpu.get(what, 0.0) >= 0.01
            },
        }

    def _cpus(self) -> dict[str, float]:
        found = {"githubsim": _seconds(self._sim.pid, below=True)}
        if self._service is None:
            return found
        kinds = {pid: _kind(pid) for pid in descendants(self._service.pid)}
        for pid, kind in (kinds | dict.fromkeys(self._workers, "worker")).items():
            found[kind] = found.get(kind, 0.0) + _seconds(pid, below=kind != "other")
        found["database"] = _database(self._service)
        return found


_REFUSED = ("403", "429")


def repeated(measure: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    """The spread of several runs, and how many there were."""
    return {"runs": RUNS, "share": SHARE, **spreads([measure(number) for number in range(RUNS)])}


def memory(pids: Iterable[int]) -> float:
    """The most memory that one of the processes ever held, MB."""
    peaks = [0]
    for pid in pids:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        peaks += [int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line]
    return round(max(peaks) / 1024, 1)


def workers(service: Service) -> list[int]:
    """The processes that run the worker of a service."""
    return [pid for pid in descendants(service.pid) if _kind(pid) == "worker"]


def points(sim: Sim) -> dict[str, int]:
    """Points used so far, by whose they are and of which API."""
    return {
        f"{who.partition(':')[0]} {api}": points
        for who, by in sim.requests()["quota"].items()
        for api, points in by.items()
        if points
    }


def _kind(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return "other"
    for name in ("worker", "web"):
        if f"autosync.service.{name}".encode() in command:
            return name
    return "other"


def _database(service: Service) -> float:
    """The embedded PostgreSQL: its sessions, and those that ended."""
    try:
        lines = (service.database / "data" / "postmaster.pid").read_text().splitlines()
    except OSError:
        return 0.0
    pid = int(lines[0])
    return _seconds(pid, below=True) + sum(_seconds(one) for one in descendants(pid))


def _seconds(pid: int, *, below: bool = False) -> float:
    """CPU of a process; `below`: with its children that ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11 : 15 if below else 13])) / _TICKS
