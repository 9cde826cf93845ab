"""What GitHub's own tooling publishes: example payloads and the GraphQL schema, from npm."""

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

EXAMPLES = "@octokit/webhooks-examples@7.6.1"
SCHEMA = "@octokit/graphql-schema@15.26.1"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "autosync-tests"


def missing(what: str) -> None:
    """Skip and say so; where everything is required (.ci/run) fail."""
    if os.environ.get("AUTOSYNC_REQUIRE_ALL"):
        pytest.fail(what)
    pytest.skip(what)


@lru_cache(maxsize=1)
def examples() -> list[tuple[str, dict[str, Any]]]:
    """Every (event, payload) of the package, fetched once into a cache."""
    path = _fetched(EXAMPLES, "api.github.com/index.json", "webhooks-examples-7.6.1.json")
    return [
        (entry["name"], payload)
        for entry in json.loads(path.read_text())
        for payload in entry["examples"]
    ]


def graphql_schema() -> str:
    """GitHub's published GraphQL schema, fetched once into a cache."""
    return _fetched(SCHEMA, "schema.graphql", "graphql-schema-15.26.1.graphql").read_text()


def _fetched(package: str, member: str, name: str) -> Path:
    path = _CACHE / name
    if not path.exists():
        _fetch(package, member, path)
    return path


def _fetch(package: str, member: str, path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        missing(f"npm is not installed: {package} cannot be fetched")
        return
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [npm, "pack", package, "--silent"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        archives = list(Path(folder).glob("*.tgz"))
        if done.returncode or not archives:
            missing(f"npm could not fetch {package}: {done.stderr.strip()[:200]}")
        with tarfile.open(archives[0]) as archive:
            file = archive.extractfile(f"package/{member}")
            assert file is not None
            content = file.read()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two runs side by side may both fetch: the rename is atomic.
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(content)
    fresh.rename(path)
