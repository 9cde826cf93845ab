"""`autosync serve`: check, migrate, then receiver, web and worker as one supervised service."""

from __future__ import annotations

import logging
import shutil
import socket
import sys
from collections.abc import Callable, Mapping

from autosync import config, postgres
from autosync.app_key import load_private_key
from autosync.database import conninfo
from autosync.fitness import check
from autosync.folders import too_open
from autosync.foreseen import NO_GIT
from autosync.killpoints import reached
from autosync.service import forked, migration, warm
from autosync.service.listener import LISTENER_VARIABLE, listen
from autosync.service.supervisor import Child, ChildFailed, Supervisor, python
from autosync.service.warm import Warm

_START_SECONDS = 60.0


def check_settings() -> None:
    """Raise ConfigurationError, naming the variable, for whatever the service cannot do without."""
    settings = config.load()
    if not settings.github_app_client_id:
        settings.require("GITHUB_APP_ID")
    settings.require("GITHUB_APP_PRIVATE_KEY")
    if not settings.pulls_events:
        settings.require("GITHUB_WEBHOOK_SECRET")
    load_private_key(settings.github_app_private_key)


def warn(*, with_worker: bool) -> None:
    """Say at once what does not keep the service from starting, and health says later."""
    for line in config.misspelt():
        say(f"warning: {line}")
    if with_worker and not shutil.which("git"):
        say(f"warning: {NO_GIT} Until then no commits are read.")


def serve(*, with_worker: bool = True, web_processes: int = 1) -> int:
    """Run until a signal; returns the exit code. Raises AutoSyncError when it cannot start."""
    start_logging()
    check_settings()
    warn(with_worker=with_worker)
    supervisor = Supervisor()
    return supervisor.run(
        lambda: start(supervisor, with_worker=with_worker, web_processes=web_processes)
    )


def start(
    supervisor: Supervisor,
    *,
    with_worker: bool = True,
    web_processes: int = 1,
    migrate: bool = True,
    environment: Mapping[str, str] | None = None,
    listener: socket.socket | None = None,
    on_listening: Callable[[], None] = lambda: None,
    forks: bool = True,
) -> None:
    """Start the service's processes under `supervisor`; returns when they are ready.

    `listener` is on the address of the settings; left out, one is made, which may raise PortInUse.
    `on_listening` is called when the address is ours, before the first process starts. With `forks`
    this process imports for all of them, and they begin as its forks.
    """
    listener = listener or open_door()
    supervisor.owns(listener)
    on_listening()
    environment = environment or {}
    with postgres.without_a_thread():
        # Held here too, so that the embedded server outlives any child's crash.
        conninfo()
        check()
        reached("serve: database up, not migrated")
        if migrate and migration.is_needed():
            supervisor.complete(Child("migrate", python("-m", "autosync.service.migration")))
        ready_made = warm.up() if forks and forked.is_possible() else None
        if with_worker:
            supervisor.start(worker(environment, ready_made))
            reached("serve: worker started, web not")
        webs = [
            web(listener, number, environment, ready_made) for number in range(1, web_processes + 1)
        ]
        for process in webs:
            supervisor.start(process)
    for process in webs:
        if not supervisor.wait_for(process, _START_SECONDS):
            raise ChildFailed(f"{process.name} is not ready after {_START_SECONDS:.0f} seconds.")
    here = local_url()
    also = "" if here == url() else f" (listening on {here})"
    say(f"AutoSync is ready: {url()}{also}")
    if warning := too_open(config.load().data_dir):
        say(f"warning: {warning}")


def open_door() -> socket.socket:
    """Listen on the address of the settings; raises PortInUse."""
    settings = config.load()
    return listen(settings.autosync_host, settings.autosync_port)


def web(
    listener: socket.socket, number: int, environment: Mapping[str, str], ready_made: Warm | None
) -> Child:
    """Receiver, API and dashboard; several share the listening socket."""
    return Child(
        "web" if number == 1 else f"web {number}",
        python("-m", "autosync.service.web"),
        environment,
        {LISTENER_VARIABLE: listener},
        beats=True,
        work=ready_made.web if ready_made else None,
    )


def worker(environment: Mapping[str, str], ready_made: Warm | None) -> Child:
    """Applies the inbox, imports, reconciles, keeps the schedule."""
    return Child(
        "worker",
        python("-m", "autosync.service.worker"),
        environment,
        beats=True,
        work=ready_made.worker if ready_made else None,
    )


def url() -> str:
    """Where the dashboard is for a browser: AUTOSYNC_URL, or the address on this machine."""
    settings = config.load()
    return f"{settings.autosync_url}/" if settings.autosync_url else local_url()


def local_url() -> str:
    """Where the server listens, for a browser on this machine."""
    settings = config.load()
    host = settings.autosync_host
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{settings.autosync_port}/"


def say(line: str) -> None:
    """One line for the person who started the service."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def start_logging() -> None:
    """The supervisor's own log lines, in the form of the children's."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    logging.getLogger("autosync").setLevel(config.load().autosync_log_level)
