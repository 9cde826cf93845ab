"""AutoSync as users run it: `autosync serve` as a process, against a simulated GitHub."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

from githubsim.testing import Sim
from tests import template
from tests.commands import shared
from tests.waiting import Told, eventually

ROOT = Path(__file__).resolve().parents[3]
SECRET = "the hook's secret"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """One AutoSync with its own data folder, embedded PostgreSQL and port."""

    def __init__(self, sim: Sim, port: int, *arguments: str, **environment: str) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._arguments = arguments
        self._folder = Path(tempfile.mkdtemp(prefix="autosync-service-"))
        self.log = self._folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._token = ""
        self.environment = {
            # Nor pytest's choice of Django's settings: each process has its own.
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("GITHUB_", "AUTOSYNC_", "DJANGO_"))
            },
            "DATABASE_URL": "",
            "AUTOSYNC_DATA_DIR": str(self._folder / "data"),
            "AUTOSYNC_PORT": str(port),
            "AUTOSYNC_DASHBOARD_PUBLIC": "1",
            "GITHUB_API_URL": sim.url,
            "GITHUB_APP_ID": str(sim.app.id),
            "GITHUB_APP_CLIENT_ID": sim.app.client_id,
            "GITHUB_APP_CLIENT_SECRET": sim.app.client_secret,
            "GITHUB_APP_PRIVATE_KEY": sim.app.pem,
            "GITHUB_WEBHOOK_URL": hook_url(port),
            "GITHUB_WEBHOOK_SECRET": SECRET,
            **environment,
        }

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        """Start it, on a migrated database at first, and wait until it answers."""
        data = Path(self.environment["AUTOSYNC_DATA_DIR"])
        # Storms and benchmarks, which are no test run, make their own.
        if template.VARIABLE in os.environ and not data.exists():
            template.copy_to(data)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "autosync", "serve", *self._arguments],
                env=self.environment,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        # On a machine with much else to do its imports alone take a while.
        up = Told(lambda: f"autosync serve is up; it said: {self.said()}")
        eventually(self._answers, up, 180)
        return self

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`python manage.py …` or `autosync …` (first word) with this service's settings."""
        program, *rest = arguments
        said = shared()(program, rest, self._folder, self.environment)
        done = subprocess.CompletedProcess(arguments, said.code, said.out, said.err)
        if check:
            assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done

    def get(self, path: str) -> Any:
        """A GET of the API with a read token; the decoded JSON."""
        return self._call("GET", path)

    def post(self, path: str) -> Any:
        return self._call("POST", path)

    def counts(self) -> dict[str, dict[str, int]]:
        """Rows per repository that is shown, and table."""
        rows = self.query(
            f"SELECT full_name, {', '.join(_COUNTS.values())} FROM repositories r "
            "WHERE deleted_at IS NULL AND removed_at IS NULL AND installation_id IN "
            "(SELECT github_id FROM installations WHERE deleted_at IS NULL)"
        )
        return {name: dict(zip(_COUNTS, counts, strict=True)) for name, *counts in rows}

    @property
    def database(self) -> Path:
        """The folder of its embedded PostgreSQL."""
        return Path(self.environment["AUTOSYNC_DATA_DIR"]) / "postgres"

    def conninfo(self) -> str:
        """Where the service's own database is, for psycopg."""
        if self.environment["DATABASE_URL"]:
            return self.environment.get("DATABASE_DIRECT_URL") or self.environment["DATABASE_URL"]
        from autosync import postgres

        return postgres.ensure_running(self.database)

    def query(self, sql: str) -> list[list[Any]]:
        """Rows of a query on the service's own database."""
        import psycopg

        with psycopg.connect(self.conninfo()) as connection:
            return [list(row) for row in connection.execute(sql).fetchall()]  # type: ignore[call-overload]

    def execute(self, sql: str) -> None:
        """A statement on the service's own database."""
        import psycopg

        with psycopg.connect(self.conninfo()) as connection:
            connection.execute(sql)  # type: ignore[call-overload]

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def kill(self) -> None:
        """kill -9 of the supervisor and of every process below it, all at once."""
        assert self._process is not None
        for pid in [self._process.pid, *descendants(self._process.pid)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._process.wait()
        self._process = None

    def stop(self, number: int = signal.SIGTERM) -> list[int]:
        """End it as a user would; the processes that are still there afterwards."""
        if self._process is None:
            return []
        pids = descendants(self._process.pid)
        self._process.send_signal(number)
        self._process.wait(30)
        self._process = None
        return [pid for pid in pids if _alive(pid)]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.stop()
        from autosync import postgres

        postgres.release(self.database)
        keeper = self.database / "data" / "postmaster.pid"
        eventually(lambda: not keeper.exists(), "the embedded server stops with its last user")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _call(self, method: str, path: str) -> Any:
        if not self._token:
            made = self.run(
                "autosync", "token", "create", "t", "--scope", "read", "--scope", "sync"
            )
            self._token = made.stdout.strip()
        request = urllib.request.Request(
            self.url + path, method=method, headers={"Authorization": f"Bearer {self._token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            return {"status_code": error.code, **json.loads(error.read())}

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"it ended: {self.said()}"
        try:
            urllib.request.urlopen(f"{self.url}/api/sync/health/", timeout=2).read()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True


def imported(service: Service) -> bool:
    """Whether every repository the installation shows is whole."""
    import psycopg

    sql = "SELECT count(*), count(imported_at) FROM repositories WHERE removed_at IS NULL"
    try:
        total, done = service.query(sql)[0]
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return False  # the receiver answers before the database is migrated
    return bool(total) and total == done


def delivery_log(sim: Sim) -> list[dict[str, Any]]:
    """GitHub's own log of deliveries, the newest first."""
    from autosync.github import AppClient, AppCredentials, LocalBudget

    app = AppCredentials(sim.app.id, private_key=sim.private_key, api_url=sim.url)
    return [item for page in AppClient(app, LocalBudget()).deliveries() for item in page.items]


def acknowledged_by_us(sim: Sim) -> set[str]:
    """GUIDs that GitHub's own log of deliveries says were answered 2xx."""
    return {one["guid"] for one in delivery_log(sim) if 200 <= one["status_code"] < 300}


def hook_url(port: int) -> str:
    return f"http://127.0.0.1:{port}/api/github/webhook/"


def _count(table: str, condition: str = "deleted_at IS NULL") -> str:
    return f"(SELECT count(*) FROM {table} WHERE repository_id = r.github_id AND {condition})"


_COUNTS = {
    "commits": _count("commits"),
    "issues": _count("issues"),
    "pulls": _count("pull_requests"),
    "refs": _count("refs"),
    "default": _count("commits", "on_default_branch"),
    "undetailed": _count("commits", "detailed_at IS NULL"),
    "contributors": _count("contributors", "true"),
}


def truth(sim: Sim) -> dict[str, dict[str, int]]:
    """The same counts as `Service.counts`, as git and githubsim have them."""
    return {
        r["full_name"]: {
            "commits": r["commits"],
            "issues": r["issues"]["total"],
            "pulls": r["pulls"]["total"],
            "refs": len(r["refs"]),
            "default": r["commits_on_default"],
        }
        for r in sim.truth()["repositories"]
    }


def differences(service: Service, sim: Sim) -> dict[str, tuple[Any, Any]]:
    """Repositories whose counts differ: name → (GitHub's, ours)."""
    there, here = truth(sim), service.counts()
    return {
        name: (there.get(name), here.get(name))
        for name in there.keys() | here.keys()
        if (mine := here.get(name)) is None
        or there.get(name) is None
        or any(mine[key] != value for key, value in there[name].items())
    }


def make_audits_due(service: Service) -> None:
    """As if the minute were over in which webhooks may be on their way."""
    service.execute(
        "UPDATE repositories SET audit_due_at = now() - interval '1 second' "
        "WHERE audit_due_at IS NOT NULL"
    )
    for table in ("issues", "pull_requests"):
        service.execute(f"UPDATE {table} SET observed_at = observed_at - interval '5 minutes'")


def let_audits_be(service: Service) -> None:
    """Have those that are due now: in a minute they would come into what a test does then."""
    make_audits_due(service)
    to_come = (
        "SELECT (SELECT count(*) FROM repositories WHERE audit_due_at IS NOT NULL)"
        " + (SELECT count(*) FROM audits WHERE finished_at IS NULL)"
    )
    eventually(lambda: service.query(to_come) == [[0]], "the audits have been")


def descendants(pid: int) -> list[int]:
    """Processes below `pid`, from /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    queue = [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
