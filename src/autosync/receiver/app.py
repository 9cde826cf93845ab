"""`POST /api/github/webhook/` as raw ASGI: the answer comes after the commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

import msgspec

from autosync.receiver.inbox import Inbox, Unavailable
from autosync.receiver.verify import MAX_BODY, Incoming, Refused, check, check_length, too_large

PATH = "/api/github/webhook"
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_MAX_HELD = 256 * 1024 * 1024  # bytes of bodies in memory at once
_LARGE = 512 * 1024  # bytes; above, checking a body would hold up the others
_DRAIN_SECONDS = 2.0
_ACCEPTED = msgspec.json.encode({"status": "accepted"})
_DUPLICATE = msgspec.json.encode({"status": "duplicate"})


class Receiver:
    """The ASGI application behind `PATH`, with or without the trailing slash.

    `conninfo` gives the database (a psycopg connection string), `secrets` the webhook secrets
    accepted now, newest first. Answers 202 accepted, 200 duplicate; 400, 401, 405, 413, 415, 503
    with a one-line JSON error that repeats nothing of the request.
    """

    def __init__(self, conninfo: Callable[[], str], secrets: Callable[[], Sequence[str]]) -> None:
        self._inbox = Inbox(conninfo)
        self._secrets = secrets
        self._held = 0
        self._requests = 0

    @staticmethod
    def serves(scope: Scope) -> bool:
        """Whether the request is for the receiver."""
        return scope["type"] == "http" and scope["path"] in (PATH, PATH + "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._requests += 1
        try:
            fresh = await self._take(scope, receive)
            status, answer = (202, _ACCEPTED) if fresh else (200, _DUPLICATE)
        except Refused as refused:
            status = refused.status
            if status == 413:
                await _drain(receive)
            answer = msgspec.json.encode({"error": refused.error, "hint": refused.hint})
        except Unavailable as why:
            status = 503
            answer = msgspec.json.encode(
                {
                    "error": f"Not stored: {why}.",
                    "hint": "Send it again in a moment; nothing was acknowledged.",
                }
            )
        except ConnectionResetError:
            return  # nobody is there to be answered
        finally:
            self._requests -= 1
        await _answer(send, status, answer)

    async def close(self) -> None:
        """Let the requests under way end, for a moment at most, and disconnect."""
        until = asyncio.get_running_loop().time() + 2
        while self._requests and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.02)
        await self._inbox.close()

    async def _take(self, scope: Scope, receive: Receive) -> bool:
        """Verify and store one delivery; True if it is new."""
        if scope["method"] != "POST":
            raise Refused(405, "Only POST is answered here.", "This is for GitHub's deliveries.")
        secrets = self._secrets()
        if not secrets:
            raise Refused(
                503,
                "No webhook secret is set, so no delivery can be verified.",
                "Set GITHUB_WEBHOOK_SECRET to the secret of the App's webhook.",
            )
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        body = b""
        try:
            check_length(headers)
            body = await self._read(receive)
            return await self._inbox.store(await _checked(headers, body, secrets))
        finally:
            self._held -= len(body)

    async def _read(self, receive: Receive) -> bytes:
        """The whole body, counted as held; one larger than GitHub's is refused while it comes."""
        chunks: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionResetError
                chunk = message.get("body", b"")
                size += len(chunk)
                self._held += len(chunk)
                if size > MAX_BODY:
                    raise too_large()
                if self._held > _MAX_HELD:
                    raise Unavailable("too many deliveries are coming in at once")
                chunks.append(chunk)
                if not message.get("more_body"):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        except BaseException:
            self._held -= size
            raise


async def _checked(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> Incoming:
    if len(body) > _LARGE:
        return await asyncio.to_thread(check, headers, body, secrets)
    return check(headers, body, secrets)


async def _drain(receive: Receive) -> None:
    """Let go of the rest of a body: clients that write before they read would miss the answer."""
    left = MAX_BODY
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body"):
                    return
    except TimeoutError:
        pass


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if status == 405:
        headers.append((b"allow", b"POST"))
    if status == 503:
        headers.append((b"retry-after", b"5"))
    if status == 413:
        headers.append((b"connection", b"close"))  # a rest of the body may be unread
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
