"""An ASGI application that reads a body and says yes: the most that this server could do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

_Message = MutableMapping[str, Any]


async def application(
    scope: _Message,
    receive: Callable[[], Awaitable[_Message]],
    send: Callable[[_Message], Awaitable[None]],
) -> None:
    """202 for every POST, 404 for the rest."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    status = 202 if scope["method"] == "POST" else 404
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
