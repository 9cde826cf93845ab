"""The git programs that a process has started: each leads a process group of its own."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path


def gits_of(parent: int) -> list[int]:
    """The ids of the git processes whose parent is `parent`."""
    return [pid for pid, ppid, name in _processes() if ppid == parent and name.startswith("git")]


def kill(pids: list[int]) -> None:
    """SIGKILL, to all of the group that each leads (git's transport helpers)."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _processes() -> list[tuple[int, int, str]]:
    """Id, parent's id and name of every process."""
    if not Path("/proc/self/stat").exists():
        try:
            said = subprocess.run(
                ["ps", "-A", "-o", "pid=,ppid=,comm="], capture_output=True, text=True, check=False
            ).stdout
        except OSError:
            return []
        rows = [line.split(None, 2) for line in said.splitlines()]
        return [(int(r[0]), int(r[1]), Path(r[2].strip()).name) for r in rows if len(r) == 3]
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                # `12 (name) S 1 …`; the name may contain anything.
                before, _, after = (entry / "stat").read_text(errors="replace").rpartition(")")
                found.append((int(entry.name), int(after.split()[1]), before.partition("(")[2]))
    return found
