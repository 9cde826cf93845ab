"""Quota as GitHub counts it: hourly windows per installation; githubsim.secondary has the rest.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from dataclasses import dataclass, replace

from githubsim.auth import Caller
from githubsim.errors import DOCS, ApiError
from githubsim.secondary import Secondary, SecondaryLimits
from githubsim.store import Store

HOUR = 3600
BASE = 5000
MOST = 12_500
PER_EXTRA = 50
FREE_OF_EXTRA = 20
ANONYMOUS = 60


@dataclass(frozen=True, slots=True)
class Window:
    """One hour of one resource (`core`, `graphql`, `search`) for one caller."""

    resource: str
    limit: int
    used: int
    reset: int
    exhausted: bool = False

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    def headers(self) -> dict[str, str]:
        """The x-ratelimit-* headers."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Used": str(self.used),
            "X-RateLimit-Reset": str(self.reset),
            "X-RateLimit-Resource": self.resource,
        }

    def shape(self) -> dict[str, int | str]:
        """As GET /rate_limit shows it."""
        return {
            "limit": self.limit,
            "used": self.used,
            "remaining": self.remaining,
            "reset": self.reset,
            "resource": self.resource,
        }


class Limits(SecondaryLimits):
    """All limits of a world, in memory: a restart gives everyone a fresh hour."""

    def __init__(
        self, store: Store, *, enabled: bool = True, secondary: Secondary | None = None
    ) -> None:
        super().__init__(store, secondary or Secondary())
        self.enabled = enabled
        self._windows: dict[tuple[str, str], Window] = {}
        self._limits: dict[str, int] = {}

    def take(self, caller: Caller, resource: str = "core", cost: int = 1) -> Window:
        """Spend `cost`. An exhausted window is returned with `exhausted` set and not charged."""
        key = (caller.key, resource)
        limit = self._limit(caller, resource)
        with self._lock:
            window = self._current(key, resource, limit)
            if window.remaining < cost:
                return replace(window, exhausted=True)
            window = replace(window, used=window.used + cost)
            self._windows[key] = window
            return window

    def look(self, caller: Caller, resource: str = "core") -> Window:
        """The window as it is, at no cost."""
        limit = self._limit(caller, resource)
        with self._lock:
            return self._current((caller.key, resource), resource, limit)

    def override(self, resource: str, *, limit: int | None, remaining: int | None) -> None:
        """For tests: another limit for everyone (None: GitHub's again), or what is left now."""
        with self._lock:
            if limit is None and remaining is None:
                self._limits.pop(resource, None)
            if limit is not None:
                self._limits[resource] = limit
            for key, window in list(self._windows.items()):
                if key[1] == resource:
                    top = window.limit if limit is None else limit
                    used = window.used if remaining is None else max(0, top - remaining)
                    self._windows[key] = replace(window, limit=top, used=used)

    def used(self) -> dict[str, dict[str, int]]:
        """What each caller has used in its present window, by resource."""
        found: dict[str, dict[str, int]] = {}
        with self._lock:
            for (key, resource), window in self._windows.items():
                found.setdefault(key, {})[resource] = window.used
        return found

    def exceeded(self, caller: Caller, window: Window) -> ApiError:
        """The answer of REST to an exhausted window."""
        if caller.installation is not None:
            who = f"installation ID {caller.installation.id}"
        elif caller.account is not None:
            who = f"user ID {caller.account.id}"
        else:
            who = caller.address or "this address"
        return ApiError(
            403,
            f"API rate limit exceeded for {who}.",
            headers=window.headers(),
            docs=f"{DOCS}/overview/rate-limits-for-the-rest-api",
        )

    def _limit(self, caller: Caller, resource: str) -> int:
        if resource in self._limits:
            return self._limits[resource]
        if caller.kind == "anonymous":
            return ANONYMOUS if resource == "core" else 0
        if caller.installation is None:
            return BASE
        count = len(self.store.installation_repositories(caller.installation))
        return min(MOST, BASE + PER_EXTRA * max(0, count - FREE_OF_EXTRA))

    def _current(self, key: tuple[str, str], resource: str, limit: int) -> Window:
        now = self.store.clock.now()
        window = self._windows.get(key)
        if window is None or window.reset <= now:
            window = Window(resource, limit, 0, now + HOUR)
            self._windows[key] = window
        elif window.limit != limit:
            window = replace(window, limit=limit)
        return window
