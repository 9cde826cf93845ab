"""A service whose worker is a process of the test's own, to be killed at named points."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path
from typing import Any, Self

import procrastinate
import psycopg

from autosync import killpoints
from githubsim.testing import Sim
from tests.chaos.reader import LISTED, Difference, differences
from tests.commands import shared
from tests.service import SECRET, Service, delivery_log, free_port, hook_url
from tests.waiting import PATIENCE, Told, eventually

# The schedule must not come to the help of what is tested; gone is purged when a test says so.
SETTINGS = {
    "AUTOSYNC_SYNC_INTERVAL": "59", "AUTOSYNC_SKIP_RECENT": "0", "AUTOSYNC_PURGE_AFTER": "0",
}  # fmt: skip
WORLD = {"repositories": 2, "commits": 40, "issues": 16, "pulls": 4}

AT_WORK = "status IN ('todo', 'doing') AND task_name !~ 'sweep|recover'"
# What is not at rest; each query counts.
UNREST = {
    "deliveries wait": "SELECT count(*) FROM inbox WHERE status = 'pending'",
    "sync jobs are open": "SELECT count(*) FROM sync_jobs WHERE status IN ('pending', 'running')",
    "tasks wait": f"SELECT count(*) FROM procrastinate_jobs WHERE {AT_WORK}",
    "commits lack details": "SELECT count(*) FROM commits WHERE detailed_at IS NULL AND "
    "repository_id IN (SELECT github_id FROM repositories WHERE removed_at IS NULL)",
    # What was asked for is asked for once more later, when no answer lags; none does here.
    "issues wait to be asked for": "SELECT count(*) FROM issues WHERE dirty_at > observed_at",
    "repositories are not imported": "SELECT count(*) FROM repositories "
    "WHERE imported_at IS NULL AND removed_at IS NULL AND deleted_at IS NULL",
    "audits are open": "SELECT count(*) FROM audits WHERE finished_at IS NULL",
    "contributors are not counted": "SELECT count(*) FROM repositories r WHERE removed_at IS NULL "
    "AND (SELECT count(*) FROM commits c WHERE c.repository_id = r.github_id AND on_default_branch "
    "AND c.deleted_at IS NULL) <> (SELECT coalesce(sum(contributions), 0) FROM contributors p "
    "WHERE p.repository_id = r.github_id)",
}
DOUBLED = (
    "SELECT kind, action, repository_id, object_key FROM feed WHERE object_key <> '' AND "
    "(kind, action) IN (('issue', 'opened'), ('pull_request', 'opened'), ('commit', 'pushed')) "
    "GROUP BY 1, 2, 3, 4 HAVING count(*) > 1"
)


class Worker:
    """`python -m autosync.service.worker`, without a supervisor."""

    def __init__(self, service: Service, log: Path) -> None:
        with log.open("ab") as file:
            self.process = shared().start(
                "autosync.service.worker", [], log.parent, service.environment, file, file
            )

    def kill(self) -> None:
        """kill -9; also what it was running."""
        self.process.kill()
        self.process.wait()


class Stage:
    """A small GitHub, a service without a worker, and the test's own worker beside it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="autosync-kill-"))
        self.armed = self.folder / "kill-point"
        self.log = self.folder / "worker.log"
        port = free_port()
        self.sim = Sim(**WORLD, webhook_url=hook_url(port), webhook_secret=SECRET, install=False)  # type: ignore[arg-type]
        self.service: Service
        self._port = port
        self.worker: Worker | None = None

    def __enter__(self) -> Self:
        self.sim.start()
        settings = SETTINGS | {killpoints.VARIABLE: str(self.armed)}
        self.service = Service(self.sim, self._port, "--no-worker", **settings)
        try:
            self.service.start()
            self.start_worker()
            self.sim.control("install")
            self.settled()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_worker()
        self.service.__exit__()
        self.sim.stop()
        for path in sorted(self.folder.iterdir()):
            path.unlink()
        self.folder.rmdir()

    def start_worker(self) -> None:
        """A worker that finds those before it dead: their last beat is made an hour old."""
        self.service.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"
        )
        self.worker = Worker(self.service, self.log)

    def stop_worker(self) -> None:
        if self.worker is not None:
            self.worker.kill()
        self.worker = None

    def arm(self, point: str, times: int = 1, number: str = "") -> None:
        """Have the process that reaches `point` the `times`-th time send itself SIGKILL."""
        assert point in killpoints.POINTS
        fresh = self.armed.with_suffix(".new")
        fresh.write_text(f"{point}\n{times}\n{number}")
        fresh.replace(self.armed)

    def reached(self) -> None:
        told = Told(lambda: f"{self.armed_at()} reached; {self.state()}; {self.said()}")
        eventually(lambda: not self.armed.exists(), told)

    def armed_at(self) -> str:
        return self.armed.read_text().split("\n")[0] if self.armed.exists() else "the point"

    def worker_died(self) -> None:
        """Wait until the worker got to the point and was killed there."""
        self.reached()
        assert self.worker is not None
        assert self.worker.process.wait(PATIENCE) == -signal.SIGKILL
        self.worker = None

    def ended(self) -> bool:
        """Whether the worker is gone, for whatever reason."""
        return self.worker is None or self.worker.process.poll() is not None

    def answers(self) -> bool:
        """Whether the database does."""
        try:
            return self.service.query("SELECT 1") == [[1]]
        except psycopg.OperationalError:
            return False

    def defer(self, task: str, queue: str = "live", **arguments: Any) -> None:
        """Hand a task to the workers, as the schedule would."""
        connector = procrastinate.SyncPsycopgConnector(conninfo=self.service.conninfo())
        with procrastinate.App(connector=connector).open() as app:
            app.configure_task(f"autosync.sync.tasks.{task}", queue=queue).defer(**arguments)

    def at_rest(self) -> None:
        """Wait until nothing is under way."""
        self.sim.control("webhooks/wait", {"timeout": 30})
        told = Told(lambda: f"{self.state()}; {self.said()}")
        eventually(lambda: not self.unrest(), told)

    def settled(self) -> None:
        """Wait until nothing is under way and the mirror equals GitHub, and look for doubles."""
        self.at_rest()
        eventually(
            lambda: not self.differences(),
            Told(lambda: f"{self.differences()}; {self.said()}"),
        )
        assert self.service.query(DOUBLED) == []

    def differences(self) -> list[Difference]:
        """What the judge finds, but for what only the schedule reads, which is off here."""
        return differences(self.sim, self.service.query, but=LISTED)

    def unrest(self) -> dict[str, int]:
        sql = ", ".join(f"({query})" for query in UNREST.values())
        counts = self.service.query(f"SELECT {sql}")[0]
        return {name: n for name, n in zip(UNREST, counts, strict=True) if n}

    def tasks(self) -> list[list[Any]]:
        """The tasks that wait or run: what, in which state, how often tried, in how long."""
        return self.service.query(
            "SELECT task_name, args::text, status::text, attempts, scheduled_at - now(), worker_id "
            f"FROM procrastinate_jobs WHERE {AT_WORK}"
        )

    def failed(self) -> list[list[Any]]:
        """The sync jobs that recorded an error, and the words of it."""
        return self.service.query(
            "SELECT id, job_type, error_message FROM sync_jobs WHERE error_message <> ''"
        )

    def state(self) -> str:
        """What is not at rest, and how the last deliveries fared at both ends."""
        last = "SELECT guid, event, action, status, error FROM inbox ORDER BY id DESC LIMIT 3"
        sent = [
            [one[key] for key in ("guid", "event", "action", "status", "delivered_at")]
            for one in delivery_log(self.sim)[:3]
        ]
        return (
            f"{self.unrest()}; {self.tasks()}; {self.failed()}; "
            f"received {self.service.query(last)}; sent {sent}"
        )

    def said(self) -> str:
        log = self.log.read_text(errors="replace")[-1500:] if self.log.exists() else ""
        return f"the worker: {log}\nthe service: {self.service.said()[-1500:]}"
