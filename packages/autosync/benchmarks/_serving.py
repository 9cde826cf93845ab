"""A web process of AutoSync's own for a benchmark, on a database of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autosync.postgres import ensure_running, release
from tests.service import free_port

PACKAGE = Path(__file__).resolve().parents[1]
SECRET = "only for the benchmark"


@contextmanager
def server(command: list[str], environment: dict[str, str]) -> Iterator[int]:
    """Run `command` until the end of the block; yields its port once it answers there."""
    port = free_port()
    process = subprocess.Popen(
        command, env={**environment, "AUTOSYNC_PORT": str(port), "GRANIAN_PORT": str(port)}
    )
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/nothing", timeout=5)
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise RuntimeError(f"{command[2]} did not start")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def environment(data: Path) -> dict[str, str]:
    """Settings of a service whose data folder is `data`."""
    return bare() | {
        "AUTOSYNC_DATA_DIR": str(data),
        "GITHUB_WEBHOOK_SECRET": SECRET,
        "PYTHONPATH": str(PACKAGE),
    }


def bare() -> dict[str, str]:
    """This process's environment without settings of an AutoSync."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AUTOSYNC_", "GITHUB_", "DATABASE_", "DJANGO_"))
        or name == "AUTOSYNC_POSTGRES_USER"
    }


@contextmanager
def migrated(settings: dict[str, str]) -> Iterator[str]:
    """The embedded database of a service with these settings; yields where it is."""
    where = ensure_running(Path(settings["AUTOSYNC_DATA_DIR"]) / "postgres")
    try:
        subprocess.run(
            [sys.executable, "-m", "autosync.service.migration"], env=settings, check=True
        )
        yield where
    finally:
        release()
