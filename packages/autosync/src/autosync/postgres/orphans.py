"""Ending what a killed keeper or postmaster left running in a cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from autosync.postgres.errors import EmbeddedPostgresError


def end(data: Path) -> None:
    """End the PostgreSQL processes that work in `data`; the caller is its only keeper.

    A postmaster gets the time for a shutdown; what runs without one has nothing to save.
    """
    steps = [(signal.SIGINT, 10.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 5.0)]
    if _postmaster(data) not in _working_in(data):
        steps = steps[1:]
    for number, seconds in steps:
        for pid in _working_in(data):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        until = time.monotonic() + seconds
        while (left := _working_in(data)) and time.monotonic() < until:
            time.sleep(0.01)
        if not left:
            return
    raise EmbeddedPostgresError(
        f"A former PostgreSQL of {data} does not end (process {', '.join(map(str, left))}). "
        "End it, then start again."
    )


def _working_in(data: Path) -> list[int]:
    """The ids of the PostgreSQL processes whose working folder is `data`, as every server's is.

    Where there is no /proc, only the postmaster that the pid file names is known; PostgreSQL then
    refuses by itself to start beside others.
    """
    try:
        here = data.stat()
    except FileNotFoundError:
        return []
    if sys.platform != "linux":
        pid = _postmaster(data)
        said = subprocess.run(
            ["ps", "-p", str(pid or 0), "-o", "command="],
            capture_output=True,
            text=True,
            check=False,
        )
        return [pid] if pid and str(data) in said.stdout else []
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            there = (process / "cwd").stat()
            program = (process / "exe").readlink()
        except OSError:
            continue
        same = (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
        if same and program.name.split(" ")[0] == "postgres":  # "postgres (deleted)"
            found.append(int(process.name))
    return found


def _postmaster(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
