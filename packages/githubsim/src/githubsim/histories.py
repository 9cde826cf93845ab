"""Long histories, remembered as one string of shas each: any page of them at the same price.

`git log --skip=N` walks N commits for every page, so that reading a history of 300,000 commits page
by page walks 400 million. What is reachable from a commit never changes, and 20 bytes remember one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

_SHA = 20
_MOST_BYTES = 64 * 1024 * 1024


class Histories:
    """The shas reachable from a commit in git's order; `walk` lists them all, one a line."""

    def __init__(self, walk: Callable[[int, str], bytes]) -> None:
        self._walk = walk
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[int, str], bytes] = OrderedDict()
        self._bytes = 0

    def page(self, repository_id: int, head: str, skip: int, limit: int) -> list[str]:
        """The shas of one page."""
        key = (repository_id, head)
        with self._lock:
            shas = self._known.get(key)
            if shas is None:
                # Under the lock: readers of the same history would all walk it.
                shas = bytes.fromhex(self._walk(repository_id, head).decode())
                self._keep(key, shas)
            self._known.move_to_end(key)
        part = shas[skip * _SHA : (skip + limit) * _SHA].hex()
        return [part[at : at + 2 * _SHA] for at in range(0, len(part), 2 * _SHA)]

    def _keep(self, key: tuple[int, str], shas: bytes) -> None:
        self._known[key] = shas
        self._bytes += len(shas)
        while self._bytes > _MOST_BYTES and len(self._known) > 1:
            _, old = self._known.popitem(last=False)
            self._bytes -= len(old)
