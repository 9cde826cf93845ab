"""Example payloads that GitHub's own tooling publishes (`@octokit/webhooks-examples`)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

PACKAGE = "@octokit/webhooks-examples@7.6.1"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "autosync-tests"


def missing(what: str) -> None:
    """Skip and say so; where everything is required (.ci/run) fail."""
    if os.environ.get("AUTOSYNC_REQUIRE_ALL"):
        pytest.fail(what)
    pytest.skip(what)


@lru_cache(maxsize=1)
def examples() -> list[tuple[str, dict[str, Any]]]:
    """Every (event, payload) of the package, fetched once into a cache."""
    path = _CACHE / "webhooks-examples-7.6.1.json"
    if not path.exists():
        _fetch(path)
    return [
        (entry["name"], payload)
        for entry in json.loads(path.read_text())
        for payload in entry["examples"]
    ]


def _fetch(path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        missing(f"npm is not installed: {PACKAGE} cannot be fetched")
        return
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [npm, "pack", PACKAGE, "--silent"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        archives = list(Path(folder).glob("*.tgz"))
        if done.returncode or not archives:
            missing(f"npm could not fetch {PACKAGE}: {done.stderr.strip()[:200]}")
        with tarfile.open(archives[0]) as archive:
            member = archive.extractfile("package/api.github.com/index.json")
            assert member is not None
            content = member.read()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two runs side by side may both fetch: the rename is atomic.
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(content)
    fresh.rename(path)
