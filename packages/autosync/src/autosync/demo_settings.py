"""The settings of a running demo, left where commands that are run without any find them.

`autosync demo` writes `settings.json` into its data folder and points `.demo/current` at that; a
command that has no settings of its own takes all of them, or none: they are never mixed.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from autosync import config
from autosync.errors import ConfigurationError

FOLDER = Path(".demo")
_FILE = "settings.json"
_PRIVATE = 0o600
# These say which demo, or how; every other setting means an AutoSync of one's own.
_HARMLESS = {"AUTOSYNC_PORT", "AUTOSYNC_LOG_LEVEL", "AUTOSYNC_POSTGRES_USER"}
_WHERE = "AUTOSYNC_DATA_DIR"  # may be a demo's, too


@dataclass(frozen=True)
class Demo:
    """A demo that was found: its data folder as people would write it, and its settings."""

    folder: Path
    settings: Mapping[str, str]
    running: bool


def leave(start: Path, data: Path, settings: Mapping[str, str]) -> int:
    """Write the settings of the demo in `data`, which was started in `start`.

    Returns a descriptor: as long as it is open, the demo counts as running.
    """
    file = data / _FILE
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
    fcntl.flock(fd, fcntl.LOCK_EX)
    os.write(fd, (json.dumps(dict(settings), indent=1) + "\n").encode())
    fresh.replace(file)
    # Only a convenience: a folder that cannot be written must not stop the demo.
    with suppress(OSError):
        folder = start / FOLDER
        folder.mkdir(exist_ok=True)
        pointer = folder / f"current.{os.getpid()}"
        pointer.symlink_to(data.name if data.parent == folder.resolve() else data)
        pointer.replace(folder / "current")
    return fd


def found() -> Demo | None:
    """The demo of the working folder, for a command without settings of its own."""
    if _own_settings():
        return None
    port = os.environ.get("AUTOSYNC_PORT", "")
    folder = FOLDER / (port if port.isdigit() else "current")
    if elsewhere := os.environ.get(_WHERE):
        folder = Path(elsewhere)
    file = folder / _FILE
    try:
        folder = folder.resolve()
        with file.open() as open_file:
            settings = {str(k): str(v) for k, v in json.load(open_file).items()}
            running = not _free(open_file.fileno())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged"
        raise ConfigurationError(
            f"The settings of the demo in {file} cannot be read ({reason}). Run this as the user "
            "who started the demo, start the demo again, or set AUTOSYNC_DATA_DIR for your own."
        ) from None
    here = Path.cwd()
    return Demo(
        folder.relative_to(here) if folder.is_relative_to(here) else folder, settings, running
    )


def _own_settings() -> bool:
    """Whether environment, `.env` or a mirror in this folder are of an AutoSync of one's own."""
    names = {name.upper() for name in config.Config.model_fields} - _HARMLESS
    if any(os.environ.get(name) for name in names - {_WHERE}):
        return True
    with suppress(OSError, UnicodeDecodeError):
        if any(value and name.upper() in names for name, value in dotenv_values(".env").items()):
            return True
    return not os.environ.get(_WHERE) and (Path(".autosync") / "postgres").exists()


def _free(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
