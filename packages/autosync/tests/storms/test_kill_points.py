"""`kill -9` at every named point, then a restart, then no difference to GitHub.

Each test arms one point of `autosync.killpoints`, makes something happen, sees the process die
there, starts it again and asks the independent judge. Points of one step share a world.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from autosync import killpoints, postgres
from autosync.sync.recover import OVERLAP
from tests.chaos.there import git
from tests.killing import Stage
from tests.service import SECRET, acknowledged_by_us
from tests.service_processes import deliver, processes_of
from tests.waiting import PATIENCE, eventually

# One world, while the storms rage in two others.
pytestmark = pytest.mark.xdist_group("kill points")
_serial = count(1)
# Repositories that a test made.
_made: list[str] = []


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


# What makes something happen.


def repository(stage: Stage) -> str:
    """One of the world's own repositories, by name."""
    found = [one for one in stage.sim.truth()["repositories"] if one["has_issues"]]
    return str(min(found, key=lambda one: one["id"])["full_name"])


def beside(stage: Stage) -> tuple[dict[str, Any], Path]:
    """What GitHub has of that repository, and the folder of its git."""
    there = stage.sim.ask("inventory", repository=repository(stage))["repositories"][0]
    return there, stage.sim.data / "git" / f"{there['id']}.git"


def issue(stage: Stage, title: str = "An issue") -> None:
    stage.sim.control("issues/open", {"repository": repository(stage), "title": title})


def push(stage: Stage) -> None:
    stage.sim.control("push", {"repository": repository(stage), "count": 2})


def open_pull(stage: Stage) -> None:
    stage.sim.control("pulls/open", {"repository": repository(stage)})


def force_back(stage: Stage, commits: int = 1) -> None:
    """The default branch loses its last commits: there is nothing new that would be counted."""
    there, home = beside(stage)
    ref = f"refs/heads/{there['default_branch']}"
    before = git(home, "rev-parse", f"{ref}~{commits}").strip()
    stage.sim.control("refs/set", {"repository": there["full_name"], "ref": ref, "sha": before})


def take_push_back(stage: Stage) -> None:
    """The refs are what they were; what was stored of the push is not on the branch any more."""
    force_back(stage, 2)


def unseen(stage: Stage, what: Callable[[], object]) -> None:
    """Do something of which no webhook tells, nor GitHub's log; it shows what follows."""
    read_log_until(stage, "now() + interval '1 day'")
    stage.sim.control("webhooks", {"on": False})
    what()
    stage.sim.control("webhooks/wait", {"timeout": 30})
    read_log_until(stage, f"now() + interval '{OVERLAP.total_seconds()} s'")
    stage.sim.control("webhooks", {"on": True})


def read_log_until(stage: Stage, when: str) -> None:
    stage.service.execute(f"UPDATE delivery_log SET read_until = {when}")


def create(stage: Stage) -> str:
    owner = repository(stage).partition("/")[0]
    name = f"{owner}/new-{next(_serial)}"
    stage.sim.control("repositories/create", {"owner": owner, "name": name.partition("/")[2]})
    if stage.sim.truth()["installations"][0]["repository_selection"] == "selected":
        stage.sim.control("installation/add", {"repositories": [name]})
    stage.sim.control("push", {"repository": name, "count": 3})
    for number in range(3):
        stage.sim.control("issues/open", {"repository": name, "title": f"Issue {number}"})
    _made.append(name)
    return name


def delete_what_was_made(stage: Stage) -> None:
    """And purge it: all that follows would read and compare it again and again."""
    if not _made:
        return
    while _made:
        stage.sim.control("repositories/delete", {"repository": _made.pop()})
    stage.at_rest()
    stage.defer("purge", queue="sync", timestamp=0)
    stage.at_rest()


def import_one(stage: Stage) -> None:
    """A delivery speaks of a repository that nobody has listed."""
    names: list[str] = []
    unseen(stage, lambda: names.append(create(stage)))
    stage.sim.control("issues/open", {"repository": names[0], "title": "The first we hear of it"})


