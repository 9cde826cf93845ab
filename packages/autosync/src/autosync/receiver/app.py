"""`POST /api/github/webhook/` as raw ASGI: the answer comes after the commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

import msgspec

from autosync.receiver.bodies import Bodies, BodyTooLarge, BodyTooSlow, Crowded
from autosync.receiver.inbox import Inbox, Unavailable
from autosync.receiver.verify import (
    MAX_BODY,
    Incoming,
    Refused,
    Signature,
    check_headers,
    check_signature,
    glance_at,
    too_large,
)

PATH = "/api/github/webhook"
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LARGE = 512 * 1024  # bytes; above, looking into a body would hold up the others
_DRAIN_SECONDS = 2.0
_MOST_DRAINS = 64  # refused bodies that are let go by at once; others are cut off
_ACCEPTED = msgspec.json.encode({"status": "accepted"})
_DUPLICATE = msgspec.json.encode({"status": "duplicate"})


class Receiver:
    """The ASGI application behind `PATH`, with or without the trailing slash.

    `conninfo` gives the database (a psycopg connection string), `secrets` the webhook secrets
    accepted now, newest first. `bodies` is shared with whoever else reads bodies in the process.
    Answers 202 accepted, 200 duplicate; 400, 401, 405, 408, 413, 415, 503 with a one-line JSON
    error that repeats nothing of the request.
    """

    def __init__(
        self,
        conninfo: Callable[[], str],
        secrets: Callable[[], Sequence[str]],
        bodies: Bodies | None = None,
    ) -> None:
        self._inbox = Inbox(conninfo)
        self._secrets = secrets
        self._bodies = bodies or Bodies()
        self._requests = 0
        self._drains = 0
        self._one_large = asyncio.Semaphore(1)

    @staticmethod
    def serves(scope: Scope) -> bool:
        """Whether the request is for the receiver."""
        return scope["type"] == "http" and scope["path"] in (PATH, PATH + "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._requests += 1
        whole = False  # the body has been read to its end, or the client is gone

        async def reading() -> MutableMapping[str, Any]:
            nonlocal whole
            message = await receive()
            whole = not message.get("more_body")
            return message

        try:
            fresh = await self._take(scope, reading)
            status, answer = (202, _ACCEPTED) if fresh else (200, _DUPLICATE)
        except Refused as refused:
            status = refused.status
            answer = msgspec.json.encode({"error": refused.error, "hint": refused.hint})
            if not whole and status != 408:
                await self._drain(reading)
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
        await _answer(send, status, answer, whole)

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
        check_headers(headers)
        signature = Signature(secrets)
        try:
            chunks = await self._bodies.read(receive, MAX_BODY, signature.update)
        except BodyTooLarge:
            raise too_large() from None
        except BodyTooSlow:
            raise Refused(
                408, "The body did not arrive in time.", "GitHub waits ten seconds in all."
            ) from None
        except Crowded:
            raise Unavailable("too many deliveries are coming in at once") from None
        with self._bodies.holding(chunks):
            check_signature(headers, signature)
            return await self._inbox.store(await self._glanced_at(headers, chunks))

    async def _glanced_at(self, headers: Mapping[str, str], chunks: list[bytes]) -> Incoming:
        if sum(map(len, chunks)) <= _LARGE:
            return glance_at(headers, _joined(chunks))
        async with self._one_large:  # each takes several times its size for a moment
            return await asyncio.to_thread(glance_at, headers, _joined(chunks))

    async def _drain(self, receive: Receive) -> None:
        """Let go by what is left of a refused body: clients that write before they read would
        miss the answer."""
        if self._drains >= _MOST_DRAINS:
            return
        self._drains += 1
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
        finally:
            self._drains -= 1


def _joined(chunks: list[bytes]) -> bytes:
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    chunks.clear()
    return body


async def _answer(send: Send, status: int, body: bytes, whole: bool) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if status == 405:
        headers.append((b"allow", b"POST"))
    if status == 503:
        headers.append((b"retry-after", b"5"))
    if not whole:
        headers.append((b"connection", b"close"))  # nobody reads the rest of the body
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
