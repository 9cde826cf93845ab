"""The process that keeps one embedded server running as long as anybody holds a lease on it.

`python -m autosync.postgres.keeper DATA_DIR` takes keeper.lock, leaves for the background in a
session of its own (Ctrl-C at the terminal is not for it) and returns 0; 3 if there is a keeper.
It makes the cluster if there is none, starts the server as its child, starts it again when it
dies, and says in state.json how it stands. It goes, and the server with it, as soon as it gets
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

from autosync.postgres.cluster import Cluster
from autosync.postgres.errors import EmbeddedPostgresError, from_os_error
from autosync.postgres.layout import Layout, open_private, write_private

ALREADY_KEPT = 3
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
    keeper = _Keeper(layout, lease)
    try:
        keeper.run()
    except EmbeddedPostgresError as error:
        keeper.say("failed", error=str(error))
        return 1
    except OSError as error:
        keeper.say("failed", error=str(from_os_error(error, layout.root)))
        return 1
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
        """Serve until the last lease is given back or SIGTERM comes."""
        self.say("starting")
        cluster = Cluster(self._layout)
        is_new = cluster.make_if_new()
        cluster.restore_password_if_lost()
        syncing: subprocess.Popen[bytes] | None = None
        failures = 0
        while not self._over():
            log_before = cluster.log_size()
            server = cluster.start()
            try:
                started = self._wait_until_ready(cluster, server)
                if started:
                    failures = 0
                    self.say("ready", pid=server.pid)
                    if is_new:
                        syncing, is_new = cluster.sync_to_disk(), False
                    while server.poll() is None and not self._over():
                        self._sleep(_LEASE_CHECK)
            finally:
                cluster.stop(server)
            if self._over():
                break
            # The server died. It recovers from its log; what it cannot repair, it says.
            self.say("starting")
            failures += not started
            if not started and (self._first_start or failures >= _ATTEMPTS):
                raise cluster.failed_start(log_before)
            self._first_start = False
            if failures:
                self._sleep(min(0.1 * 2**failures, 5))
        if syncing is not None:
            syncing.wait()
        self._layout.state.unlink(missing_ok=True)

    _first_start = True

    def _wait_until_ready(self, cluster: Cluster, server: subprocess.Popen[bytes]) -> bool:
        while server.poll() is None and not self._over():
            if cluster.ready(server):
                self._first_start = False
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

    def say(self, state: str, **more: object) -> None:
        """Publish how it stands, in one step; nobody to hear it is no reason to fail."""
        try:
            write_private(self._layout.state, json.dumps({"state": state, **more}))
        except OSError:
            if state == "ready":
                raise


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
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