def sync(stage: Stage) -> None:
    stage.service.post("/api/sync/periodic/?force=true")


def sync_unseen_repository(stage: Stage) -> None:
    unseen(stage, lambda: create(stage))
    stage.service.post("/api/sync/periodic/")


def sync_unseen_change(stage: Stage) -> None:
    where = {"repository": repository(stage), "number": first_issue(stage)}
    unseen(
        stage, lambda: stage.sim.control("issues/edit", where | {"title": f"Title {next(_serial)}"})
    )
    stage.service.post("/api/sync/periodic/")


def sync_unseen_deletion(stage: Stage) -> None:
    where = {"repository": repository(stage), "number": first_issue(stage)}
    unseen(stage, lambda: stage.sim.control("issues/delete", where))
    # What was seen a moment ago is not buried by a list, which may lag.
    stage.service.execute("UPDATE issues SET observed_at = observed_at - interval '1 minute'")
    sync(stage)


def first_issue(stage: Stage) -> int:
    items = stage.sim.truth(repository=repository(stage), items=1)["repositories"][0]["items"]
    return int(next(one["number"] for one in items if one["pull_id"] is None))


def doubt(stage: Stage) -> None:
    stage.service.execute(
        "UPDATE issues SET dirty_at = now(), title = 'in doubt' "
        "WHERE github_issue_id = (SELECT max(github_issue_id) FROM issues "
        "WHERE deleted_at IS NULL)"
    )
    stage.defer("refetch")


def lose_and_recover(stage: Stage) -> None:
    """A webhook is lost, and GitHub's log does not reach back to our last reading of it."""
    stage.sim.control("webhooks", {"lost": 1.0})
    issue(stage)
    stage.sim.control("webhooks/wait", {"timeout": 30})
    stage.sim.control("webhooks", {"lost": 0.0})
    read_log_until(stage, "now() - interval '4 days'")
    stage.defer("recover")


def recover(stage: Stage) -> None:
    """As if a minute had passed since the log was read."""
    read_log_until(stage, "now() - interval '1 minute'")
    stage.defer("recover")


def differ_and_audit(stage: Stage) -> None:
    stage.service.execute(
        "DELETE FROM issues WHERE github_issue_id = (SELECT github_issue_id FROM issues "
        "WHERE deleted_at IS NULL ORDER BY updated_at LIMIT 1)"
    )
    installation = stage.service.query("SELECT github_id FROM installations")[0][0]
    stage.defer("audit_installation", queue="sync", installation_id=installation)


def remove_and_purge(stage: Stage) -> None:
    stage.sim.control("installation/remove", {"repositories": [repository(stage)]})
    gone = "SELECT count(*) FROM repositories WHERE removed_at IS NOT NULL"
    eventually(lambda: stage.service.query(gone)[0][0], "it is hidden")
    stage.defer("purge", queue="sync", timestamp=0)


def add_back(stage: Stage) -> None:
    """The worst that can happen to what is half purged."""
    stage.sim.control("installation/add", {"repositories": [repository(stage)]})


def unreadable_delivery(stage: Stage) -> None:
    """Signed and of the right shape, but no handler can read it."""
    installation = stage.service.query("SELECT github_id FROM installations")[0][0]
    body = b'{"action": "opened", "issue": {"id": "none"}, "installation": {"id": %d}, ' % (
        installation
    )
    known = stage.service.query("SELECT min(github_id) FROM repositories")[0][0]
    body += b'"repository": {"id": %d, "full_name": "a/b", "name": "b"}}' % known
    status, _ = deliver(stage.service.port, body, event="issues", secret=SECRET)
    assert status == 202


def last_attempt(stage: Stage) -> None:
    stage.service.execute(
        "UPDATE inbox SET attempts = 7, next_attempt_at = now() WHERE status = 'pending'"
    )


