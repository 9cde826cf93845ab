"""Commands as they are typed: `autosync …` and `manage.py …`, each with settings of its own."""

from __future__ import annotations

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
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.service import ROOT

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
    script = [str(ROOT / "manage.py")] if program == "manage.py" else ["-m", "autosync"]
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
        request = {
            "arguments": python(command, arguments),
            "folder": str(folder),
            "environment": environment,
        }
        message = json.dumps(request).encode()
        with (
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            open(os.devnull) as nothing,  # noqa: PTH123
            socket.socket(socket.AF_UNIX) as client,
        ):
            client.connect(self._address)
            client.sendall(len(message).to_bytes(4))
            fds = [nothing.fileno(), out.fileno(), err.fileno()]
            sent = socket.send_fds(client, [message], fds)
            client.sendall(message[sent:])
            with client.makefile() as told:
                pid = int(told.readline())
                ended = _readable(client, 0)
                began = time.monotonic()
                while not ended and time.monotonic() < began + _PATIENCE:
                    ended = _readable(client, 0.05 if until else _PATIENCE)
                    if until and until in _read(out) + _read(err):
                        os.kill(pid, signal.SIGTERM)
                        until = ""
                assert ended, f"{command} has not ended: {(_read(out) + _read(err))[-1500:]}"
                return Said(command, int(told.readline()), _read(out), _read(err))

    @property
    def _address(self) -> str:
        return str(self._folder / "socket")


def _readable(client: socket.socket, seconds: float) -> bool:
    return bool(select.select([client], [], [], seconds)[0])


def _read(file: IO[bytes]) -> str:
    # By a descriptor of its own: the offset of this one is the writer's too.
    with open(f"/proc/self/fd/{file.fileno()}", "rb") as again:  # noqa: PTH123
        return again.read().decode(errors="replace")
