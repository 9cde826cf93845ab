"""Bodies of requests on their way in: each by a deadline, all within one allowance of memory.

Who is not known yet must not be able to use up what is meant for GitHub. So nobody new is turned
away while there is somebody to give up: the body that takes the most memory when memory is short,
the slowest when too many come in at once. What GitHub sends is small, arrives within milliseconds
and is neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from heapq import nsmallest
from typing import Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

# GitHub gives up on a delivery after ten seconds (docs.github.com/en/webhooks/using-webhooks/
# best-practices-for-using-webhooks); no page sends a form that takes longer.
DEADLINE = 10.0  # seconds for a whole body
MOST_BYTES = (
    128 * 1024 * 1024
)  # of all bodies in this process, those that wait for the database too
MOST_BODIES = 1_000  # on their way in at once
# Seconds in which nobody is given up for others: on a busy machine a whole body that is there
# takes its time to be read, and thousands that came in the same moment are no slower.
_GRACE = 1.0
_HEAD_START = 4096  # bytes; a body that has only just begun is not the slowest


class BodyTooLarge(Exception):
    """It is larger than what is taken here."""


class BodyTooSlow(Exception):
    """It was not there by the deadline."""


class Crowded(Exception):
    """It was given up for others."""


class _Coming:
    """One body while it comes in."""

    __slots__ = ("chunks", "deadline", "given_up", "held", "since")

    def __init__(self, deadline: asyncio.Timeout, since: float) -> None:
        self.chunks: list[bytes] = []
        self.held = 0
        self.given_up = False
        self.deadline = deadline
        self.since = since

    def rate(self, now: float) -> float:
        return (self.held + _HEAD_START) / (now - self.since + 0.001)


class Bodies:
    """The bodies that one process holds."""

    def __init__(
        self,
        *,
        most_bytes: int = MOST_BYTES,
        most_bodies: int = MOST_BODIES,
        deadline: float = DEADLINE,
        grace: float = _GRACE,
    ) -> None:
        self._most_bytes = most_bytes
        self._most_bodies = most_bodies
        self._deadline = deadline
        self._grace = grace
        self._coming: dict[_Coming, None] = {}  # in the order in which they began
        self.held = 0  # bytes

    async def read(
        self, receive: Receive, limit: int, seen: Callable[[bytes], object] = lambda _: None
    ) -> list[bytes]:
        """The whole body in pieces, each shown to `seen` as it comes; held until `release`.

        Raises BodyTooLarge above `limit` bytes, BodyTooSlow, Crowded, and ConnectionResetError if
        the client is gone.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._deadline) as deadline:
                coming = _Coming(deadline, loop.time())
                self._make_room_for_one(coming.since)
                self._coming[coming] = None
                try:
                    await self._collect(coming, receive, limit, seen)
                    return coming.chunks
                except BaseException:
                    self._let_go(coming)
                    raise
                finally:
                    self._coming.pop(coming, None)
        except TimeoutError:
            if coming.given_up:
                raise Crowded from None
            raise BodyTooSlow from None

    @contextmanager
    def holding(self, chunks: list[bytes]) -> Iterator[None]:
        """Give the memory of `chunks`, got from `read`, back at the end of the block."""
        size = sum(map(len, chunks))
        try:
            yield
        finally:
            self.held -= size

    async def _collect(
        self, coming: _Coming, receive: Receive, limit: int, seen: Callable[[bytes], object]
    ) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError
            chunk = message.get("body", b"")
            if coming.given_up:
                raise Crowded
            coming.chunks.append(chunk)
            coming.held += len(chunk)
            self.held += len(chunk)
            if coming.held > limit:
                raise BodyTooLarge
            while self.held > self._most_bytes:
                self._give_up(max(self._coming, key=lambda other: other.held))
                if coming.given_up:
                    raise Crowded
            seen(chunk)
            if not message.get("more_body"):
                return

    def _make_room_for_one(self, now: float) -> None:
        """Give up the slowest where there are too many, and of those only who had some time."""
        many = len(self._coming) - self._most_bodies
        if many >= 0 and now - next(iter(self._coming)).since >= self._grace:
            # Several at once: to look at all for each new one would take everybody's time.
            several = many + max(self._most_bodies // 10, 1)
            had_time = [one for one in self._coming if now - one.since >= self._grace]
            for other in nsmallest(several, had_time, key=lambda one: one.rate(now)):
                self._give_up(other)

    def _give_up(self, other: _Coming) -> None:
        """Free its memory now; its own task notices in a moment."""
        self._let_go(other)
        self._coming.pop(other, None)
        other.given_up = True
        other.deadline.reschedule(asyncio.get_running_loop().time())

    def _let_go(self, coming: _Coming) -> None:
        self.held -= coming.held
        coming.held = 0
        coming.chunks.clear()
