"""A web process of AutoSync's own for a benchmark, on a database of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECRET = "only for the benchmark"


@contextmanager
def server(command: list[str], environment: dict[str, str]) -> Iterator[int]:
    """Run `command` until the end of the block; yields its port once it answers there."""
    port = _free_port()
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
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AUTOSYNC_", "GITHUB_", "DATABASE_URL"))
        or name == "AUTOSYNC_POSTGRES_USER"
    }
    root = str(Path(__file__).resolve().parents[1])
    return kept | {
        "AUTOSYNC_DATA_DIR": str(data),
        "GITHUB_WEBHOOK_SECRET": SECRET,
        "PYTHONPATH": root,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
