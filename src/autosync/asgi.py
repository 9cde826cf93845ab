"""The ASGI application: the receiver in front, Django behind it, lifespan answered here."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autosync.settings")

from django.core.asgi import get_asgi_application  # noqa: E402

from autosync import config  # noqa: E402
from autosync.database import conninfo  # noqa: E402
from autosync.receiver import Receiver  # noqa: E402

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

django: Any = get_asgi_application()
receiver = Receiver(conninfo, lambda: config.load().webhook_secrets)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif receiver.serves(scope):
        await receiver(scope, receive, send)
    else:
        await django(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    """Django's handler knows no lifespan; the receiver wants to stop cleanly."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await receiver.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