def unreadable_for_the_last_time(stage: Stage) -> None:
    stage.stop_worker()
    unreadable_delivery(stage)
    last_attempt(stage)
    stage.start_worker()


def issue_while_no_worker_runs(stage: Stage) -> None:
    stage.stop_worker()
    issue(stage)
    stage.sim.control("webhooks/wait", {"timeout": 30})
    stage.start_worker()


def due_now(stage: Stage) -> None:
    stage.service.execute("UPDATE inbox SET next_attempt_at = now() WHERE status = 'pending'")


def push_to_a_fresh_worker(stage: Stage) -> None:
    """One that has no token yet."""
    stage.stop_worker()
    push(stage)
    stage.start_worker()


def die_twice(stage: Stage) -> None:
    """In a task; the point is then reached by the worker that gives the task back."""
    point = stage.armed_at()
    stage.arm("task: done, not recorded")
    push(stage)
    stage.worker_died()
    stage.arm(point)
    stage.start_worker()


def wait_expired(stage: Stage) -> None:
    """Two minutes pass: a killed request's slot is free again."""
    stage.service.execute("UPDATE quota_leases SET expires_at = now() - interval '1 second'")


def no_slot_leaked(stage: Stage) -> None:
    push(stage)
    stage.settled()
    assert stage.service.query("SELECT count(*) FROM quota_leases") == [[0]]


def all_read_again(stage: Stage) -> None:
    """What the log no longer shows, after what it still showed."""
    started = (
        "SELECT count(*) FROM sync_jobs WHERE job_type = 'periodic_sync' "
        "AND (details->>'force')::boolean AND created_at > "
        "(SELECT max(received_at) FROM inbox WHERE source = 'delivery_log')"
    )
    eventually(lambda: stage.service.query(started) == [[1]], "all is read again")
    stage.settled()


def audit_told(stage: Stage) -> None:
    rows = stage.service.query("SELECT error, repositories FROM audits ORDER BY started_at")
    *before, last = [error for error, _ in rows[-3:]]
    assert last == "", "the last one is whole"
    # Another may have been due meanwhile.
    assert any(error.startswith("Its worker was killed") for error in before)


def orphans_are_marked(stage: Stage) -> None:
    """Exactly the commits that no branch and no tag reaches."""
    there, home = beside(stage)
    reachable = int(git(home, "rev-list", "--count", "--branches", "--tags"))
    here = "SELECT count(*) FROM commits WHERE orphaned_at IS NULL AND deleted_at IS NULL"
    found = stage.service.query(f"{here} AND repository_id = {there['id']}")
    assert found == [[reachable]]


def imported_once(stage: Stage) -> None:
    """Where the first page was committed, the backfill went on behind it."""
    sql = (
        "SELECT count(*) FROM resource_cursors c JOIN sync_jobs j ON j.id = "
        "(SELECT max(id) FROM sync_jobs) WHERE c.resource = 'issue' "
        "AND c.backfill_started_at > j.started_at AND c.backfilled_at < c.backfill_started_at"
    )
    assert stage.service.query(sql) == [[0]]


def parked(stage: Stage) -> None:
    assert stage.service.query("SELECT count(*) FROM inbox WHERE status = 'parked'")[0][0] > 0


def nothing(stage: Stage) -> None:
    """Nothing to do here."""


@dataclass(frozen=True)
class Scene:
    """`trigger` leads to the point; `meanwhile` happens while the worker is dead."""

    trigger: Callable[[Stage], None]
    meanwhile: Callable[[Stage], None] = nothing
    afterwards: Callable[[Stage], None] = nothing


