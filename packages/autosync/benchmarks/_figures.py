"""What benchmarks share: on which share and how often they run, CPU by process, verdicts."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.kinds import SHARE, points
from githubsim.testing import Sim
from tests.service import Service, descendants
from tests.waiting import eventually

RUNS = int(os.environ.get("AUTOSYNC_BENCH_RUNS", "3"))
PATIENCE = float(os.environ.get("AUTOSYNC_BENCH_PATIENCE", "7200"))
_TICKS = os.sysconf("SC_CLK_TCK")


def scaled(count: int, least: int = 1) -> int:
    """A size of the table, or the share of it: AUTOSYNC_BENCH_SHARE=20 takes a twentieth."""
    return max(count // SHARE, least)


def spread(values: Iterable[float], digits: int = 2) -> dict[str, float]:
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


def only_kinds(*more: str) -> dict[str, str]:
    """The settings of a service that keeps up what it always does, and `more`: no files of commits
    either, which none of the others reads.
    """
    from autosync import config

    left_out = sorted(set(config.kind_names()) - {*config.ALWAYS_KEPT, *more})
    kinds = ",".join(f"-{one}" for one in left_out)
    return {"AUTOSYNC_KINDS": kinds, "AUTOSYNC_COMMIT_FILES": "0"}


class Meter:
    """Seconds, requests, points and CPU from its beginning on."""

    def __init__(self, sim: Sim, service: Service | None = None, *pids: int) -> None:
        self._sim = sim
        self._service = service
        self._pids = pids
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
        for pid in [*descendants(self._service.pid), *self._pids]:
            kind = _kind(pid)
            found[kind] = found.get(kind, 0.0) + _seconds(pid, below=kind != "other")
        found["database"] = _database(self._service)
        return found


_REFUSED = ("403", "429")


def imported(service: Service, repositories: int, what: str = "all are imported") -> None:
    """Wait until so many repositories are whole, sizes of commits included."""
    done = (
        f"SELECT count(*) >= {repositories} AND count(*) = count(imported_at), "
        "NOT EXISTS (SELECT FROM commits WHERE detailed_at IS NULL) FROM repositories "
        "WHERE removed_at IS NULL"
    )

    def whole() -> bool:
        try:
            return service.query(done)[0] == [True, True]
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            return False  # the receiver answers before the database is migrated

    eventually(whole, what, PATIENCE)


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
