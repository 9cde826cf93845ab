"""What benchmarks do with a simulated GitHub and a service: import, wait, change tokens."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks._figures import Meter, memory, workers
from githubsim.testing import Sim
from tests.killing import Worker
from tests.service import Service, differences
from tests.waiting import eventually

PATIENCE = float(os.environ.get("AUTOSYNC_BENCH_PATIENCE", "7200"))
# Syncs come when a benchmark asks for one, and pass over nothing because it was read a moment ago.
QUIET = {"AUTOSYNC_SYNC_INTERVAL": "59", "AUTOSYNC_SKIP_RECENT": "0"}
_QUEUES = 3  # of each worker, each with a heartbeat


def only_kinds(*more: str) -> dict[str, str]:
    """The settings of a service that keeps up what it always does, and `more`: no files of commits
    either, which none of the others reads.
    """
    from autosync import config

    left_out = sorted(set(config.kind_names()) - {*config.ALWAYS_KEPT, *more})
    kinds = ",".join(f"-{one}" for one in left_out)
    return {"AUTOSYNC_KINDS": kinds, "AUTOSYNC_COMMIT_FILES": "0"}


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


def imported_once(sim: Sim, port: int, repositories: int, **settings: str) -> dict[str, Any]:
    """What the import of everything into a new mirror used; RuntimeError if it has other counts."""
    with Service(sim, port, **settings) as service:
        meter = Meter(sim, service)
        imported(service, repositories)
        used = meter.read() | {"peak_worker_mb": memory(workers(service))}
        if wrong := differences(service, sim):
            raise RuntimeError(f"not as GitHub has it: {wrong}")
        return used


def audited(service: Service) -> None:
    """Wait until the audits that follow an import are over."""
    due = "SELECT count(*) FROM repositories WHERE audit_due_at IS NOT NULL"
    eventually(lambda: service.query(due)[0][0] == 0, "the audit is over", PATIENCE)


def without_quota(sim: Sim) -> None:
    """Nobody waits for an hour of GitHub's to be over."""
    for resource in ("core", "graphql"):
        sim.control("quota", {"resource": resource, "limit": 10_000_000})


def change_tokens(sim: Sim) -> None:
    """Each token now in use dies, those made from then on live for an hour."""
    sim.control("weather", {"token_life": 1})
    time.sleep(2)
    sim.control("weather", {"token_life": 0})


@contextmanager
def more_workers(service: Service, count: int) -> Iterator[list[int]]:
    """So many workers beside the service's own; yields their process ids once all are at work."""
    beating = (
        f"SELECT count(*) >= {(count + 1) * _QUEUES} FROM procrastinate_workers "
        "WHERE last_heartbeat > now() - interval '5 seconds'"
    )
    with tempfile.TemporaryDirectory(prefix="autosync-bench-") as folder:
        others = [Worker(service, Path(folder) / f"log-{number}") for number in range(count)]
        try:
            eventually(lambda: service.query(beating)[0][0], "all beat")
            yield [one.process.pid for one in others]
        finally:
            for one in others:
                one.kill()
