"""The ASGI application: the receiver in front, Django behind it, lifespan answered here."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autosync.settings")

from django.conf import settings
from django.core.asgi import get_asgi_application

from autosync import config
from autosync.database import conninfo
from autosync.receiver import Receiver
from autosync.settings import POOLED_DATABASE
from autosync.web.headers import completing
from autosync.web.proxy import seen_through
from autosync.web.turnstile import Turnstile

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Static files are read synchronously, by WhiteNoise; they are small and cached by the browser.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

_LAST_ANSWERS = 2.0  # seconds an ordinary request may still take when the server stops

# Under ASGI every request has a thread of its own, and with it a connection that would be kept.
_CONNECTIONS = 10

if config.load().database_direct_url:  # pages and API need no session that lasts
    settings.DATABASES["default"] |= POOLED_DATABASE
settings.DATABASES["default"] |= {
    "CONN_MAX_AGE": 0,
    "OPTIONS": settings.DATABASES["default"].get("OPTIONS", {})
    | {"pool": {"min_size": 1, "max_size": _CONNECTIONS, "timeout": 10}},
}
django: Any = get_asgi_application()
receiver = Receiver(conninfo, lambda: config.load().webhook_secrets)
# Requests that Django answers now; True once the answer is an event stream.
_under_way: dict[asyncio.Task[Any], bool] = {}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    send = completing(scope["path"], send)
    if receiver.serves(scope):
        await receiver(scope, receive, send)
    else:
        scope = seen_through(scope, behind_tls=config.load().behind_tls)
        ask = _sign_in if Turnstile.guards(scope) else _ask_django
        await ask(scope, receive, send)


async def _ask_django(scope: Scope, receive: Receive, send: Send) -> None:
    task = asyncio.current_task()
    assert task is not None

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            kind = dict(message.get("headers", ())).get(b"Content-Type", b"")
            _under_way[task] = kind.startswith(b"text/event-stream")
        await send(message)

    _under_way[task] = False
    try:
        await django(scope, receive, sending)
    finally:
        del _under_way[task]


_sign_in = Turnstile(_ask_django)


async def _lifespan(receive: Receive, send: Send) -> None:
    """Django's handler knows no lifespan; the receiver wants to stop cleanly."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await asyncio.gather(receiver.close(), end_requests())
            await send({"type": "lifespan.shutdown.complete"})
            return


async def end_requests() -> None:
    """Let answers under way end; event streams never do by themselves."""
    answers = [task for task, stream in _under_way.items() if not stream]
    if answers:
        await asyncio.wait(answers, timeout=_LAST_ANSWERS)
    left = list(_under_way)
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=1.0)
