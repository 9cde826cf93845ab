"""What was asked of the service: counts of everything, and the latest requests one by one."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_KEPT = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `status` 0: the connection was cut. `quota` is empty where there is none."""

    at: float
    target: str
    status: int
    quota: str


class RequestLog:
    """Counts of what was asked: by method and path template, and by status."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, int]] = Counter()
        self._latest: deque[Asked] = deque(maxlen=_KEPT)

    def note(
        self,
        endpoint: str,
        status: int,
        *,
        target: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Count one request; `headers` are those of its answer."""
        headers = headers or {}
        quota = ""
        if "x-ratelimit-limit" in headers:
            quota = "{x-ratelimit-remaining} of {x-ratelimit-limit} {x-ratelimit-resource}"
            quota = quota.format_map(headers)
        with self._lock:
            self._counts[endpoint, status] += 1
        self.show(target or endpoint, status, quota)

    def show(self, target: str, status: int, quota: str = "") -> None:
        """Among the latest only: git takes no quota and is not counted."""
        with self._lock:
            self._latest.append(Asked(time.time(), target, status, quota))

    def clear(self) -> None:
        """Start counting anew."""
        with self._lock:
            self._counts.clear()
            self._latest.clear()

    def latest(self) -> list[Asked]:
        """The latest requests, newest first."""
        with self._lock:
            return list(reversed(self._latest))

    def shape(self) -> dict[str, Any]:
        """`{"total": n, "endpoints": {endpoint: {status: n}}}`."""
        found: dict[str, dict[str, int]] = {}
        with self._lock:
            for (endpoint, status), count in sorted(self._counts.items()):
                found.setdefault(endpoint, {})[str(status)] = count
        total = sum(sum(one.values()) for one in found.values())
        return {"total": total, "endpoints": found}
