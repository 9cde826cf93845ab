"""The web process: Granian serving `autosync.asgi` (`python -m autosync.service.web`)."""

from __future__ import annotations

import os

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from autosync import config
from autosync.service import lifeline


def main() -> None:
    settings = config.load()
    parent = os.environ.get("AUTOSYNC_PARENT")
    lifeline.hold(int(parent) if parent else None)
    # Granian runs ASGI lifespan with this interface only, once per worker.
    Server(
        "autosync.asgi:application",
        address=settings.autosync_host,
        port=settings.autosync_port,
        interface=Interfaces.ASGI,
        workers=1,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=5,
    ).serve()


if __name__ == "__main__":
    main()
