"""The process that keeps one embedded server running as long as anybody holds a lease on it.

`python -m autosync.postgres.keeper DATA_DIR` takes keeper.lock, leaves for the background in a
session of its own (Ctrl-C at the terminal is not for it) and returns 0; 3 if there is a keeper.
It makes the cluster if there is none, starts the server as its child, starts it again when it
dies, and says in state.json when it is ready. What keeps it from getting ready it says on its
standard output, which stays open until then. It goes, and the server with it, as soon as it gets
the exclusive lock on lease.lock: every client process holds a shared one as long as it lives,
and the kernel gives that back however the process ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from autosync.killpoints import reached
from autosync.postgres.cluster import Cluster
from autosync.postgres.errors import EmbeddedPostgresError, from_os_error
from autosync.postgres.layout import ALREADY_KEPT, Layout, open_private, write_private

_LEASE_CHECK = 0.2  # seconds between two looks at the lease
_ATTEMPTS = 5  # starts in a row that may fail after a server that had run


def main(argv: list[str]) -> int:
    layout = Layout(Path(argv[1]))
    lock = open_private(layout.keeper_lock)
    if not _locked(lock, seconds=2):
        return ALREADY_KEPT
    layout.state.unlink(missing_ok=True)  # the word of an earlier keeper
    lease = open_private(layout.lease_lock)
    if os.fork():
        os._exit(0)
    _leave_for_the_background()
    try:
        _Keeper(layout, lease).run()
    except EmbeddedPostgresError as error:
        _tell(str(error))
    except OSError as error:
        _tell(str(from_os_error(error, layout.root)))
    except Exception as error:
        _tell(f"The keeper of the embedded PostgreSQL failed; please report this: {error!r}")
        raise
    return 0


class _Keeper:
    def __init__(self, layout: Layout, lease: int) -> None:
        self._layout = layout
        self._lease = lease
        self._lease_file = os.fstat(lease).st_ino
        self._told_to_stop = False
        self._wake, wake_end = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake_end, False)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_sigterm)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)

    def run(self) -> None:
        """Serve until the last lease is given back or SIGTERM comes; raises what it cannot heal."""
        cluster = Cluster(self._layout)
        unsynced = cluster.make_if_new()
        cluster.restore_password_if_lost()
        syncing: subprocess.Popen[bytes] | None = None
        socket = self._layout.socket
        ever_ready = False
        failures = 0
        while not self._over():
            log_before = cluster.log_size()
            server = cluster.start()
            reached("postgres: started, not ready")
            try:
                if self._wait_until_ready(cluster, server):
                    ever_ready, failures = True, 0
                    reached("postgres: ready, not said")
                    self._say_ready(server.pid)
                    if unsynced:
                        syncing, unsynced = cluster.sync_to_disk(), False
                    # Cleaners of /tmp take sockets away; the server would not notice.
                    while server.poll() is None and not self._over() and socket.exists():
                        self._sleep(_LEASE_CHECK)
                else:
                    failures += 1
            finally:
                self._layout.state.unlink(missing_ok=True)
                cluster.stop(server)
            # A server that died recovers from its log when started again. One that cannot, says
            # why, and so do we: the clients try again with a new keeper.
            if failures and not self._over():
                if not ever_ready or failures == _ATTEMPTS:
                    raise cluster.failed_start(log_before)
                self._sleep(0.1 * 2**failures)
        if syncing is not None:
            syncing.wait()
        cluster.tidy()

    def _wait_until_ready(self, cluster: Cluster, server: subprocess.Popen[bytes]) -> bool:
        while server.poll() is None and not self._over():
            if cluster.ready(server):
                return True
            time.sleep(0.005)
        return False

    def _over(self) -> bool:
        """Whether the server is needed no more; once true, no client can take a lease."""
        if self._told_to_stop:
            return True
        try:
            # The folder was removed, or put back from elsewhere: nobody can lease this one.
            if self._layout.lease_lock.stat().st_ino != self._lease_file:
                self._told_to_stop = True
        except OSError:
            self._told_to_stop = True
        # Kept until we exit, so that the next client waits for the end and starts a new keeper.
        self._told_to_stop = self._told_to_stop or _locked(self._lease)
        return self._told_to_stop

    def _sleep(self, seconds: float) -> None:
        """Wait; a signal, such as that of the server's death, ends it early."""
        if select.select([self._wake], [], [], seconds)[0]:
            os.read(self._wake, 512)

    def _on_sigterm(self, *_: object) -> None:
        self._told_to_stop = True

    def _say_ready(self, pid: int) -> None:
        write_private(self._layout.state, json.dumps({"pid": pid}))
        _silence(1)


def _locked(fd: int, seconds: float = 0) -> bool:
    """Try for the exclusive lock; a client that only asks whether it is held lets go at once."""
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.005)
        else:
            return True


def _leave_for_the_background() -> None:
    os.setsid()
    os.chdir("/")
    os.umask(0o077)
    _silence(0, 2)


def _silence(*fds: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for fd in fds:
        os.dup2(nothing, fd)
    os.close(nothing)


def _tell(message: str) -> None:
    """Hand the reason of a failure to the client that waits for us, if it still does."""
    try:
        os.write(1, message.encode()[:60_000])
    except OSError:
        pass


if __name__ == "__main__":
    sys.exit(main(sys.argv))
