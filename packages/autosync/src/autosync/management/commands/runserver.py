"""`manage.py runserver`: the development server, webhooks and their processing included."""

from __future__ import annotations

import os
import re
from datetime import datetime
from typing import Any

import django
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from autosync import config
from autosync.errors import AutoSyncError

_ADDRPORT = re.compile(r"(?:(?P<host>\[[0-9a-fA-F:]+\]|[^:\s]+):)?(?P<port>\d{1,5})\Z")


class Command(BaseCommand):
    help = (
        "Serve AutoSync for development: receiver, API, dashboard and a worker, restarted "
        "when the code changes. Does not migrate."
    )
    requires_system_checks = "__all__"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "addrport",
            nargs="?",
            default="",
            help="port, or address:port; default: from the settings",
        )
        parser.add_argument(
            "--noreload", action="store_true", help="do not restart when the code changes"
        )
        parser.add_argument(
            "--no-worker", action="store_true", help="store webhooks only; a worker runs elsewhere"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from autosync.service import serve  # noqa: PLC0415 (start-up time)
        from autosync.service.child import RELOAD_VARIABLE  # noqa: PLC0415 (start-up time)
        from autosync.service.supervisor import Supervisor  # noqa: PLC0415 (start-up time)
        from autosync.service.web import ACCESS_LOG_VARIABLE  # noqa: PLC0415 (start-up time)

        _take_address(options["addrport"])
        environment = {ACCESS_LOG_VARIABLE: "1"}
        if not options["noreload"]:
            environment[RELOAD_VARIABLE] = "1"
        supervisor = Supervisor()
        try:
            serve.check_settings()
            serve.warn(with_worker=not options["no_worker"])
            self.check_migrations()
            supervisor.run(
                lambda: serve.start(
                    supervisor,
                    with_worker=not options["no_worker"],
                    migrate=False,
                    environment=environment,
                    on_listening=lambda: self._greet(serve.local_url()),
                    forks=False,  # each start is to see the code as it is then
                )
            )
        except AutoSyncError as error:
            raise CommandError(str(error)) from None

    def _greet(self, url: str) -> None:
        self.stdout.write(
            f"{datetime.now():%B %d, %Y - %X}\n"  # noqa: DTZ005 (for the person at the terminal)
            f"Django version {django.get_version()}, using settings {settings.SETTINGS_MODULE!r}\n"
            f"Starting development server at {url}\n"
            "Quit the server with CONTROL-C."
        )
        self.stdout.flush()


def _take_address(addrport: str) -> None:
    """Let `8001`, `0.0.0.0:8001` or `[::1]:8001` outweigh the settings, for the children too."""
    if not addrport:
        return
    found = _ADDRPORT.match(addrport)
    if found is None or not 1 <= int(found["port"]) <= 65535:
        raise CommandError(f"{addrport!r} is not a valid port number or address:port pair.")
    os.environ["AUTOSYNC_PORT"] = found["port"]
    if found["host"]:
        host = found["host"].strip("[]")
        os.environ["AUTOSYNC_HOST"] = "0.0.0.0" if host == "0" else host
    config.load.cache_clear()
