"""A child that ends when its parent is gone, by whatever signal the parent went."""

from __future__ import annotations

import os
import signal
import threading
import time

_LOOK_EVERY_SECONDS = 0.3
_GRACE_SECONDS = 8.0


def hold(parent: int | None = None) -> None:
    """Watch the parent from a thread; when it is gone, stop this process as SIGTERM would.

    `kill -9` of the supervisor tells its children nothing, and PR_SET_PDEATHSIG is Linux only.
    """
    expected = parent if parent is not None else os.getppid()
    threading.Thread(target=_watch, args=(expected,), name="lifeline", daemon=True).start()


def _watch(expected: int) -> None:
    while os.getppid() == expected:
        time.sleep(_LOOK_EVERY_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)
