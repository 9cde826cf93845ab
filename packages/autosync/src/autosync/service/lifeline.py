"""What holds a child process to its supervisor: neither outlives the other unnoticed.

The supervisor keeps one end of a socket pair, the child finds the number of its end in
AUTOSYNC_LIFELINE. The kernel closes the supervisor's end however it dies, `kill -9` included; the
child then ends as SIGTERM would have it. The same line tells the supervisor that a child is ready,
and every second that it still does its work (`beat`): one that hangs is replaced.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

VARIABLE = "AUTOSYNC_LIFELINE"
READY = b"r"
BEAT = b"."
BEAT_SECONDS = 1.0  # between two beats
_GRACE = 10.0  # seconds a child without a supervisor has for an orderly end

_line: socket.socket | None = None


def hold() -> None:
    """In a child: end when the supervisor is gone. Does nothing in a process started by hand."""
    global _line
    number = os.environ.pop(VARIABLE, "")
    if not number:
        return
    _line = socket.socket(fileno=int(number))
    _line.set_inheritable(False)
    threading.Thread(target=_watch, args=(_line,), name="lifeline", daemon=True).start()


def ready() -> None:
    """In a child: tell the supervisor that the work has begun."""
    if _line is not None:
        try:
            _line.sendall(READY)
        except OSError:
            pass  # it is gone, and the watching thread knows


def beat() -> None:
    """In a child, from the loop that does the work: tell the supervisor that it goes round."""
    if _line is not None:
        try:
            # A supervisor that is stopped reads nothing, and must not stop its children with it.
            _line.send(BEAT, socket.MSG_DONTWAIT)
        except OSError:
            pass


async def keep_beating() -> None:
    """Beat for as long as the running event loop goes round."""
    import asyncio  # noqa: PLC0415 (start-up time: every command imports this module)

    while True:
        beat()
        await asyncio.sleep(BEAT_SECONDS)


def _watch(line: socket.socket) -> None:
    try:
        while line.recv(64):
            pass
    except OSError:
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE)
    if os.getpgrp() == os.getpid():  # what we have started goes with us
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
