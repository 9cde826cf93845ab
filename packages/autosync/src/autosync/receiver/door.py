"""Lets requests in a few at a time, in the order in which they came.

The event loop is one line for all: whoever comes behind thousands of newcomers would wait until
the last of them is begun. Here a newcomer costs next to nothing until it is let in, so that what
was begun goes on between them: a delivery's body is read, and health, which does not stand in this
line, is answered.
"""

from __future__ import annotations

import asyncio
from collections import deque

AT_ONCE = 32  # newcomers in one pass of the event loop: a few milliseconds of it


class Door:
    """The line of newcomers of one process; as long as there may be connections."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._let_in = 0  # in this pass of the loop
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._open = False  # the next pass is asked for

    async def enter(self) -> None:
        """Return when it is one's turn."""
        loop = asyncio.get_running_loop()
        if not self._open:
            self._open = True
            loop.call_soon(self._next_pass, loop)
        if self._let_in < self._at_once and not self._waiting:
            self._let_in += 1
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next_pass(self, loop: asyncio.AbstractEventLoop) -> None:
        self._let_in = 0
        while self._waiting and self._let_in < self._at_once:
            turn = self._waiting.popleft()
            if not turn.done():  # else its client is gone
                turn.set_result(None)
                self._let_in += 1
        self._open = bool(self._waiting or self._let_in)
        if self._open:
            loop.call_soon(self._next_pass, loop)
