"""The simulator's own clock, in whole seconds as GitHub's, which tests can set and speed up."""

import threading
import time
from datetime import UTC, datetime
from functools import lru_cache


class Clock:
    """Epoch seconds that follow real time from `start` (now, if left out), `speed` times as fast.

    A `stepped` one stands still but for `advance`: what happens at the same steps has the same
    times whenever it is run.
    """

    def __init__(
        self, speed: float = 1.0, start: float | None = None, *, stepped: bool = False
    ) -> None:
        self._lock = threading.Lock()
        self._real = time.time()
        self._base = self._real if start is None else float(start)
        self._began = self._real - time.monotonic()
        self._speed = 0.0 if stepped else speed
        self.stepped = stepped

    def exact(self) -> float:
        """Epoch seconds with fractions."""
        with self._lock:
            return self._base + (time.time() - self._real) * self._speed

    def now(self) -> int:
        """Epoch seconds, cut to whole ones."""
        return int(self.exact())

    def pace(self) -> float:
        """For what lasts so many seconds (delays, outages, lag): real time in epoch seconds, which
        never goes back; of a stepped clock its own.
        """
        return self.exact() if self.stepped else self._began + time.monotonic()

    def advance(self, seconds: float) -> None:
        """Jump ahead (or back)."""
        with self._lock:
            self._base += seconds

    def run_at(self, speed: float) -> None:
        """From now on let `speed` seconds pass in each real one. ValueError if it is stepped."""
        if self.stepped:
            raise ValueError("this clock was started with --stepped: it moves by `advance` only")
        here = self.exact()
        with self._lock:
            self._base, self._real, self._speed = here, time.time(), speed


@lru_cache(maxsize=65_536)
def iso(at: int) -> str:
    """`2026-01-31T12:00:00Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_or_none(at: int | None) -> str | None:
    """The same, with None kept."""
    return None if at is None else iso(at)


def iso_exact(at: float) -> str:
    """`2026-01-31T12:00:00.123Z`, as the delivery log has it."""
    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def epoch(text: str) -> int:
    """Epoch seconds of an ISO 8601 time; without a zone it is UTC. ValueError if it is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())
