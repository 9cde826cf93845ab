"""What `autosync` and `manage.py` do around every command.

They find the settings (one's own, or those of a running demo), let only those commands make a
database that are meant to, and turn the errors that were foreseen into a line.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

from autosync import config, demo_settings, foreseen, redact

# May begin with an empty database.
_BEGINNERS = {"serve", "demo", "migrate", "runserver", "test", "testserver"}
# Of no use without a mirror: they say so at once, before any other setting is asked for.
_USE_THE_MIRROR = {
    "worker", "sync", "plan", "audit", "recover", "token", "deliveries", "forget",
    "sync_github", "createsuperuser", "changepassword", "dbshell",
}  # fmt: skip
# Of no use without a server, so they say first if there can be none.
_NEED_A_SERVER = _USE_THE_MIRROR | {"serve", "migrate", "runserver"}
# Never the demo's: they bring their own settings, or need none.
_ON_THEIR_OWN = {
    "serve", "demo", "version", "help", "makemigrations", "test", "testserver", "startapp",
}  # fmt: skip
_INTERRUPTED = 130


def enter(command: str) -> None:
    """Prepare this process for `command`, before anything reads the settings."""
    if command not in _ON_THEIR_OWN and not command.startswith("-"):
        _use_the_demo()
    if command in _NEED_A_SERVER and not config.load().database_url:
        from autosync.postgres import binaries  # noqa: PLC0415 (start-up time)

        binaries.installed()
    if command not in _BEGINNERS:
        from autosync import postgres  # noqa: PLC0415 (start-up time)

        config.makes_folders = False
        postgres.forbid_new()
        if command in _USE_THE_MIRROR and not config.load().database_url:
            postgres.require(config.load().data_dir / "postgres")
    if command not in ("version", "help"):
        _warn_root()


def manage(argv: Sequence[str]) -> None:
    """Django's command line; a foreseen error is a line and exit code 1."""

    def work() -> None:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autosync.settings")
        asks_for_help = len(argv) < 2 or not {"--help", "-h"}.isdisjoint(argv[2:])
        enter("help" if asks_for_help else argv[1])
        from django.core.management import execute_from_command_line  # noqa: PLC0415 (start-up time)

        execute_from_command_line(list(argv))

    guarded(work, traceback="--traceback" in argv)


def guarded(work: Callable[[], object], *, traceback: bool = False) -> None:
    """Do `work`; end the process with a line on standard error where it fails as foreseen."""
    redact.in_tracebacks()
    _open_what_is_closed()
    try:
        work()
        sys.stdout.flush()
    except KeyboardInterrupt:
        _end("Interrupted.", _INTERRUPTED)
    except BrokenPipeError:
        _end("", 1)  # `| head` has seen enough
    except Exception as error:
        line = foreseen.explain(error)
        if line is None or traceback:
            raise
        _end(redact.redact(f"error: {line}"), 1)


def _end(line: str, code: int) -> NoReturn:
    if line:
        red = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        sys.stderr.write(f"\033[31m{line}\033[0m\n" if red else f"{line}\n")
        sys.stderr.flush()
    try:
        sys.stdout.flush()
    except OSError:
        # What cannot be written now could not be at the end either, and would be a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _open_what_is_closed() -> None:
    """After `>&-` the next file that is opened would be standard output, be it a database's."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is not None:
            continue
        handle = os.open(os.devnull, os.O_RDWR)
        if handle != number:
            with suppress(OSError):
                os.fstat(number)
                number = handle  # somebody has it already
            if number != handle:
                os.dup2(handle, number)
                os.close(handle)
        setattr(sys, name, open(number, mode))  # noqa: PTH123, SIM115 (a descriptor, until the end)
        if name == "stdout" and sys.stderr is not None:
            sys.stderr.write("note: standard output is closed; what is written to it is lost.\n")


def _use_the_demo() -> None:
    demo = demo_settings.found()
    if demo is None:
        return
    os.environ.update(demo.settings)
    config.load.cache_clear()
    state = "" if demo.running else ", which is not running"
    sys.stderr.write(
        f"Using the demo in {demo.folder}{state}; set AUTOSYNC_DATA_DIR or .env for your own.\n"
    )


def _warn_root() -> None:
    """Root in somebody else's folder leaves files there that its owner cannot change."""
    if os.geteuid() != 0:
        return
    folder = config.load().data_dir
    try:
        owner = folder.stat().st_uid
    except OSError:
        return
    if owner != 0:
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = f"user id {owner}"
        sys.stderr.write(
            f"note: {folder} belongs to {name}, and this command runs as root: files it creates "
            f"there will belong to root. Run it as {name} instead.\n"
        )
