"""Where deliveries wait: each in its lane, until it is due and enough others have overtaken it."""

import threading
from collections import deque
from dataclasses import dataclass

from githubsim.clock import Clock
from githubsim.store import App


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One delivery to be made."""

    guid: str
    event: str
    action: str | None
    installation_id: int | None
    repository_id: int | None
    body: bytes
    app: App
    redelivery: bool = False
    lost: bool = False


@dataclass(slots=True)
class Queued:
    """A delivery in its lane: when it may go, and how many must overtake it until when."""

    outgoing: Outgoing
    due: float
    overtaken_by: int = 0
    until: float = 0.0


class Lane:
    """Deliveries of some repositories, one after the other, at the times of a clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        # Nothing is being sent, and nothing may be sent at this time of the clock.
        self._resting = True
        self._waiting: deque[Queued] = deque()
        self._held: list[Queued] = []
        self._last_due = 0.0
        self._closed = False

    def put(self, queued: Queued) -> None:
        with self._changed:
            # Jitter alone changes no order.
            self._last_due = queued.due = max(queued.due, self._last_due)
            self._waiting.append(queued)
            self._wake()

    def wake(self) -> None:
        """The clock was moved."""
        with self._changed:
            self._wake()

    def _wake(self) -> None:
        self._resting = False
        self._changed.notify_all()

    def settle(self, timeout: float) -> bool:
        """Wait until it rests; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._resting or self._closed, timeout)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._held.clear()
            self._changed.notify_all()

    def get(self) -> Outgoing | None:
        """Wait for the next delivery; None once the lane is closed."""
        with self._changed:
            while not self._closed:
                now = self._clock.pace()
                free = next(
                    (one for one in self._held if one.overtaken_by <= 0 or one.until <= now), None
                )
                if free is not None:
                    self._held.remove(free)
                    return free.outgoing
                if self._waiting and self._waiting[0].due <= now:
                    first = self._waiting.popleft()
                    if first.overtaken_by:
                        first.until += now
                        self._held.append(first)
                        continue
                    for one in self._held:
                        if one.outgoing.repository_id == first.outgoing.repository_id:
                            one.overtaken_by -= 1
                    return first.outgoing
                times = [one.until for one in self._held]
                times += [one.due for one in list(self._waiting)[:1]]
                self._resting = True
                self._changed.notify_all()
                # A stepped clock says when it was moved.
                passes = times and not self._clock.stepped
                self._changed.wait(min(times) - now if passes else None)
            return None
