"""A process's share in the embedded server: taken by `ensure_running`, kept until the process ends.

The lease is a shared `flock` on DATA_DIR/lease.lock. Forked children inherit it, programs started
with exec do not (and call `ensure_running` themselves), and the kernel frees it on `kill -9`.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autosync import killpoints
from autosync.postgres.binaries import installed
from autosync.postgres.errors import EmbeddedPostgresError, NoCluster, from_os_error
from autosync.postgres.layout import ALREADY_KEPT, Layout, open_private

_log = logging.getLogger(__name__)
# Recovery after a crash reads the write-ahead log back, a gigabyte at most.
_PATIENCE = 180.0  # seconds
_KEEPERS = 3  # attempts to start one that stays
_KEEPER_ENVIRONMENT = (
    "PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "AUTOSYNC_POSTGRES_USER", killpoints.VARIABLE,
)  # fmt: skip


def ensure_running(data_dir: Path) -> str:
    """Make sure the embedded server of `data_dir` runs, and lease it for this process.

    Returns the libpq connection string of the database `autosync`, valid as long as the process
    lives; the password is in the 0600 file it names. Starts the server if need be (about 0.7 s
    for the very first start), heals one that was killed, and costs some microseconds when it
    already runs. Safe in any number of processes, threads and forked children at once.

    Raises EmbeddedPostgresError, whose message says what to do; NotInstalled, before anything is
    made, if AutoSync was installed without the programs.
    """
    try:
        return _leases[os.fspath(data_dir)].ensure()
    except KeyError:
        pass
    root = data_dir.expanduser().resolve()
    installed()
    if not _new_allowed:
        require(root)
    with _lock:
        lease = _leases.get(os.fspath(root)) or _Lease(Layout(root))
        _leases[os.fspath(root)] = lease
        if data_dir.is_absolute():
            _leases[os.fspath(data_dir)] = lease
    return lease.ensure()


def forbid_new() -> None:
    """From now on this process starts only clusters that are there; else NoCluster is raised."""
    global _new_allowed
    _new_allowed = False


@contextmanager
def without_a_thread() -> Iterator[None]:
    """Start no thread meanwhile, so that this process may fork; afterwards those that are due.

    A forked child starts its own.
    """
    global _threads_allowed
    _threads_allowed = False
    try:
        yield
    finally:
        _threads_allowed = True
        with _lock:
            leases = set(_leases.values())
        for lease in leases:
            lease.watch()


def require(data_dir: Path) -> None:
    """Raise NoCluster unless there has been a cluster in `data_dir`; NotInstalled comes first."""
    installed()
    root = data_dir.expanduser().resolve()
    if not Layout(root).has_been():
        raise NoCluster(root)


def release(data_dir: Path | None = None) -> None:
    """Give this process's lease of `data_dir` back, or all; a server stops once nobody holds one.

    The kernel does it when the process ends, however that is. Close the connections before.
    """
    with _lock:
        given_up = [
            name
            for name, lease in _leases.items()
            if data_dir is None or lease.is_of(data_dir.expanduser().resolve())
        ]
        leases = {_leases.pop(name) for name in given_up}
    for lease in leases:
        lease.release()


class _Lease:
    """One process's hold on one data folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._conninfo = ""
        self._lease = -1
        self._keeper = -1
        self._said: tuple[int, int] = (0, 0)
        self._pid = 0
        self._open: set[int] = set()
        self._watcher: threading.Thread | None = None

    def ensure(self) -> str:
        if not self._well():
            with self._lock:
                if not self._well():
                    try:
                        self._take()
                        self._bring_up()
                    except OSError as error:
                        raise from_os_error(error, self._layout.root) from error
        return self._conninfo

    def is_of(self, root: Path) -> bool:
        return self._layout.root == root

    def release(self) -> None:
        with self._lock:
            self._pid = 0
            self._close_all()

    def forget_after_fork(self) -> None:
        """In a forked child: keep the lease, drop what belongs to the parent's threads."""
        self._lock = threading.Lock()
        for fd in self._open - {self._lease, self._keeper}:
            os.close(fd)
        self._open &= {self._lease, self._keeper}
        if self._keeper in self._open:
            # An own open file: a lock through the inherited one would be the parent's, too.
            os.close(self._keeper)
            self._open.discard(self._keeper)
            self._keeper = -1
        self._said = (0, 0)
        self._watcher = None

    def _well(self) -> bool:
        """Cheap: the keeper lives, its word is the one we know, and the server's pid lives."""
        if self._pid == 0 or self._keeper < 0:
            return False
        try:
            said = self._layout.state.stat()
            if (said.st_ino, said.st_mtime_ns) != self._said:
                return False
            os.kill(self._pid, 0)
        except OSError:
            return False
        return self._kept()

    def _kept(self) -> bool:
        """Whether a keeper holds its lock."""
        try:
            fcntl.flock(self._keeper, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._keeper, fcntl.LOCK_UN)
        return False

    def _take(self) -> None:
        """Hold the shared lock on lease.lock, after a keeper that is about to end has ended."""
        self._layout.prepare()
        until = time.monotonic() + _PATIENCE
        while True:
            if self._lease < 0:
                self._lease = self._opened(self._layout.lease_lock)
            try:
                fcntl.flock(self._lease, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise EmbeddedPostgresError(
                        f"The embedded PostgreSQL in {self._layout.root} has been shutting down "
                        f"for {_PATIENCE:.0f} seconds. Look into {self._layout.log}."
                    ) from None
                time.sleep(0.01)
                continue
            if _same_file(self._lease, self._layout.lease_lock):
                break
            self._close_all()  # the folder was removed meanwhile, or is another one now
            self._layout.prepare()
        if self._keeper < 0 or not _same_file(self._keeper, self._layout.keeper_lock):
            self._close(self._keeper)
            self._keeper = self._opened(self._layout.keeper_lock)

    def _bring_up(self) -> None:
        """Wait for the keeper's "ready"; start a keeper where there is none. Others wait here."""
        until = time.monotonic() + _PATIENCE
        start = self._opened(self._layout.start_lock)
        try:
            _wait_for(start, until, self._layout)
            spawned = 0
            while time.monotonic() < until:
                if self._kept():
                    pid = self._ready_server()
                    if pid and _alive(pid):
                        self._conninfo = self._layout.conninfo()
                        self._pid = pid
                        self._watch()
                        return
                    time.sleep(0.005)
                elif spawned < _KEEPERS:
                    spawned += 1
                    self._spawn_keeper(until)
                else:
                    raise EmbeddedPostgresError(
                        "The process that keeps the embedded PostgreSQL ends again and again. "
                        f"Look into {self._layout.log}, and see whether the machine is out of "
                        "memory."
                    )
        finally:
            self._close(start)
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL in {self._layout.root} is not ready after "
            f"{_PATIENCE:.0f} seconds. Look into {self._layout.log}: it may still be recovering."
        )

    def _spawn_keeper(self, until: float) -> None:
        """Start a keeper and wait until its server is ready; raises what it says went wrong."""
        # The keeper outlives us and needs none of our secrets.
        environment = {
            name: value
            for name, value in os.environ.items()
            if name in _KEEPER_ENVIRONMENT or name.startswith(("PYTHON", "COVERAGE", "LC_"))
        }
        here = os.fspath(Path(__file__).parents[2])
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, [here, environment.get("PYTHONPATH", "")])
        )
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "autosync.postgres.keeper", os.fspath(self._layout.root)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        ) as process:
            try:
                # Its output ends when the server is ready; not always when the process does.
                output, errors = process.communicate(timeout=max(until - time.monotonic(), 1))
            except subprocess.TimeoutExpired:
                return
        if process.returncode not in (0, ALREADY_KEPT):
            raise EmbeddedPostgresError(
                "The process that keeps the embedded PostgreSQL does not start:\n  "
                + "\n  ".join(errors.decode(errors="replace").strip().splitlines()[-5:])
            )
        if output:
            raise EmbeddedPostgresError(output.decode(errors="replace"))

    def _ready_server(self) -> int:
        """The process id of the server that the keeper calls ready, or 0."""
        try:
            with self._layout.state.open() as file:
                found = os.fstat(file.fileno())
                pid = int(json.load(file)["pid"])
        except FileNotFoundError:
            return 0
        self._said = (found.st_ino, found.st_mtime_ns)
        return pid

    def watch(self) -> None:
        """Have a thread notice a keeper's death, for connections that nobody asks us about."""
        if self._pid:
            with self._lock:
                self._watch()

    def _watch(self) -> None:
        if _threads_allowed and (self._watcher is None or not self._watcher.is_alive()):
            self._watcher = threading.Thread(
                target=self._heal, name="autosync-postgres-watch", daemon=True
            )
            self._watcher.start()

    def _heal(self) -> None:
        wait = 1.0
        while self._pid:
            try:
                fd = self._opened(self._layout.keeper_lock)
                try:
                    fcntl.flock(fd, fcntl.LOCK_SH)  # the kernel wakes us when no keeper holds it
                    fcntl.flock(fd, fcntl.LOCK_UN)
                finally:
                    self._close(fd)
                if not self._pid:
                    return
                self.ensure()
                wait = 1.0
            except (EmbeddedPostgresError, OSError) as error:
                if not self._pid:
                    return
                _log.error("The embedded PostgreSQL is down, next try in %.0f s: %s", wait, error)
                time.sleep(wait)
                wait = min(wait * 2, 30)

    def _opened(self, path: Path) -> int:
        fd = open_private(path)
        self._open.add(fd)
        return fd

    def _close(self, fd: int) -> None:
        if fd in self._open:
            self._open.discard(fd)
            os.close(fd)

    def _close_all(self) -> None:
        for fd in (self._lease, self._keeper):
            self._close(fd)
        self._lease = self._keeper = -1


def _wait_for(fd: int, until: float, layout: Layout) -> None:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise EmbeddedPostgresError(
                    f"Another process has been starting the embedded PostgreSQL in {layout.root} "
                    f"for {_PATIENCE:.0f} seconds. Look into {layout.log}."
                ) from None
            time.sleep(0.01)
        else:
            return


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _same_file(fd: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _after_fork() -> None:
    global _lock, _threads_allowed
    _lock = threading.Lock()
    _threads_allowed = True
    for lease in set(_leases.values()):
        lease.forget_after_fork()


_new_allowed = True
_threads_allowed = True
_lock = threading.Lock()
_leases: dict[str, _Lease] = {}
os.register_at_fork(after_in_child=_after_fork)
