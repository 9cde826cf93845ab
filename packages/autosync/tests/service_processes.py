"""Run AutoSync's real processes for a test: own data folder, own port, and nothing left behind."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests import template
from tests.service import ROOT, free_port
from tests.waiting import eventually

SECRET = "the webhook's secret"
OLD_SECRET = "the-secret-before"
WEBHOOK = "/api/github/webhook/"


def environment(folder: Path, **changes: str) -> dict[str, str]:
    """A complete set of settings for a service that lives in `folder`; "" removes one."""
    key = folder / "key.pem"
    if not key.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        key.write_bytes(
            made.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        )
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AUTOSYNC_", "GITHUB_", "DATABASE_URL", "DJANGO_"))
        or name == "AUTOSYNC_POSTGRES_USER"
    }
    settings = {
        "AUTOSYNC_DATA_DIR": str(folder / "data"),
        "AUTOSYNC_PORT": str(free_port()),
        "GITHUB_APP_ID": "1",
        "GITHUB_APP_PRIVATE_KEY": str(key),
        "GITHUB_WEBHOOK_SECRET": SECRET,
        "GITHUB_WEBHOOK_SECRET_PREVIOUS": OLD_SECRET,
        "GITHUB_API_URL": "http://127.0.0.1:9",
        "PYTHONUNBUFFERED": "1",
    }
    return inherited | {name: value for name, value in (settings | changes).items() if value}


def processes_of(folder: Path) -> dict[int, str]:
    """Every running process (zombies excluded) that has to do with `folder`."""
    found = {}
    needle = os.fsencode(folder)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            if command and needle in command + (entry / "environ").read_bytes():
                found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return found


class Service:
    """A running `autosync serve` (or another command of it) and its output."""

    def __init__(self, folder: Path, *command: str, **changes: str) -> None:
        self.folder = folder
        self.environment = environment(folder, **changes)
        self.port = int(self.environment["AUTOSYNC_PORT"])
        self.command = [sys.executable, "-c", "from autosync.cli import main; main()"]
        if command and command[0] == "manage.py":
            self.command = [sys.executable, str(ROOT / "manage.py")]
            command = command[1:]
        self.command += command or ("serve", "--no-worker")
        self.lines: list[str] = []
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder,  # no .env there
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def wait_ready(self) -> Service:
        def ready() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}:\n{self.output}")
            return "AutoSync is ready" in self.output

        try:
            eventually(ready, "the ready line")
        except AssertionError:
            raise AssertionError(f"not ready:\n{self.output}") from None
        return self

    def ended(self, seconds: float = 60) -> int:
        """The exit code, once it has ended, with all its output read."""
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code

    def interrupt(self) -> int:
        """Ctrl-C, as a terminal sends it to the foreground process group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.ended()

    def pid_of(self, module: str) -> int:
        """The process id of the child that runs `module`, 0 if there is none now."""
        for pid, command in processes_of(self.folder).items():
            if command.rstrip().endswith(module):
                return pid
        return 0

    def deliver(
        self, body: bytes = b'{"zen": "Speak like a human."}', **options: Any
    ) -> tuple[int, dict[str, Any]]:
        """POST one delivery on a connection of its own; its status and decoded answer."""
        return deliver(self.port, body, **options)

    @property
    def database(self) -> Path:
        """The folder of its embedded PostgreSQL."""
        return Path(self.environment["AUTOSYNC_DATA_DIR"]) / "postgres"

    def stored(self, query: str = "SELECT * FROM inbox ORDER BY id", *values: Any) -> list[Any]:
        """Rows of the service's embedded database, as dictionaries."""
        from autosync.postgres import ensure_running

        conninfo = ensure_running(self.database)
        with psycopg.connect(conninfo, row_factory=psycopg.rows.dict_row) as connection:
            return connection.execute(query, values).fetchall()

    def kill_everything(self) -> None:
        """End whatever is left; only processes that carry this test's folder."""
        from autosync import postgres

        postgres.release(self.database)
        for _ in range(200):
            left = processes_of(self.folder)
            if not left:
                return
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)


@contextmanager
def running(folder: Path, *command: str, **changes: str) -> Iterator[Service]:
    """A ready service, gone without trace at the end; it begins with a migrated database."""
    data = folder / "data"
    if command[:1] in ((), ("serve",)) and not data.exists():
        template.copy_to(data)
    service = Service(folder, *command, **changes)
    try:
        yield service.wait_ready()
    finally:
        service.kill_everything()


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def deliver(
    port: int,
    body: bytes,
    *,
    guid: str | None = None,
    event: str = "ping",
    secret: str = SECRET,
    path: str = WEBHOOK,
    method: str = "POST",
    headers: dict[str, str | None] | None = None,
    timeout: float = 30,
) -> tuple[int, dict[str, Any]]:
    """One request as GitHub makes it; a header that is None is left out."""
    wanted: dict[str, str | None] = {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/test",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": guid or str(uuid.uuid4()),
        "X-GitHub-Hook-ID": "4711",
        "X-Hub-Signature-256": sign(body, secret),
    }
    wanted |= headers or {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(
            method, path, body, {name: value for name, value in wanted.items() if value is not None}
        )
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()
