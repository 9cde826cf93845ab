"""The folder of git caches on this machine: what is in it, how large it is, what goes first.

Each repository has `<id>.git` and beside it a lock, whose time says when the cache was last used.
A cache holds nothing that GitHub has not: what is removed is cloned anew when it is needed.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from autosync.github import git_process
from autosync.github.errors import Unavailable

_NAME = re.compile(r"(\d+)\.git(?:\.(?:lock|new|old|suspect))?")


class GitCache:
    """The caches in `folder`. Other processes may work on them: what is in use is left alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def repositories(self) -> set[int]:
        """The ids of all repositories of which anything is here."""
        try:
            names = os.listdir(self._folder)  # noqa: PTH208 (names are all it takes)
        except FileNotFoundError:
            return set()
        return {int(found[1]) for name in names if (found := _NAME.fullmatch(name))}

    def size(self, repository_id: int) -> int:
        """Bytes on the disk, of what a killed clone left behind as well."""
        cache = self._path(repository_id)
        return sum(_size(Path(f"{cache}{end}")) for end in ("", ".new", ".old"))

    def last_used(self, repository_id: int) -> float:
        """The time, in seconds since 1970, of the last fetch; 0 if there is none."""
        try:
            return Path(f"{self._path(repository_id)}.lock").stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def remove(self, repository_id: int) -> bool:
        """Remove all of one repository; False if somebody fetches into it now.

        The caller keeps those from it who only read.
        """
        cache = self._path(repository_id)
        with suppress(Unavailable), git_process.locked(Path(f"{cache}.lock"), 0, str(cache)):
            old = Path(f"{cache}.old")
            shutil.rmtree(old, ignore_errors=True)
            with suppress(FileNotFoundError):
                cache.rename(old)  # whole or gone: a kill leaves no half of a cache
            for left in (old, Path(f"{cache}.new")):
                shutil.rmtree(left, ignore_errors=True)
            Path(f"{cache}.suspect").unlink(missing_ok=True)
            Path(f"{cache}.lock").unlink(missing_ok=True)
            return True
        return False

    def sweep(self, repository_id: int) -> None:
        """Remove what a killed clone or removal left, unless somebody is at it."""
        cache = self._path(repository_id)
        left = [path for end in ("new", "old") if (path := Path(f"{cache}.{end}")).exists()]
        if left:
            with suppress(Unavailable), git_process.locked(Path(f"{cache}.lock"), 0, str(cache)):
                for path in left:
                    shutil.rmtree(path, ignore_errors=True)

    def _path(self, repository_id: int) -> Path:
        return self._folder / f"{repository_id}.git"


def _size(folder: Path) -> int:
    return sum(status.st_blocks * 512 for status in _all_of(folder))


def _all_of(folder: Path) -> Iterator[os.stat_result]:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with suppress(OSError):  # gone meanwhile
                yield os.lstat(Path(parent) / name)
