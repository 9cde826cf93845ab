"""A worker that dies or hangs: another takes its work over, and what it still does has no effect.

Nothing here is hurried: the other worker notices by itself, after ten seconds without a beat.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.killing import Stage, Worker
from tests.waiting import eventually


class Pair:
    """Two workers on one stage."""

    def __init__(self, stage: Stage) -> None:
        assert stage.worker is not None
        self.stage = stage
        self.workers = [stage.worker, Worker(stage.service, stage.log)]

    def push(self) -> None:
        first = self.stage.sim.truth()["repositories"][0]["full_name"]
        self.stage.sim.control("push", {"repository": first, "count": 2})

    def hang_at(self, point: str) -> Worker:
        """The worker that stopped there, while it is stopped."""
        self.stage.arm(point, number="SIGSTOP")
        self.push()
        self.stage.reached()
        found: list[Worker] = eventually(
            lambda: [one for one in self.workers if state(one) == "T"], "one stopped"
        )
        return found[0]

    def come_round(self, worker: Worker) -> None:
        """It goes on where it was; returns when it has worked on something else since."""
        os.kill(worker.process.pid, signal.SIGCONT)
        eventually(self.all_beat, "it beats again")
        self.push()
        self.stage.settled()

    def all_beat(self) -> bool:
        sql = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval "
        return bool(self.stage.service.query(f"{sql} '4 seconds'") == [[6]])  # three queues each

    def end(self) -> None:
        for worker in self.workers:
            worker.kill()


def state(worker: Worker) -> str:
    stat = Path(f"/proc/{worker.process.pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@pytest.fixture
def pair(stage: Stage) -> Iterator[Pair]:
    if stage.worker is None or stage.worker.process.poll() is not None:
        stage.start_worker()
    pair = Pair(stage)
    # A worker tries its first deliveries alone; from then on both work as they always do.
    eventually(pair.all_beat, "both beat")
    yield pair
    pair.end()


def attempts(stage: Stage, task: str) -> int:
    """How often the newest job of `task` was tried; it ended well."""
    sql = (
        "SELECT status::text, attempts FROM procrastinate_jobs WHERE task_name = "
        f"'autosync.sync.tasks.{task}' AND attempts > 1 ORDER BY id DESC LIMIT 1"
    )
    status, number = stage.service.query(sql)[0]
    assert status == "succeeded"
    return int(number)


def test_a_killed_workers_job_is_done_by_another(pair: Pair) -> None:
    stage = pair.stage
    stage.arm("git: commits stored, refs not")
    pair.push()
    stage.reached()
    stage.settled()
    assert sorted(one.process.poll() is None for one in pair.workers) == [False, True]
    assert attempts(stage, "sync_git") == 2


@pytest.mark.parametrize(
    "point", ["git: commits stored, refs not", "git: refs stored, not committed"]
)
def test_a_hung_workers_job_is_done_by_another_and_by_no_two(pair: Pair, point: str) -> None:
    hung = pair.hang_at(point)
    pair.stage.settled()
    assert state(hung) == "T", "settled without it"
    before = attempts(pair.stage, "sync_git")
    pair.come_round(hung)
    assert attempts(pair.stage, "sync_git") == before
    assert "was given to another worker meanwhile" in pair.stage.log.read_text()


def test_deliveries_that_a_hung_worker_holds_are_applied_by_another(pair: Pair) -> None:
    hung = pair.hang_at("apply: marked, not committed")
    pair.stage.settled()
    assert state(hung) == "T", "settled without it"
    pair.come_round(hung)


def test_a_repository_whose_sync_hangs_is_synced_by_another(pair: Pair) -> None:
    stage = pair.stage
    stage.arm("reconcile: all read, not called synced", number="SIGSTOP")
    stage.service.post("/api/sync/periodic/?force=true")
    stage.reached()
    stage.settled()
    [hung] = [one for one in pair.workers if state(one) == "T"]
    pair.come_round(hung)
    assert stage.service.query("SELECT DISTINCT sync_state FROM repositories") == [["synced"]]
    assert stage.service.query("SELECT count(*) FROM sync_jobs WHERE errors_count > 0") == [[0]]
