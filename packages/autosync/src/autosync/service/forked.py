"""A child that begins as a fork of its supervisor: what was imported there is there already.

Only while the supervisor is one thread: a fork has none of the others, and would wait for ever for
a lock that one of them held. Only on Linux: macOS's own libraries do not survive a fork.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

_NO_ENVIRONMENT = "SPT_NOENV"


class Forked:
    """What a supervisor needs of `subprocess.Popen`, for a process that ran no program."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, or minus the signal's number; None while it runs."""
        if self.returncode is None:
            self._reap(os.WNOHANG)
        return self.returncode

    def wait(self) -> int:
        while self.returncode is None:
            self._reap(0)
        return self.returncode

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:  # else the number may be another process's by now
            os.kill(self.pid, number)

    def _reap(self, options: int) -> None:
        pid, status = os.waitpid(self.pid, options)
        if pid:
            self.returncode = os.waitstatus_to_exitcode(status)


def is_possible() -> bool:
    """Whether this process may fork now."""
    return sys.platform == "linux" and threading.active_count() == 1


def fork(work: Callable[[], object], title: str) -> Forked:
    """Do `work` in a fork of this process, which leads a session of its own and ends with it.

    Signals are there as in a program that was just started, and `ps` shows `title`.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by whoever started us
            with suppress(OSError):
                stream.flush()
    # One that arrives between fork and `_as_new` must not end in the supervisor's own handler.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _be(work, title, blocked)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return Forked(pid)


def _be(work: Callable[[], object], title: str, blocked: set[int | signal.Signals]) -> NoReturn:
    # Nothing may get past this function: above it is the supervisor, which stops its children.
    try:
        _as_new(blocked)
        _be_called(title)
        work()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


def _as_new(blocked: set[int | signal.Signals]) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    if nothing != 0:  # it is where the input was closed
        os.dup2(nothing, 0)
        os.close(nothing)
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):  # what is ignored stays so, as after exec
            first = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, first)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _be_called(title: str) -> None:
    # Without it the title would take the place of the environment in /proc, where people look.
    os.environ[_NO_ENVIRONMENT] = "1"
    from setproctitle import setproctitle  # noqa: PLC0415 (Linux only)

    setproctitle(title)
    del os.environ[_NO_ENVIRONMENT]
