"""A migrated database that each service of a test run begins with: made once, then copied.

Making a cluster and migrating it costs some five seconds of CPU, and a run starts dozens. Its
server does not wait for the disk: what tests end is processes, of which none loses what the
machine still holds in memory.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
# The folder of the run's own; made by tests.environment, shared by all processes of the run.
VARIABLE = "AUTOSYNC_TESTS_TEMPLATE"
# What a cluster is; locks and the word of a server that runs are made anew.
_PARTS = ("data", "cluster.json", "pgpass")
_NO_DISK = "\nfsync = off\nfull_page_writes = off\n"


def copy_to(data: Path) -> None:
    """Give the data folder `data`, which has none yet, a migrated database of its own."""
    folder = Path(os.environ[VARIABLE])
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            _make(folder / "template")
            (folder / "made").touch()
    own = data / "postgres"
    data.mkdir(mode=0o700, exist_ok=True)
    own.mkdir(mode=0o700)
    for part in _PARTS:
        # Under root the server has an account of its own, whose files stay its own.
        subprocess.run(
            ["cp", "-a", folder / "template" / "postgres" / part, own / part], check=True
        )


def _make(data: Path) -> None:
    shutil.rmtree(data, ignore_errors=True)
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "AUTOSYNC_"))}
    subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity=0"],
        env=ours | {"DATABASE_URL": "", "AUTOSYNC_DATA_DIR": str(data)},
        cwd=data.parent,
        check=True,
    )
    running = data / "postgres" / "data" / "postmaster.pid"
    eventually(lambda: not running.exists(), "the template's server has stopped")
    with (running.parent / "postgresql.conf").open("a") as settings:
        settings.write(_NO_DISK)
