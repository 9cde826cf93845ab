"""The ASGI application: the receiver in front, Django behind it, lifespan answered here.

Django gets a request once its body is there, and no more requests at once than it has database
connections for: neither slow clients nor a crowd can take its threads, and health has its own.
"""

from __future__ import annotations

import asyncio
import json
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
from autosync.receiver.bodies import Bodies, BodyTooLarge, BodyTooSlow, Crowded
from autosync.receiver.door import Door
from autosync.settings import POOLED_DATABASE
from autosync.web.headers import completing
from autosync.web.proxy import seen_through
from autosync.web.turnstile import Turnstile

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Static files are read synchronously, by WhiteNoise; they are small and cached by the browser.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

_MAX_BODY = 1024 * 1024  # bytes of a form or of an API request
_HEALTH = "/api/sync/health"
_FOR_HEALTH = 2  # connections that nothing else gets
_PATIENCE = 10.0  # seconds a request waits for its turn
_MOST_WAITING = 200
_LAST_WRITE = 60.0  # seconds until a client that reads nothing is given up
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
bodies = Bodies()
door = Door()
receiver = Receiver(conninfo, lambda: config.load().webhook_secrets, bodies)
# Requests that Django answers now; True once the answer is an event stream.
_under_way: dict[asyncio.Task[Any], bool] = {}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    send = completing(scope["path"], send)
    if not _is_of_health(scope):
        await door.enter()
    if receiver.serves(scope):
        await receiver(scope, receive, send)
    else:
        scope = seen_through(scope, behind_tls=config.load().behind_tls)
        ask = _sign_in if Turnstile.guards(scope) else _ask_django
        await ask(scope, receive, send)


def _is_of_health(scope: Scope) -> bool:
    return bool(scope["path"].rstrip("/") == _HEALTH)


class _Turns:
    """How many requests Django answers at once; the others wait, up to a number and for a time."""

    def __init__(self, places: int) -> None:
        self._free = asyncio.Semaphore(places)
        self._waiting = 0

    async def take(self) -> bool:
        """Wait for a place; False if there is none to be had."""
        if self._waiting >= _MOST_WAITING:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._free.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1

    def give_back(self) -> None:
        self._free.release()


_turns = _Turns(_CONNECTIONS - _FOR_HEALTH)
_turns_of_health = _Turns(_FOR_HEALTH)


async def _ask_django(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        chunks = await bodies.read(receive, _MAX_BODY) if _announced(scope) else None
    except BodyTooLarge:
        await _refuse(send, 413, "The body is larger than 1 MB.")
    except BodyTooSlow:
        await _refuse(send, 408, "The body did not arrive in time.")
    except Crowded:
        await _refuse(send, 503, "Too many requests are coming in at once.")
    except ConnectionResetError:
        pass  # nobody is there to be answered
    else:
        with bodies.holding(chunks or []):
            given = receive if chunks is None else _replayed(chunks, receive)
            turns = _turns_of_health if _is_of_health(scope) else _turns
            if await turns.take():
                await _Request(turns).answer(scope, given, send)
            else:
                await _refuse(send, 503, "Too many requests wait for their answers.")


class _Request:
    """One request while Django answers it; an event stream gives its place back as it begins."""

    def __init__(self, turns: _Turns) -> None:
        self._turns: _Turns | None = turns

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None

        async def sending(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = {name.lower(): value for name, value in message.get("headers", ())}
                if headers.get(b"content-type", b"").startswith(b"text/event-stream"):
                    _under_way[task] = True
                    self._give_back()
            async with asyncio.timeout(_LAST_WRITE):
                await send(message)

        _under_way[task] = False
        try:
            await django(scope, receive, sending)
        finally:
            del _under_way[task]
            self._give_back()

    def _give_back(self) -> None:
        turns, self._turns = self._turns, None
        if turns is not None:
            turns.give_back()


def _announced(scope: Scope) -> bool:
    """Whether a body follows; raises BodyTooLarge by its announced length."""
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > _MAX_BODY:
        raise BodyTooLarge
    return length != b"0" or b"transfer-encoding" in headers


def _replayed(chunks: list[bytes], receive: Receive) -> Receive:
    """The body that was read, then whatever comes after it."""
    body: bytes | None = b"".join(chunks)

    async def reading() -> MutableMapping[str, Any]:
        nonlocal body
        if body is None:
            return await receive()
        whole, body = body, None
        return {"type": "http.request", "body": whole, "more_body": False}

    return reading


async def _refuse(send: Send, status: int, error: str) -> None:
    """One line of JSON; the connection ends, for nobody reads the rest of the body."""
    answer = json.dumps({"error": error}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    if status == 503:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


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
