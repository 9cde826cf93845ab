"""Commands as they are typed: `autosync …` and `manage.py …`, each with settings of its own."""

from __future__ import annotations

import atexit
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Self

from tests.template import ROOT

_PATIENCE = 300.0  # seconds until a command is taken to hang


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    command: str
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def python(command: str, arguments: list[str]) -> list[str]:
    """What follows the interpreter's name: of `autosync serve` it is `-m autosync serve`."""
    program, *rest = command.split()
    # Else it is `autosync`, or the module of one of its processes.
    script = [str(ROOT / program)] if program.endswith("manage.py") else ["-m", program]
    return [*script, *rest, *arguments]


def bare(**settings: str) -> dict[str, str]:
    """An environment without any setting of AutoSync's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AUTOSYNC_", "GITHUB_", "DATABASE_", "DJANGO_"))
        or name == "AUTOSYNC_POSTGRES_USER"
    }
    return kept | settings


def in_a_process(
    command: str, arguments: list[str], folder: Path, environment: dict[str, str]
) -> Said:
    """Run it as a process of its own, which takes one to three seconds of a core."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        done = subprocess.run(
            [sys.executable, *python(command, arguments)],
            env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            timeout=_PATIENCE, check=False,
        )  # fmt: skip
        return Said(command, done.returncode, _read(out), _read(err))


class Forked:
    """A process that the server forked; whoever forgets it kills it."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._told = client.makefile()
        self.pid = int(self._told.readline())
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, the signal's number below zero; None while it runs."""
        return self.wait(0)

    def wait(self, seconds: float = _PATIENCE) -> int | None:
        """The same, once it has ended; None if it has not within `seconds`."""
        if self._code is None and select.select([self._client], [], [], seconds)[0]:
            self._code = int(self._told.readline())
        return self._code

    def kill(self) -> None:
        """kill -9, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def forget(self) -> None:
        self._told.close()
        self._client.close()


class Commands:
    """Runs commands in forks of a process that has their libraries (see command_server.py)."""

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="commands-"))
        self._server = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("command_server.py"), self._address],
            env=bare(), cwd=self._folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate(timeout=60)
        shutil.rmtree(self._folder)

    def __call__(
        self,
        command: str,
        arguments: list[str],
        folder: Path,
        environment: dict[str, str],
        until: str = "",
    ) -> Said:
        """Run it to its end; AssertionError where it hangs, when it is killed.

        A service is ended as a user would end it, as soon as its output holds `until`.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self.start(command, arguments, folder, environment, out, err)
            try:
                code = process.wait(0.05 if until else _PATIENCE)
                patience = time.monotonic() + _PATIENCE
                while code is None and time.monotonic() < patience:
                    if until and until in _read(out) + _read(err):
                        os.kill(process.pid, signal.SIGTERM)
                        until = ""
                    code = process.wait(0.05 if until else _PATIENCE)
                said = (_read(out) + _read(err))[-1500:]
                assert code is not None, f"{command} has not ended: {said}"
                return Said(command, code, _read(out), _read(err))
            finally:
                process.forget()

    def start(
        self,
        command: str,
        arguments: list[str],
        folder: Path,
        environment: dict[str, str],
        out: IO[bytes],
        err: IO[bytes],
    ) -> Forked:
        """Begin it, and do not wait for its end."""
        request = {
            "arguments": python(command, arguments),
            "folder": str(folder),
            "environment": environment,
        }
        message = json.dumps(request).encode()
        client = socket.socket(socket.AF_UNIX)
        client.connect(self._address)
        client.sendall(len(message).to_bytes(4))
        with open(os.devnull) as nothing:  # noqa: PTH123
            fds = [nothing.fileno(), out.fileno(), err.fileno()]
            sent = socket.send_fds(client, [message], fds)
            client.sendall(message[sent:])
            return Forked(client)

    @property
    def _address(self) -> str:
        return str(self._folder / "socket")


@cache
def shared() -> Commands:
    """One server for all tests of this process, which ends with it."""
    commands = Commands().__enter__()
    atexit.register(end)
    return commands


def end() -> None:
    """End the shared one, if it was needed."""
    if shared.cache_info().currsize:
        shared().__exit__()
        shared.cache_clear()


def _read(file: IO[bytes]) -> str:
    # By a descriptor of its own: the offset of this one is the writer's too.
    with open(f"/proc/self/fd/{file.fileno()}", "rb") as again:  # noqa: PTH123
        return again.read().decode(errors="replace")
