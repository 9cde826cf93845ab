"""One PostgreSQL cluster on disk: made once, started, stopped; the keeper's hands.

The server's only login is the role `autosync`, which is no superuser: it may create databases and
read the statistics. The superuser `postgres` exists, but pg_hba.conf lets nobody in as that; it is
reached by the single-user mode only.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autosync.killpoints import reached
from autosync.postgres import account as accounts
from autosync.postgres import binaries, orphans
from autosync.postgres.errors import EmbeddedPostgresError, from_output
from autosync.postgres.layout import (
    DATABASE,
    PORT,
    USER,
    Layout,
    open_private,
    private_folder,
    write_private,
)

_LOG_KEPT = 4_000_000  # bytes
# Written to postgresql.conf when the cluster is made; the operator may change them there.
_TUNING = {
    "shared_buffers": "256MB",
    "max_connections": "100",
    "work_mem": "16MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    # One server, no replicas: bulk loads into new tables then need no WAL.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Server events only: failing statements are the application's to report, and carry row data.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    # The password is 256 random bits: iterating guards guessable ones and costs each connection.
    "scram_iterations": "1",
}


class Cluster:
    """The cluster of `layout`; one keeper at a time, which holds keeper.lock, may use this."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.account = accounts.for_server(layout.data)
        self.programs = binaries.usable_by(self.account) / "bin"

    def make_if_new(self) -> bool:
        """Make the cluster if there has never been one; True if it did."""
        if self.layout.check_cluster():
            self.layout.write_marker()
            return False
        for earlier in self.layout.root.glob("initializing.*"):  # that keeper was killed
            orphans.end(earlier)
            shutil.rmtree(earlier, ignore_errors=True)
        # Another name each time: initdb of a killed keeper may still be clearing up its own.
        fresh = self.layout.root / f"initializing.{secrets.token_hex(4)}"
        fresh.mkdir(mode=0o700)
        self.account.own(fresh)
        with self._reachable(fresh) as ([folder], fds):
            argv: list[str | Path] = [
                self.programs / "initdb", f"--pgdata={folder}", "--username=postgres",
                "--auth=reject", "--encoding=UTF8", "--locale-provider=builtin",
                "--locale=C.UTF-8", "--no-sync", "--no-instructions",
                *(f"--set={name}={value}" for name, value in _TUNING.items()),
            ]  # fmt: skip
            code, output = self.account.run(argv, folders=fds)
        if code != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise from_output("The database could not be made (initdb)", output, self.layout.root)
        (fresh / "pg_hba.conf").write_text(
            "# AutoSync: a password for everybody, over the Unix socket only.\n"
            f"local all {USER} scram-sha-256\n"
        )
        self.account.own(fresh / "pg_hba.conf")
        reached("postgres: cluster made, no login")
        self._set_password(fresh, new=True)
        reached("postgres: login made, not in place")
        fresh.rename(self.layout.data)
        reached("postgres: in place, not remembered")
        self.layout.write_marker()
        return True

    def restore_password_if_lost(self) -> None:
        """Make a new password when the file that held it is gone."""
        if not self.layout.pgpass.exists():
            self._clear_the_way()
            self._set_password(self.layout.data, new=False)

    def _set_password(self, data: Path, *, new: bool) -> None:
        password = secrets.token_urlsafe(32)
        statements = [f"ALTER ROLE {USER} PASSWORD '{password}';"]
        if new:
            statements = [
                f"CREATE ROLE {USER} LOGIN CREATEDB PASSWORD '{password}';",
                f"GRANT pg_monitor TO {USER};",
                f"CREATE DATABASE {DATABASE} OWNER {USER};",
            ]
        with self._reachable(data) as ([folder], fds):
            code, output = self.account.run(
                [self.programs / "postgres", "--single", "-D", folder, "-c",
                 "exit_on_error=on", "postgres"],
                folders=fds, text="\n".join(statements) + "\n",
            )  # fmt: skip
        output = output.replace(password, "…")
        if code != 0 or "ERROR:" in output:
            raise from_output("The database could not be set up", output, self.layout.root)
        write_private(self.layout.pgpass, f"*:*:*:{USER}:{password}\n")

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server as our child; it is not ready yet (see `ready`)."""
        self._clear_the_way()
        run = self.layout.run
        private_folder(run, self.account.uid, self.account.gid)
        self._rotate_log()
        log = open_private(self.layout.log, os.O_WRONLY | os.O_APPEND)
        try:
            with self._reachable(self.layout.data, run) as ([data, sockets], fds):
                return self.account.popen(
                    [self.programs / "postgres", "-D", data, "-p", str(PORT),
                     "-c", "listen_addresses=",
                     "-c", f"unix_socket_directories={sockets}",
                     "-c", "unix_socket_permissions=0700",
                     "-c", "logging_collector=off", "-c", "log_destination=stderr"],
                    folders=fds, output=log, dies_by=signal.SIGINT,
                )  # fmt: skip
        finally:
            os.close(log)

    def ready(self, server: subprocess.Popen[bytes]) -> bool:
        """Whether `server` accepts connections, by its own word in postmaster.pid."""
        try:
            lines = (self.layout.data / "postmaster.pid").read_text().splitlines()
            return int(lines[0]) == server.pid and lines[7].strip() == "ready"
        except (OSError, ValueError, IndexError):
            return False

    def log_size(self) -> int:
        try:
            return self.layout.log.stat().st_size
        except FileNotFoundError:
            return 0

    def failed_start(self, since: int) -> EmbeddedPostgresError:
        """Why a start failed, from what the log got after its first `since` bytes."""
        with self.layout.log.open("rb") as log:
            log.seek(since)
            text = log.read(1_000_000).decode(errors="replace")
        return from_output(
            f"PostgreSQL does not start (its log: {self.layout.log})", text, self.layout.root
        )

    def sync_to_disk(self) -> subprocess.Popen[bytes]:
        """Write the new cluster's files through to the disk, beside the running server."""
        with self._reachable(self.layout.data) as ([data], fds):
            return self.account.popen(
                [self.programs / "initdb", "--sync-only", "-D", data],
                folders=fds, output=subprocess.DEVNULL, dies_by=signal.SIGINT,
            )  # fmt: skip

    def stop(self, server: subprocess.Popen[bytes]) -> None:
        """Fast shutdown; harder after a minute, so that nothing is ever left running."""
        for number, seconds in ((signal.SIGINT, 60), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            if server.poll() is not None:
                return
            server.send_signal(number)
            try:
                server.wait(seconds)
            except subprocess.TimeoutExpired:
                continue

    def tidy(self) -> None:
        """Take away a socket folder outside of the data folder."""
        if self.layout.run.parent != self.layout.root:
            try:
                self.layout.run.rmdir()
            except OSError:
                pass

    def _clear_the_way(self) -> None:
        """End orphans and remove the files that name them.

        The process id in those may by now be another program's, or a zombie's where init does not
        reap, and PostgreSQL would refuse to start.
        """
        orphans.end(self.layout.data)
        if sys.platform == "linux":
            (self.layout.data / "postmaster.pid").unlink(missing_ok=True)
            (self.layout.run / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)

    def _rotate_log(self) -> None:
        if self.log_size() > _LOG_KEPT:
            self.layout.log.replace(self.layout.log.with_name("postgres.log.1"))

    @contextmanager
    def _reachable(self, *folders: Path) -> Iterator[tuple[list[str], list[int]]]:
        """The names under which the account reaches `folders`, and the descriptors to pass on."""
        if not (self.account.drop and sys.platform == "linux"):
            yield [os.fspath(folder) for folder in folders], []
            return
        fds = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for folder in folders]
        try:
            yield [f"/proc/self/fd/{fd}" for fd in fds], fds
        finally:
            for fd in fds:
                os.close(fd)
