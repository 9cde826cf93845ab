"""What every answer carries: what a page may load, and that nobody keeps it.

Titles and names come from strangers: should one ever slip through unescaped, it stays text. The
same policy is right for the pages, the admin, the API's page and for JSON.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

# Styles inside the page are pygal's and Swagger's.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
# For a page whose reader asked for the pictures of strangers.
WITH_PICTURES = POLICY.replace("img-src 'self' data:", "img-src 'self' data: https:")
_NO_STORE = "no-store"


def _complete(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if not _is_static(request.path, response.status_code):
        response["Cache-Control"] = _NO_STORE
    return response


def _is_static(path: str, status: int) -> bool:
    """Whether the answer is a file below STATIC_URL: nobody's, and may be kept."""
    return status < 400 and path.startswith(str(settings.STATIC_URL))


@sync_and_async_middleware
def answer_headers(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Django's middleware; put it first, where errors too have become answers."""
    if iscoroutinefunction(get_response):

        async def complete_later(request: HttpRequest) -> HttpResponseBase:
            return _complete(request, await get_response(request))

        return complete_later

    def complete(request: HttpRequest) -> HttpResponseBase:
        return _complete(request, get_response(request))

    return complete


Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


def completing(path: str, send: Send) -> Send:
    """ASGI's `send` that adds what an answer lacks: those that do not come out of the middleware.

    They are the receiver's, and Django's to requests that it cannot read.
    """

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            static = _is_static(path, message["status"])
            message = {**message, "headers": _added(message.get("headers", ()), static)}
        await send(message)

    return sending


def _added(headers: Iterable[tuple[bytes, bytes]], static: bool) -> list[tuple[bytes, bytes]]:
    found = list(headers)
    there = {name.lower() for name, _ in found}
    wanted = HEADERS if static else HEADERS | {"Cache-Control": _NO_STORE}
    found += [
        (name.lower().encode(), value.encode())
        for name, value in wanted.items()
        if name.lower().encode() not in there
    ]
    return found