WORKER = {
    "apply: claimed": Scene(issue),
    "apply: rows written, not yet in the feed": Scene(issue),
    "apply: all written, not yet marked": Scene(push),
    "apply: marked, not committed": Scene(issue),
    "apply: committed": Scene(push),
    "apply: batch undone, not yet one by one": Scene(unreadable_delivery, last_attempt, parked),
    "apply: tried alone, not applied": Scene(issue_while_no_worker_runs),
    "apply: failed, not yet parked": Scene(unreadable_for_the_last_time, due_now, parked),
    "follow-up: enqueued, not committed": Scene(push),
    "discover: installations stored": Scene(sync),
    "listing: repositories read, not stored": Scene(sync_unseen_repository),
    "listing: stored, not committed": Scene(sync_unseen_repository),
    "job: listed, not planned": Scene(sync),
    "job: planned, not committed": Scene(sync),
    "job: planned": Scene(import_one),
    "job: repository synced, not recorded": Scene(sync),
    "job: repository recorded, not committed": Scene(sync),
    "import: page read, not stored": Scene(import_one),
    "import: page stored, not committed": Scene(import_one),
    "import: page committed": Scene(import_one, afterwards=imported_once),
    "reconcile: change announced, not read": Scene(sync_unseen_change),
    "reconcile: page of changes stored, watermark not moved": Scene(sync_unseen_change),
    "reconcile: ids listed, nothing deleted": Scene(sync_unseen_deletion),
    "reconcile: all read, not called synced": Scene(sync_unseen_change),
    "refetch: answered, not stored": Scene(doubt),
    "git: repository made, nothing fetched": Scene(import_one),
    "git: cloned, not in place": Scene(import_one),
    "git: fetched, not read": Scene(push),
    "git: commits stored, refs not": Scene(push, take_push_back, orphans_are_marked),
    "git: default branch marked, refs not stored": Scene(push, take_push_back, orphans_are_marked),
    "git: refs stored, not committed": Scene(push),
    "git: refs committed, contributors not counted": Scene(force_back),
    "git lists: one stored, not all": Scene(push),
    "files: some stored, not all": Scene(push),
    "pulls: some stored, not all": Scene(open_pull),
    "details: read, not stored": Scene(push),
    "recover: log read, no payload read": Scene(lose_and_recover, nothing, all_read_again),
    "recover: payloads read, not stored": Scene(lose_and_recover, nothing, all_read_again),
    "recover: all stored, watermark not moved": Scene(lose_and_recover, nothing, all_read_again),
    "audit: counted": Scene(differ_and_audit, nothing, audit_told),
    "audit: found, not repaired": Scene(differ_and_audit, nothing, audit_told),
    "audit: repaired, not recorded": Scene(differ_and_audit, nothing, audit_told),
    "audit: repository done, verdict not written": Scene(differ_and_audit, nothing, audit_told),
    "quota: reserved, not asked": Scene(push, wait_expired, no_slot_leaked),
    "quota: answered, not settled": Scene(push, wait_expired, no_slot_leaked),
    "token: made, not used": Scene(push_to_a_fresh_worker),
    "worker: stalled job given back, not started": Scene(die_twice),
    "task: done, not recorded": Scene(push),
    "purge: cursors gone, content not": Scene(remove_and_purge, add_back),
    "purge: batch deleted": Scene(remove_and_purge, add_back),
    "purge: content gone, repository not": Scene(remove_and_purge, add_back),
}
RECEIVER = ("receiver: batch taken, not stored", "receiver: stored, not acknowledged")
# How-manieth: `mirror.0001`, which adds constraints, and one in the middle of all.
MIGRATE = {"migrate: applied, not recorded": 18, "migrate: one of many committed": 20}
NEW_CLUSTER = (
    "postgres: cluster made, no login",
    "postgres: login made, not in place",
    "postgres: in place, not remembered",
)
SERVE = (
    "serve: database up, not migrated",
    "serve: worker started, web not",
)
POSTGRES = ("postgres: started, not ready", "postgres: ready, not said")


def test_every_point_has_a_test() -> None:
    tested = [*WORKER, *RECEIVER, *MIGRATE, *NEW_CLUSTER, *SERVE, *POSTGRES]
    assert sorted(tested) == sorted(killpoints.POINTS)
    assert len(tested) >= 25


