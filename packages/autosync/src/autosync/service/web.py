"""The web process: Granian serving `autosync.asgi` (`python -m autosync.service.web`).

The listening socket comes from the supervisor, in AUTOSYNC_LISTENER: while a crashed web process
is started again, connections wait in it instead of being refused.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import socket
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LOGGING_CONFIG, LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server.embed import Server

from autosync import config
from autosync.service import child, lifeline
from autosync.service.listener import BACKLOG, LISTENER_VARIABLE, listen

ACCESS_LOG_VARIABLE = "AUTOSYNC_ACCESS_LOG"
_CONNECTIONS = 16_384  # open at once, idle ones and event streams included
_OTHER_FILES = 512  # open files that are no client's connection
_MOST_FILES = 65_536
_HEADER_SECONDS = 10.0  # until a request's headers are there, and until an idle connection ends
_BUFFER = 16 * 1024  # bytes read ahead per connection; longer headers are refused
_ACCESS_LINE = '[%(time)s] "%(method)s %(path)s %(protocol)s" %(status)d'


def _connections() -> int:
    """How many connections to accept at once: with more, `accept` would run out of files.

    Raises the process's own limit of open files as far as the system lets it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):  # macOS has a lower limit than the one it names
            pass
    files = _MOST_FILES if soft == resource.RLIM_INFINITY else soft
    return min(_CONNECTIONS, max(files - _OTHER_FILES, files // 2))


class _Server(Server):
    """Granian in this process, on a socket that is already listening."""

    def __init__(self, listener: socket.socket, **options: Any) -> None:
        super().__init__(**options)
        self._listener = listener

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd: Any = SocketHolder(  # type: ignore[call-arg]
            self._listener.detach(), False, BACKLOG
        )

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        super().startup(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        asyncio.get_running_loop().call_later(0.01, lifeline.ready)


def main() -> int:
    """Serve until SIGTERM."""
    number = os.environ.pop(LISTENER_VARIABLE, "")
    if number:
        listener = socket.socket(fileno=int(number))
    else:
        settings = config.load()
        listener = listen(settings.autosync_host, settings.autosync_port)
    # Not asyncio.run: Granian's threads would hold up its clean-up as long as a client stays
    # connected. The process ends at once after this.
    return asyncio.new_event_loop().run_until_complete(_serve(listener))


async def _serve(listener: socket.socket) -> int:
    with child.importing():
        # It sets Django up, with the settings of this process.
        from autosync.asgi import application, end_requests  # noqa: PLC0415 (Django is not set up)

    # Not looked through again and again while many requests come in: a tenth of a second each.
    gc.collect()
    gc.freeze()
    access_log = bool(os.environ.get(ACCESS_LOG_VARIABLE))
    server = _Server(
        listener,
        target=application,
        # Granian runs ASGI lifespan with this interface only.
        interface=Interfaces.ASGI,
        backlog=BACKLOG,
        backpressure=_connections(),
        # Its detection of HTTP/2 waits for a first line without any deadline.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=int(_HEADER_SECONDS * 1000), max_buffer_size=_BUFFER
        ),
        websockets=False,
        log_level=LogLevels.error,
        log_dictconfig=_logging(),
        log_access=access_log,
        log_access_format=_ACCESS_LINE,
    )
    loop = asyncio.get_running_loop()
    ending: list[asyncio.Task[None]] = []

    def stop() -> None:
        server.stop()  # type: ignore[no-untyped-call]
        # Granian asks for the lifespan's shutdown only once every answer has ended.
        ending.append(loop.create_task(end_requests()))

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    beats = loop.create_task(lifeline.keep_beating())
    await server.serve()
    beats.cancel()
    await asyncio.sleep(0.05)  # the last answers leave from Granian's own threads
    return 0


def _logging() -> dict[str, Any]:
    """Granian's lines on standard error, where all others go."""
    settings: dict[str, Any] = dict(LOGGING_CONFIG)
    settings["handlers"] = {
        name: {**handler, "stream": "ext://sys.stderr"}
        for name, handler in settings["handlers"].items()
    }
    return settings


if __name__ == "__main__":
    child.run(main)
