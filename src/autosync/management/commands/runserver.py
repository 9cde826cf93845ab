"""`manage.py runserver`: the development server, webhooks and their processing included."""

from __future__ import annotations

import os
from typing import Any

import django
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from autosync import config
from autosync.errors import AutoSyncError


class Command(BaseCommand):
    help = "Serve AutoSync (receiver, web and worker) for development, without migrating."
    requires_system_checks = "__all__"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("addrport", nargs="?", help="port, or address:port")
        parser.add_argument("--noreload", action="store_true", help="accepted; it never reloads")
        parser.add_argument("--no-worker", action="store_true", help="serve only")

    def handle(self, *args: Any, **options: Any) -> None:
        from autosync.service import serve
        from autosync.service.supervisor import Supervisor

        host, port = _split(options["addrport"])
        if host:
            os.environ["AUTOSYNC_HOST"] = host
        if port:
            os.environ["AUTOSYNC_PORT"] = port
        config.load.cache_clear()
        try:
            serve.check_settings()
            serve.check_port()
        except AutoSyncError as error:
            raise CommandError(str(error)) from None
        self._check_migrations()
        supervisor = Supervisor()
        supervisor.start(serve.web())
        if not options["no_worker"]:
            supervisor.start(serve.worker())
        now = config.load()
        self.stdout.write(
            f"Django version {django.get_version()}, using settings {settings.SETTINGS_MODULE!r}\n"
            f"Starting development server at http://{now.autosync_host}:{now.autosync_port}/\n"
            "Quit the server with CONTROL-C."
        )
        self.stdout.flush()
        supervisor.run(lambda: serve.announce(supervisor))

    def _check_migrations(self) -> None:
        connection = connections["default"]
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        connection.close()
        if plan:
            self.stdout.write(
                self.style.NOTICE(
                    f"\nYou have {len(plan)} unapplied migration(s). AutoSync may not work until "
                    "you run 'python manage.py migrate'.\n"
                )
            )


def _split(addrport: str | None) -> tuple[str, str]:
    """`8001`, `0.0.0.0:8001` or `[::1]:8001`."""
    if not addrport:
        return "", ""
    host, _, port = addrport.rpartition(":")
    if not port.isdigit():
        raise CommandError(f"{addrport!r} is not a valid port number or address:port pair.")
    return host.strip("[]"), port
