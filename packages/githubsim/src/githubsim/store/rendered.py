"""Rows as they were sent, kept until something changes: lists ask for the same rows often."""

from __future__ import annotations

import re
import threading
from collections.abc import Hashable
from functools import lru_cache
from typing import NamedTuple

# Of answers; with more rows than fit, those kept longest go first.
_MOST_BYTES = 256 * 1024 * 1024
# What is written without a change of anything that a list shows.
_PASSING = frozenset({"tokens", "deliveries", "sequences"})
_WRITTEN = re.compile(r"\s*(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|UPDATE|DELETE\s+FROM)\s+(\w+)", re.I)


def shows(table: str) -> bool:
    """Whether what is in this table may be part of a list's rows."""
    return table not in _PASSING


@lru_cache(maxsize=1024)
def changes(sql: str) -> bool:
    """Whether a statement may change the rows of a list."""
    found = _WRITTEN.match(sql)
    return found is None or shows(found.group(1).lower())


class Kept(NamedTuple):
    """A row as it was sent, and how many nodes it is with those inside it."""

    content: bytes
    nodes: int = 1


class Rendered:
    """Rows by key, all of one version of the world; `version` grows with each change."""

    def __init__(self) -> None:
        self.version = 0
        self._lock = threading.Lock()
        self._kept: dict[Hashable, Kept] = {}
        self._size = 0

    def get(self, key: Hashable) -> Kept | None:
        """What is kept under a key."""
        return self._kept.get(key)

    def put(self, key: Hashable, row: Kept, version: int) -> None:
        """Keep what was rendered of this version, unless there is a newer one by now."""
        with self._lock:
            size = len(row.content)
            if version != self.version or key in self._kept or size > _MOST_BYTES:
                return
            while self._size + size > _MOST_BYTES:
                self._size -= len(self._kept.pop(next(iter(self._kept))).content)
            self._kept[key] = row
            self._size += size

    def outdate(self) -> None:
        """Something changed."""
        with self._lock:
            self.version += 1
            self._kept.clear()
            self._size = 0
