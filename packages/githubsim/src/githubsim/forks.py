"""Simulated GitHubs as forks of one process that has imported the program.

For test suites that start many: a start costs 0.3 seconds of a core instead of 1.3.
"""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import IO


class Fork:
    """`githubsim ARGUMENTS` in a fork: what `Sim` needs of `subprocess.Popen`."""

    def __init__(self, arguments: Sequence[str], errors: IO[str]) -> None:
        reading, out = _warm().Pipe(duplex=False)
        err = Connection(os.dup(errors.fileno()), readable=False)
        # Should it be forgotten, it ends with this process.
        self._process = _warm().Process(
            target=_be, args=(list(arguments), dict(os.environ), out, err), daemon=True
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        out.close()
        err.close()
        self.stdout: IO[str] | None = open(os.dup(reading.fileno()))  # noqa: SIM115, PTH123
        reading.close()

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; subprocess.TimeoutExpired if it has not ended by then."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("githubsim", timeout or 0)
        return self._process.exitcode

    def terminate(self) -> None:
        """SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()


@cache
def _warm() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["githubsim.warm"])
    return context


def _be(
    arguments: list[str],
    environment: dict[str, str],
    out: "Connection[object, object]",
    err: "Connection[object, object]",
) -> None:
    """Be the program: its output, its exit code, and its signals."""
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    out.close()
    err.close()
    sys.argv = ["githubsim", *arguments]
    from githubsim.cli import main  # noqa: PLC0415 (whoever forks has no use for it)

    main()