@pytest.mark.parametrize("point", WORKER)
def test_a_worker_killed(stage: Stage, point: str) -> None:
    scene = WORKER[point]
    stage.arm(point)
    scene.trigger(stage)
    stage.worker_died()
    scene.meanwhile(stage)
    stage.start_worker()
    stage.settled()
    scene.afterwards(stage)
    delete_what_was_made(stage)


def test_a_branch_forced_back_and_forth_around_a_kill(stage: Stage) -> None:
    """The head is what it was, but its last commit had lost its mark."""
    there, home = beside(stage)
    ref = f"refs/heads/{there['default_branch']}"
    tip = git(home, "rev-parse", ref).strip()
    stage.arm("git: default branch marked, refs not stored")
    force_back(stage)
    stage.worker_died()
    stage.sim.control("refs/set", {"repository": there["full_name"], "ref": ref, "sha": tip})
    stage.start_worker()
    stage.settled()


def test_a_worker_killed_when_its_audit_had_only_to_be_recorded(stage: Stage) -> None:
    """None follows at once: nothing is due any more."""
    whole = stage.service.query("SELECT count(*) FROM repositories WHERE removed_at IS NULL")[0][0]
    stage.arm("audit: repository done, verdict not written", times=whole)
    stage.service.execute("UPDATE repositories SET audit_due_at = now() WHERE removed_at IS NULL")
    stage.worker_died()
    stage.start_worker()
    stage.settled()
    told = stage.service.query("SELECT error FROM audits ORDER BY started_at DESC LIMIT 1")
    assert told == [["Its worker was killed before the audit ended."]]


def test_a_delivery_that_kills_its_worker_again_and_again_is_parked(stage: Stage) -> None:
    point = "apply: tried alone, not applied"
    stage.stop_worker()
    issue(stage)
    stage.sim.control("webhooks/wait", {"timeout": 30})
    stage.service.execute(
        "UPDATE inbox SET attempts = 6 "
        "WHERE id = (SELECT min(id) FROM inbox WHERE status = 'pending')"
    )
    for _ in range(2):
        stage.arm(point)
        stage.start_worker()
        stage.worker_died()
        due_now(stage)
    push(stage)
    stage.start_worker()
    eventually(lambda: stage.unrest() == {}, f"the others are applied; {stage.said()}")
    sql = "SELECT id, attempts, error FROM inbox WHERE status = 'parked' ORDER BY id DESC LIMIT 1"
    number, attempts, error = stage.service.query(sql)[0]
    assert (attempts, error) == (8, "the worker ended while it applied this delivery")
    stage.service.post(f"/api/deliveries/{number}/replay/")
    stage.settled()


@pytest.mark.parametrize("point", RECEIVER)
def test_a_receiver_killed(stage: Stage, point: str) -> None:
    stage.sim.control("webhooks/wait", {"timeout": 30})
    stage.arm(point)
    title = f"Told of to a receiver that dies, {next(_serial)}"
    issue(stage, title)
    stage.reached()
    stage.sim.control("webhooks/wait", {"timeout": 30})
    recover(stage)
    stage.settled()
    # Sent again on a fresh connection, or read back from the log: there in any case, and once.
    told = f"SELECT count(*) FROM inbox WHERE position('{title}'::bytea IN body) > 0"
    assert stage.service.query(told) == [[1]]


@pytest.mark.parametrize("point", POSTGRES)
def test_a_keeper_killed_while_its_server_starts(stage: Stage, point: str) -> None:
    stage.stop_worker()
    stage.service.stop()
    postgres.release(stage.service.database)
    stage.arm(point)
    issue(stage)
    stage.service.start()
    stage.reached()
    stage.start_worker()
    recover(stage)
    stage.settled()


