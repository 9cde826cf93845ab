"""Folders that only AutoSync's own user may look into."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path


def make_private(path: Path) -> None:
    """Make `path` with mode 0700; the mode of a folder that is there is left alone.

    Folders above it get the usual mode: they may be shared with others. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not path.is_dir():
            raise


def keep_private(path: Path) -> None:
    """The same for a folder that nobody but AutoSync makes: one found wider is narrowed.

    Raises OSError. A folder of somebody else is left alone.
    """
    make_private(path)
    found = path.stat()
    if found.st_mode & 0o077 and found.st_uid == os.geteuid():
        path.chmod(0o700)


def belongs_to(path: Path) -> str:
    """Whose `path`, or the folder that will hold it, is: "; FOLDER belongs to NAME", or ""."""
    for place in (path, *path.parents):
        try:
            uid = place.stat().st_uid
        except OSError:
            continue
        try:
            return f"; {place} belongs to {pwd.getpwuid(uid).pw_name}"
        except KeyError:
            return f"; {place} belongs to user id {uid}"
    return ""


def too_open(path: Path) -> str:
    """Why the data folder `path` is open to other users, as one line; "" if it is not."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return ""
    if not mode & 0o077:
        return ""
    return (
        f"The data folder {path} is open to other users of this machine (mode {mode:04o}). "
        f"AutoSync does not change the mode of an existing folder. Run: chmod 700 {path}"
    )
