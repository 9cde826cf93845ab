"""Named places where a test has this process killed: after each, a restart ends in equality.

A testing aid, off unless AUTOSYNC_KILL_POINT names a file. A test writes there the name of a
point, then if it likes on lines of their own the how-manieth time counts (1) and the signal
(SIGKILL). The process that gets there removes the file, so that it happens once and the test sees
that it did, and sends itself the signal. No point is on a path that is walked per row.
"""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import suppress

VARIABLE = "AUTOSYNC_KILL_POINT"

# Every point in the code; tests/storms/test_kill_points.py has a test for each.
POINTS = (
    "receiver: batch taken, not stored",
    "receiver: stored, not acknowledged",
    "apply: claimed",
    "apply: rows written, not yet in the feed",
    "apply: all written, not yet marked",
    "apply: marked, not committed",
    "apply: committed",
    "apply: batch undone, not yet one by one",
    "apply: tried alone, not applied",
    "apply: failed, not yet parked",
    "follow-up: enqueued, not committed",
    "discover: installations stored",
    "listing: repositories read, not stored",
    "listing: stored, not committed",
    "job: listed, not planned",
    "job: planned, not committed",
    "job: planned",
    "job: repository synced, not recorded",
    "job: repository recorded, not committed",
    "import: page read, not stored",
    "import: page stored, not committed",
    "import: page committed",
    "reconcile: change announced, not read",
    "reconcile: page of changes stored, watermark not moved",
    "reconcile: ids listed, nothing deleted",
    "reconcile: all read, not called synced",
    "refetch: answered, not stored",
    "git: repository made, nothing fetched",
    "git: cloned, not in place",
    "git: fetched, not read",
    "git: commits stored, refs not",
    "git: default branch marked, refs not stored",
    "git: refs stored, not committed",
    "git: refs committed, contributors not counted",
    "git lists: one stored, not all",
    "files: some stored, not all",
    "pulls: some stored, not all",
    "details: read, not stored",
    "recover: log read, no payload read",
    "recover: payloads read, not stored",
    "recover: all stored, watermark not moved",
    "audit: counted",
    "audit: found, not repaired",
    "audit: repaired, not recorded",
    "audit: repository done, verdict not written",
    "purge: cursors gone, content not",
    "purge: batch deleted",
    "purge: content gone, repository not",
    "quota: reserved, not asked",
    "quota: answered, not settled",
    "token: made, not used",
    "worker: stalled job given back, not started",
    "task: done, not recorded",
    "migrate: applied, not recorded",
    "migrate: one of many committed",
    "postgres: cluster made, no login",
    "postgres: login made, not in place",
    "postgres: in place, not remembered",
    "postgres: started, not ready",
    "postgres: ready, not said",
    "serve: database up, not migrated",
    "serve: worker started, web not",
)

_file = os.environ.get(VARIABLE)


def reached(name: str) -> None:
    """Say that the process is at the point `name` now."""
    if _file is not None:
        _end_if_armed(_file, name)


def _end_if_armed(path: str, name: str) -> None:
    with suppress(FileNotFoundError), open(path, "r+", encoding="utf-8") as file:  # noqa: PTH123
        fcntl.flock(file, fcntl.LOCK_EX)  # threads and processes meet here
        wanted, times, number = [*file.read().split("\n"), "", ""][:3]
        if wanted != name or os.fstat(file.fileno()).st_nlink == 0:
            return
        left = int(times or 1) - 1
        if left:
            file.seek(0)
            file.truncate()
            file.write("\n".join([name, str(left), number]))
            return
        os.unlink(path)  # noqa: PTH108
        os.kill(os.getpid(), signal.Signals[number or "SIGKILL"])