def test_the_database_killed_in_the_middle_of_an_import(stage: Stage) -> None:
    stage.arm("import: page read, not stored", number="SIGSTOP")
    import_one(stage)
    stage.reached()
    assert stage.worker is not None
    home = stage.service.database / "data"
    os.kill(int((home / "postmaster.pid").read_text().split("\n")[0]), signal.SIGKILL)
    os.kill(stage.worker.process.pid, signal.SIGCONT)
    # It heals by itself, or ends for its supervisor, which here is the test, to start it again.
    eventually(stage.answers, "the database is back")
    eventually(lambda: stage.ended() or not stage.unrest(), stage.said())
    if stage.ended():
        stage.start_worker()
    stage.settled()
    delete_what_was_made(stage)


@pytest.mark.parametrize("point", SERVE)
def test_a_supervisor_killed_while_it_starts(stage: Stage, point: str) -> None:
    stage.stop_worker()
    stage.service.stop()
    stage.arm(point)
    issue(stage)
    killed = subprocess.run(
        [sys.executable, "-m", "autosync", "serve"],
        env=stage.service.environment,
        cwd=stage.folder,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    data = Path(stage.service.environment["AUTOSYNC_DATA_DIR"])
    eventually(lambda: not serving(data), "its children are gone")
    stage.service.start()
    stage.start_worker()
    recover(stage)
    stage.settled()


def test_nothing_acknowledged_was_lost(stage: Stage) -> None:
    here = {row[0] for row in stage.service.query("SELECT guid FROM inbox")}
    assert not acknowledged_by_us(stage.sim) - here


@pytest.mark.parametrize("point", MIGRATE)
def test_a_migration_killed(stage: Stage, tmp_path: Path, point: str) -> None:
    stage.arm(point, MIGRATE[point])
    environment = stage.service.environment | {"AUTOSYNC_DATA_DIR": str(tmp_path / "data")}
    codes = [
        subprocess.run(
            [sys.executable, "-m", "autosync", "migrate"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        ).returncode
        for _ in range(2)
    ]
    assert codes == [-signal.SIGKILL, 0]
    conninfo = postgres.ensure_running(tmp_path / "data" / "postgres")
    assert schema(conninfo) == schema(stage.service.conninfo())


@pytest.mark.parametrize("point", NEW_CLUSTER)
def test_a_keeper_killed_while_it_makes_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    armed = tmp_path / "kill-point"
    armed.write_text(point)
    monkeypatch.setenv(killpoints.VARIABLE, str(armed))
    home = tmp_path / "postgres"
    with psycopg.connect(postgres.ensure_running(home), autocommit=True) as connection:
        assert not armed.exists()
        connection.execute("CREATE TABLE t (n int)")
        connection.execute("INSERT INTO t VALUES (1)")
        assert connection.execute("SELECT n FROM t").fetchall() == [(1,)]
    assert (home / "cluster.json").exists()
    assert not list(home.glob("initializing.*"))


def serving(data: Path) -> dict[int, str]:
    """Processes of the service that lives in `data`, but for its database."""
    found = processes_of(data)
    return {pid: said for pid, said in found.items() if "autosync.service" in said}


def schema(conninfo: str) -> list[tuple[object, ...]]:
    """Columns, indexes, constraints and migrations."""
    with psycopg.connect(conninfo) as connection:
        return connection.execute(
            "SELECT 'c', table_name::text, column_name::text, data_type::text, "
            "column_default::text FROM information_schema.columns WHERE table_schema = 'public' "
            "UNION ALL SELECT 'i', tablename, indexname, indexdef, '' FROM pg_indexes "
            "WHERE schemaname = 'public' "
            "UNION ALL SELECT 'k', conrelid::regclass::text, conname, "
            "pg_get_constraintdef(oid), '' FROM pg_constraint WHERE connamespace = "
            "'public'::regnamespace UNION ALL SELECT 'm', app, name, '', '' "
            "FROM django_migrations ORDER BY 1, 2, 3, 4, 5"
        ).fetchall()
