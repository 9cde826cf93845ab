"""`autosync serve`: check, migrate, then receiver, web and worker as one supervised service."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import sys
from collections.abc import Callable

from autosync import config
from autosync.errors import AutoSyncError, ConfigurationError
from autosync.service.supervisor import Child, Supervisor, python

_START_SECONDS = 60.0
_MIGRATION_LOCK = 0x6175746F73796E63  # "autosync": one migrates, the others wait


class PortInUse(AutoSyncError):
    """Another program listens on the port."""


def check_settings() -> None:
    """Raise ConfigurationError, naming the variable, for whatever the service cannot do without."""
    from autosync.github.credentials import load_private_key

    settings = config.load()
    settings.require("GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY", "GITHUB_WEBHOOK_SECRET")
    load_private_key(settings.github_app_private_key)


def check_port() -> None:
    """Raise PortInUse before anything is started."""
    settings = config.load()
    address = (settings.autosync_host, settings.autosync_port)
    with socket.socket(
        socket.AF_INET6 if ":" in settings.autosync_host else socket.AF_INET
    ) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise PortInUse(
                f"Port {settings.autosync_port} on {settings.autosync_host} cannot be used "
                f"({error.strerror}). Stop what listens there, or set AUTOSYNC_PORT (and "
                "AUTOSYNC_HOST) to something else."
            ) from None


def setup_django() -> None:
    """Load Django in this process."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autosync.settings")
    import django

    django.setup()


def migrate() -> None:
    """Bring the schema up to date; of several that start at once one does it."""
    setup_django()
    from django.core.management import call_command
    from django.db import connection

    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATION_LOCK])
        call_command("migrate", verbosity=0, interactive=False)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATION_LOCK])
    except Exception as error:
        if type(error).__name__ != "OperationalError":
            raise
        raise ConfigurationError(
            f"The database does not answer: {' '.join(str(error).split())[:300]} "
            "Check DATABASE_URL; leave it empty for the embedded PostgreSQL."
        ) from None
    finally:
        connection.close()


def web() -> Child:
    return Child("web", python("-m", "autosync.service.web"))


def worker() -> Child:
    return Child("worker", python("-m", "autosync.service.worker"))


def is_ready() -> bool:
    """Whether the web process answers."""
    settings = config.load()
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection(
            settings.autosync_host, settings.autosync_port, timeout=2
        )
        connection.request("GET", "/api/sync/health/")
        connection.getresponse().read()
        return True
    return False


def say(line: str) -> None:
    """One line for the person who started the service."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def serve(*, with_worker: bool = True, on_ready: Callable[[], None] | None = None) -> int:
    """Run until a signal; the exit code. Raises AutoSyncError when it cannot start."""
    check_settings()
    check_port()
    say("Preparing the database …")
    migrate()
    supervisor = Supervisor()
    supervisor.start(web())
    if with_worker:
        supervisor.start(worker())
    return supervisor.run(lambda: announce(supervisor, on_ready))


def announce(supervisor: Supervisor, on_ready: Callable[[], None] | None = None) -> None:
    """Wait for the first answer and say where to look."""
    settings = config.load()
    if supervisor.wait_until(is_ready, _START_SECONDS):
        say(f"AutoSync is ready: http://{settings.autosync_host}:{settings.autosync_port}/")
        if on_ready is not None:
            on_ready()
