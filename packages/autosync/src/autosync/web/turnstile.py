"""One sign-in at a time: checking a password keeps a core busy for a third of a second.

A flood of them would take all cores, and the database's connections, from webhooks and health. The
form is read first (slow senders wait outside), then a few wait for their turn, two of any address;
the rest are sent away at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PATHS = ("/login/", "/admin/login/")
_MAX_FORM = 16 * 1024  # bytes
_READ_SECONDS = 10.0
_AT_ONCE = 1
_WAITING = 16
_OF_ONE_ADDRESS = 2
_PATIENCE = 8.0  # seconds
_RETRY_AFTER = 5


class _SentAway(Exception):
    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Turnstile:
    """The ASGI application in front of the sign-in forms; `inside` is Django."""

    def __init__(self, inside: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._inside = inside
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._here: Counter[str] = Counter()

    @staticmethod
    def guards(scope: Scope) -> bool:
        """Whether the request is a sign-in."""
        return scope["method"] == "POST" and scope["path"] in PATHS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            form = await _read(scope, receive)
            await self._pass(scope, form, receive, send)
        except _SentAway as why:
            await _answer(send, why.status, str(why))
        except ConnectionResetError:
            return  # nobody is there to be answered

    async def _pass(self, scope: Scope, form: bytes, receive: Receive, send: Send) -> None:
        address = str((scope.get("client") or ("",))[0])
        busy = _SentAway(503, "Too many people are signing in at once. Try again in a few seconds.")
        if self._here[address] >= _OF_ONE_ADDRESS or self._here.total() >= _WAITING + _AT_ONCE:
            raise busy
        self._here[address] += 1
        try:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._turn.acquire()
            except TimeoutError:
                raise busy from None
            try:
                await self._inside(scope, _again(form, receive), send)
            finally:
                self._turn.release()
        finally:
            self._here[address] -= 1
            if not self._here[address]:
                del self._here[address]


async def _read(scope: Scope, receive: Receive) -> bytes:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > _MAX_FORM:
        raise _SentAway(413, "The form is too large.")
    form = b""
    try:
        async with asyncio.timeout(_READ_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionResetError
                form += bytes(message.get("body", b""))
                if len(form) > _MAX_FORM:
                    raise _SentAway(413, "The form is too large.")
                if not message.get("more_body"):
                    return form
    except TimeoutError:
        raise _SentAway(408, "The form did not arrive in time. Try again.") from None


def _again(form: bytes, receive: Receive) -> Receive:
    """Hand the form over as one message, then whatever comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": form, "more_body": False}

    return again


async def _answer(send: Send, status: int, words: str) -> None:
    body = f"{words}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    if status == 503:
        headers.append((b"retry-after", str(_RETRY_AFTER).encode()))
    else:
        headers.append((b"connection", b"close"))  # a rest of the body may be unread
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
