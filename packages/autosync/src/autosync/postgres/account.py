"""The operating system account the server runs as, and how its programs are started as that.

PostgreSQL refuses to run as root. Root therefore starts it as an unprivileged account, and hands
it the data and socket folders as open descriptors (`/proc/self/fd/N`): the server then needs no
permission on the folders above them, so a project under `/root` (0700) works and no folder of
somebody else changes its mode or owner.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from autosync.postgres.errors import EmbeddedPostgresError

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Account:
    """Who the server's programs run as; `drop` says that we are root and have to become that."""

    name: str
    uid: int
    gid: int
    drop: bool

    def own(self, path: Path) -> None:
        """Give a folder or file that we made to this account."""
        if self.drop:
            os.chown(path, self.uid, self.gid)

    def popen(
        self,
        argv: Sequence[str | Path],
        *,
        folders: Sequence[int] = (),
        stdin: int = subprocess.DEVNULL,
        output: int | IO[bytes] = subprocess.PIPE,
        dies_by: signal.Signals | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program as this account, in `/`, with nothing of our environment.

        `folders` are descriptors it inherits. It gets the signal `dies_by` (Linux only) when the
        thread that calls this dies, so that a killed keeper leaves no server behind.
        """
        return subprocess.Popen(
            [os.fspath(arg) for arg in argv],
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=tuple(folders),
            cwd="/",
            # Our environment holds secrets, and the server's account could read its own.
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            preexec_fn=self._before_exec(dies_by),  # the keeper has one thread
        )

    def run(
        self, argv: Sequence[str | Path], *, folders: Sequence[int] = (), text: str = ""
    ) -> tuple[int, str]:
        """Run a program as this account with `text` as its input: its exit code and output."""
        process = self.popen(argv, folders=folders, stdin=subprocess.PIPE, dies_by=signal.SIGKILL)
        output, _ = process.communicate(text.encode())
        return process.returncode, output.decode(errors="replace")

    def _before_exec(self, dies_by: signal.Signals | None) -> Callable[[], None]:
        libc = ctypes.CDLL(None) if dies_by and sys.platform == "linux" else None
        parent = os.getpid()

        def before_exec() -> None:
            if self.drop:
                os.setgroups([])
                os.setgid(self.gid)
                os.setuid(self.uid)
            os.umask(0o077)
            if libc is not None and dies_by is not None:
                # After setuid, which would clear it.
                libc.prctl(_PR_SET_PDEATHSIG, dies_by, 0, 0, 0)
                if os.getppid() != parent:
                    os._exit(1)

        return before_exec


def for_server(data: Path) -> Account:
    """The account for the cluster in `data`: ourselves, or as root an unprivileged one.

    As root: the owner of a cluster that is there, else AUTOSYNC_POSTGRES_USER, else `postgres` or
    `nobody`, whichever exists first.
    """
    uid = os.geteuid()
    if uid != 0:
        return Account(_name(uid), uid, os.getegid(), drop=False)
    wanted = os.environ.get("AUTOSYNC_POSTGRES_USER", "")
    entry = _lookup(wanted) if wanted else None
    if wanted and (entry is None or entry.pw_uid == 0):
        raise EmbeddedPostgresError(
            f"AUTOSYNC_POSTGRES_USER={wanted} is not an unprivileged user of this machine. "
            "PostgreSQL does not run as root: name an existing user such as nobody."
        )
    try:
        found = data.stat()
    except FileNotFoundError:
        found = None
    if found is not None:
        if found.st_uid == 0:
            raise EmbeddedPostgresError(
                f"{data} belongs to root, and PostgreSQL does not run as root. Give it to an "
                f"unprivileged user: chown -R nobody {data}"
            )
        if entry is not None and entry.pw_uid != found.st_uid:
            raise EmbeddedPostgresError(
                f"AUTOSYNC_POSTGRES_USER={wanted}, but {data} belongs to "
                f"{_name(found.st_uid)}. Unset the variable, or give the folder away: "
                f"chown -R {wanted} {data}"
            )
        return Account(_name(found.st_uid), found.st_uid, found.st_gid, drop=True)
    entry = entry or _lookup("postgres") or _lookup("nobody")
    if entry is None:
        raise EmbeddedPostgresError(
            "PostgreSQL does not run as root, and this machine has neither a user postgres nor a "
            "user nobody. Set AUTOSYNC_POSTGRES_USER to an unprivileged user, or run AutoSync as "
            "one."
        )
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, drop=True)


def _lookup(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"
