"""`POST /api/github/webhook/` as raw ASGI: the answer comes after the commit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import msgspec

from autosync.receiver.inbox import Inbox, Unavailable
from autosync.receiver.verify import MAX_BODY, Refused, check, check_headers, too_large

PATH = "/api/github/webhook"
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Receiver:
    """The ASGI application behind `PATH` (with or without the trailing slash).

    `conninfo` gives the database, `secrets` the webhook secrets accepted now, newest first.
    202 accepted, 200 duplicate; 400, 401, 405, 413, 503 with a one-line JSON error.
    """

    def __init__(
        self, conninfo: Callable[[], str], secrets: Callable[[], Sequence[str]]
    ) -> None:
        self._inbox = Inbox(conninfo)
        self._secrets = secrets

    @staticmethod
    def serves(scope: Scope) -> bool:
        """Whether the request is for the receiver."""
        return scope["type"] == "http" and str(scope["path"]).rstrip("/") == PATH

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            status, answer = await self._take(scope, receive)
        except Refused as refused:
            status, answer = refused.status, {"error": refused.error, "hint": refused.hint}
        except Unavailable as error:
            status = 503
            answer = {"error": f"Not stored: {error}", "hint": "Redeliver it in a moment."}
        await _answer(send, status, answer)

    async def close(self) -> None:
        await self._inbox.close()

    async def _take(self, scope: Scope, receive: Receive) -> tuple[int, dict[str, str]]:
        if scope["method"] != "POST":
            raise Refused(405, "Only POST is answered here", "This is for GitHub's deliveries.")
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        check_headers(headers)
        body = await _read(receive)
        secrets = self._secrets()
        if not secrets:
            raise Refused(
                503,
                "No webhook secret is set, so nothing can be verified",
                "Set GITHUB_WEBHOOK_SECRET to the secret of the App's webhook.",
            )
        fresh = await self._inbox.store(check(headers, body, secrets))
        return (202, {"status": "accepted"}) if fresh else (200, {"status": "duplicate"})


async def _read(receive: Receive) -> bytes:
    """The whole body; a larger one than GitHub's is refused without being kept."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "The connection closed before the body ended", "Send it again.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            raise too_large()
        chunks.append(chunk)
        if not message.get("more_body"):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _answer(send: Send, status: int, answer: dict[str, str]) -> None:
    body = msgspec.json.encode(answer)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if status == 405:
        headers.append((b"allow", b"POST"))
    if status == 503:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
