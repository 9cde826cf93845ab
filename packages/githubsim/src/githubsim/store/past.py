"""The database as it was some seconds ago: what a replica that lags would answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Between two moments kept, as a part of the lag: more would only cost open files.
_GRAIN = 20


@dataclass(frozen=True, slots=True)
class _Moment:
    """A connection held in a read transaction, and when the last change that it sees was made."""

    seen: float
    taken: float
    reader: sqlite3.Connection


class Past:
    """Moments of a database file in WAL mode, `pace` apart.

    All calls are made under the database's lock.
    """

    def __init__(self, path: Path | None, pace: Callable[[], float]) -> None:
        self._path = path
        self._pace = pace
        self.seconds = 0.0
        self._moments: list[_Moment] = []
        self._written = 0.0

    def lag(self, seconds: float) -> None:
        """How far behind from now on; 0 for not at all."""
        self.seconds = seconds if self._path is not None else 0.0
        self._moments.clear()
        self._written = 0.0

    def before_writing(self) -> None:
        """Keep the moment before a change, unless one was kept just now."""
        if not self.seconds:
            return
        now = self._pace()
        if not self._moments or now - self._moments[-1].taken >= self.seconds / _GRAIN:
            reader = sqlite3.connect(str(self._path), check_same_thread=False, isolation_level=None)
            reader.execute("BEGIN")
            # The first read decides what the transaction sees.
            reader.execute("SELECT count(*) FROM apps").fetchone()
            self._moments.append(_Moment(self._written, now, reader))
        self._written = now
        self._forget(now)

    def reader(self) -> sqlite3.Connection | None:
        """The latest moment that is old enough; None where the present is."""
        if not self.seconds:
            return None
        now = self._pace()
        if self._written <= now - self.seconds:
            self._moments.clear()
            return None
        self._forget(now)
        return self._moments[0].reader

    def _forget(self, now: float) -> None:
        """Drop the moments before the one that a reader would get; in use, they live on."""
        old = [one for one in self._moments if one.seen <= now - self.seconds]
        if len(old) > 1:
            del self._moments[: len(old) - 1]
