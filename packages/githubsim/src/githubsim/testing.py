"""A simulated GitHub for tests, demos and benchmarks: `with Sim() as github: …`.

It is the real program in a process of its own, on a free port, in a temporary folder.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, ClassVar, Self

from githubsim.app import AppFile, read_app
from githubsim.forks import Fork

_START_TIMEOUT = 120.0
_STOP_TIMEOUT = 15.0


class SimError(RuntimeError):
    """githubsim did not start, or refused a control call; its own words are in the message."""


class Sim:
    """`githubsim serve` as a process.

    `data` keeps the world there (else a temporary folder, removed at the end). Keywords become
    options: `Sim(repositories=3, webhook_url=url, install=False, people=30, import_git=[path])`.
    A large world takes longer to build than `start_timeout` seconds: say so.
    """

    # Whether each is a fork of one process that has imported the program; see `share_imports`.
    forked: ClassVar[bool] = False

    def __init__(
        self,
        *,
        data: Path | None = None,
        port: int = 0,
        start_timeout: float = _START_TIMEOUT,
        **options: Any,
    ) -> None:
        self._start_timeout = start_timeout
        self._own = data is None
        self.data = data or Path(tempfile.mkdtemp(prefix="githubsim-"))
        self.port = port
        self.options = options
        self.url = ""
        self.ready: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | Fork | None = None
        self._errors: IO[str] | None = None

    def start(self) -> Self:
        """Start it and wait until it listens. SimError with its output if it does not."""
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = self._begin(self._errors)
        assert self._process.stdout is not None
        # A world that never gets ready is ended from here, and its pipe then closes.
        alarm = threading.Timer(self._start_timeout, self._process.kill)
        alarm.start()
        line = self._process.stdout.readline()
        alarm.cancel()
        if not line:
            self._process.wait()
            message = self.output()
            self._forget()
            raise SimError(f"githubsim did not start: {message}")
        self.ready = json.loads(line)
        # Not `url`: links may begin with a public address that leads elsewhere.
        self.url = self.ready["address"]
        # The same port after a restart: clients know the address.
        self.port = urllib.parse.urlsplit(self.url).port or self.port
        return self

    @property
    def pid(self) -> int:
        """The process id; 0 when it does not run."""
        return 0 if self._process is None else self._process.pid

    @property
    def app(self) -> AppFile:
        """The App's id, slug, client_id, client_secret, webhook_secret, and the path of its key."""
        return read_app(self.data)

    @property
    def private_key(self) -> str:
        """The App's private key as PEM text."""
        return Path(self.app.pem).read_text()

    def control(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """POST /_sim/`path`; what it answers. SimError if it refuses."""
        return self._ask(path, json.dumps(dict(body or {})).encode())

    def ask(self, path: str, **query: Any) -> Any:
        """GET /_sim/`path`; what it answers."""
        return self._ask(path + (f"?{urllib.parse.urlencode(query)}" if query else ""), None)

    def truth(self, **query: Any) -> dict[str, Any]:
        """What is really there: see githubsim.control.truth."""
        found: dict[str, Any] = self.ask("truth", **query)
        return found

    def requests(self) -> dict[str, Any]:
        """How often each endpoint was called, and the quota used."""
        found: dict[str, Any] = self.ask("requests")
        return found

    def output(self) -> str:
        """What it wrote to stderr so far."""
        if self._errors is None:
            return ""
        self._errors.seek(0)
        return self._errors.read()

    def stop(self) -> int:
        """End it politely (SIGTERM); its exit code. Nothing to do is fine."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            code = self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._forget()
        return code

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._forget()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if self._own:
            shutil.rmtree(self.data, ignore_errors=True)

    def _begin(self, errors: IO[str]) -> "subprocess.Popen[str] | Fork":
        if self.forked:
            return Fork(self._arguments(), errors)
        return subprocess.Popen(
            [sys.executable, "-c", "from githubsim.cli import main; main()", *self._arguments()],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=dict(os.environ),
        )

    def _forget(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
        if self._errors is not None:
            self._errors.close()
        self._process = self._errors = None

    def _arguments(self) -> list[str]:
        found = ["serve", "--data", str(self.data), "--port", str(self.port)]
        for name, value in self.options.items():
            flag = name.replace("_", "-")
            if isinstance(value, bool):
                found.append(f"--{flag}" if value else f"--no-{flag}")
            elif isinstance(value, Sequence) and not isinstance(value, str):
                for one in value:
                    found += [f"--{flag}", str(one)]
            elif value is not None:
                found += [f"--{flag}", str(value)]
        return found

    def _ask(self, path: str, data: bytes | None) -> Any:
        request = urllib.request.Request(f"{self.url}/_sim/{path}", data)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            raise SimError(f"/_sim/{path}: {error.read().decode(errors='replace')}") from error


def share_imports() -> None:
    """From now on start each `Sim` as a fork of one process that has imported the program.

    That saves a second of a core each time; call it where many are started (`conftest.py`).
    """
    Sim.forked = True
