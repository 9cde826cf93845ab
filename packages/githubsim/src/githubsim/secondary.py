"""Secondary limits: requests at once, points of a minute, seconds of CPU.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
"""

import threading
from collections import deque
from dataclasses import dataclass

from githubsim.auth import Caller
from githubsim.errors import DOCS, ApiError
from githubsim.store import Store

_SECONDARY_DOCS = (
    f"{DOCS}/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"
)


@dataclass(frozen=True, slots=True)
class Secondary:
    """Secondary limits; None switches one off. Points: GET and queries 1, all that writes 5.

    REST and GraphQL run at most `concurrent` requests between them and have a minute's points
    each: GitHub gives 900 and 2,000 (GITHUBS). `cpu_per_minute` are seconds of CPU in any 60
    seconds, of which GraphQL may take `graphql_cpu_per_minute`; GitHub gives 90 and 60, and says
    that they are roughly the response times.
    """

    concurrent: int | None = 100
    points_per_minute: int | None = None
    graphql_points_per_minute: int | None = None
    retry_after: int = 60
    cpu_per_minute: float | None = None
    graphql_cpu_per_minute: float | None = None

    def points(self, resource: str) -> int | None:
        """The points of a minute, or None."""
        graphql = resource == "graphql"
        return self.graphql_points_per_minute if graphql else self.points_per_minute


GITHUBS = Secondary(
    points_per_minute=900,
    graphql_points_per_minute=2000,
    cpu_per_minute=90,
    graphql_cpu_per_minute=60,
)
# Where a request in the weather keeps its Flight.
FLIGHT = "githubsim.flight"
# Each JWT is another one.
_MOST_CALLERS = 10_000


@dataclass(slots=True)
class Flight:
    """A request in the weather: whose it is, once that is known, and how many nodes its answer has.

    Its response time is what the weather gives it.
    """

    caller: str = ""
    resource: str = "core"
    nodes: int = 0


class _Minute:
    """The seconds of CPU of one caller in the last 60 seconds."""

    def __init__(self) -> None:
        self._spent: deque[tuple[float, str, float]] = deque()
        self._sums = {"core": 0.0, "graphql": 0.0}

    def add(self, now: float, resource: str, seconds: float) -> None:
        self._spent.append((now, resource, seconds))
        self._sums[resource] += seconds

    def sums(self, now: float) -> tuple[float, float]:
        """In all, and of GraphQL."""
        while self._spent and self._spent[0][0] <= now - 60:
            _, resource, seconds = self._spent.popleft()
            self._sums[resource] -= seconds
        return sum(self._sums.values()), self._sums["graphql"]


class SecondaryLimits:
    """What each caller has running, on its way and spent, in memory."""

    def __init__(self, store: Store, secondary: Secondary) -> None:
        self.store = store
        self.secondary = secondary
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}
        self._points: dict[tuple[str, str], tuple[int, int]] = {}
        self._minutes: dict[str, _Minute] = {}
        # In the weather a request is on its way for longer than it is worked on.
        self._in_flight: dict[str, int] = {}
        self._callers: dict[str, str] = {}

    def arrive(self, authorization: str) -> str:
        """A request is on its way; `depart` takes the key that this returns."""
        with self._lock:
            # Until a token was read once, it is a caller of its own.
            key = self._callers.get(authorization, authorization)
            self._in_flight[key] = self._in_flight.get(key, 0) + 1
            return key

    def depart(self, key: str) -> None:
        """The answer to a request that arrived was sent."""
        with self._lock:
            left = self._in_flight.get(key, 1) - 1
            if left > 0:
                self._in_flight[key] = left
            else:
                self._in_flight.pop(key, None)

    def enter(
        self,
        caller: Caller,
        *,
        points: int = 1,
        resource: str = "core",
        authorization: str | None = None,
        flight: Flight | None = None,
    ) -> None:
        """Count a request as running; ApiError 403 with retry-after over a secondary limit."""
        key = caller.key
        limit = self.secondary
        minute = int(self.store.clock.now()) // 60
        with self._lock:
            if authorization and authorization not in self._callers:
                if len(self._callers) >= _MOST_CALLERS:
                    self._callers.clear()
                self._callers[authorization] = key
            running = max(self._running.get(key, 0), self._in_flight.get(key, 1) - 1)
            since, spent = self._points.get((key, resource), (minute, 0))
            spent = spent + points if since == minute else points
            too_many = limit.concurrent is not None and running >= limit.concurrent
            most = limit.points(resource)
            too_fast = most is not None and spent > most
            if not (too_many or too_fast or self._too_heavy(key, resource)):
                self._running[key] = self._running.get(key, 0) + 1
                self._points[key, resource] = (minute, spent)
                if flight is not None:
                    flight.caller, flight.resource = key, resource
                return
        raise ApiError(
            403,
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try "
            "again.",
            headers={"Retry-After": str(limit.retry_after)},
            docs=_SECONDARY_DOCS,
        )

    def _too_heavy(self, key: str, resource: str) -> bool:
        limit, minute = self.secondary, self._minutes.get(key)
        if minute is None:
            return False
        total, graphql = minute.sums(self.store.clock.pace())
        most, most_graphql = limit.cpu_per_minute, limit.graphql_cpu_per_minute
        return (most is not None and total >= most) or (
            resource == "graphql" and most_graphql is not None and graphql >= most_graphql
        )

    def leave(
        self,
        caller: Caller,
        *,
        resource: str = "core",
        seconds: float = 0.0,
        flight: Flight | None = None,
    ) -> None:
        """A request that entered has ended, after so many `seconds` of CPU."""
        with self._lock:
            self._running[caller.key] = max(0, self._running.get(caller.key, 1) - 1)
        if flight is None:
            self.spend(caller.key, resource, seconds)

    def spend(self, key: str, resource: str, seconds: float) -> None:
        """Count seconds of CPU."""
        with self._lock:
            if self.secondary.cpu_per_minute or self.secondary.graphql_cpu_per_minute:
                minute = self._minutes.setdefault(key, _Minute())
                minute.add(self.store.clock.pace(), resource, seconds)
