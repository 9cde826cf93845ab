"""Start children, restart those that crash, stop all in order."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

logger = logging.getLogger(__name__)

_STOP_SECONDS = 12.0
_RESTART_FIRST_SECONDS = 0.5
_RESTART_MOST_SECONDS = 30.0
# A child that ran this long was well; its next crash starts the backoff anew.
_WELL_SECONDS = 60.0


@dataclass
class Child:
    """One child process: a name for the log, its command, what its environment adds."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    delay: float = _RESTART_FIRST_SECONDS
    restart_at: float = 0.0


def python(*arguments: str) -> list[str]:
    """This interpreter with `arguments`."""
    return [sys.executable, *arguments]


class Supervisor:
    """Runs its children until a signal or `stop`; a crashed one comes back with backoff.

    Children have sessions of their own, so that Ctrl-C reaches only the supervisor, which stops
    them in reverse order. They watch their parent (`service.lifeline`): `kill -9` of the
    supervisor leaves none behind.
    """

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._stopping = False

    def start(self, child: Child) -> None:
        """Start `child` now and keep it running."""
        self._children.append(child)
        self._spawn(child)

    def run(self, meanwhile: Callable[[], None] = lambda: None) -> int:
        """Watch until SIGINT or SIGTERM; calls `meanwhile` once the signals are in place."""
        previous = {s: signal.signal(s, self._on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            meanwhile()
            while not self._stopping:
                self._look()
                time.sleep(0.2)
        finally:
            self.stop()
            for number, handler in previous.items():
                signal.signal(number, handler)
        return 0

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Poll `ready` while keeping the children alive; False after `seconds` or a stop."""
        until = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < until:
            if ready():
                return True
            self._look()
            time.sleep(0.1)
        return False

    def stop(self) -> None:
        """SIGTERM, last started first; SIGKILL for what does not end in time."""
        self._stopping = True
        for child in reversed(self._children):
            process = child.process
            if process is None or process.poll() is not None:
                continue
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                logger.warning("%s did not stop in time and was killed", child.name)
                process.kill()
                process.wait()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _spawn(self, child: Child) -> None:
        child.started = time.monotonic()
        child.process = subprocess.Popen(
            child.command,
            env={**os.environ, **child.environment, "AUTOSYNC_PARENT": str(os.getpid())},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _look(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.restart_at:
                    self._spawn(child)
                continue
            code = child.process.poll()
            if code is None:
                continue
            if now - child.started > _WELL_SECONDS:
                child.delay = _RESTART_FIRST_SECONDS
            logger.error(
                "%s ended with code %s; starting it again in %.1f s", child.name, code, child.delay
            )
            child.process, child.restart_at = None, now + child.delay
            child.delay = min(child.delay * 2, _RESTART_MOST_SECONDS)
