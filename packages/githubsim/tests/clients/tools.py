"""Each client in an environment of its own, made from its lock file; no part of the product.

A Python client's lock is `environments/<client>.txt`, those of Node are in `node/`. Environments
are kept in `.clients/` and made anew when their lock changes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from octokit import missing

HERE = Path(__file__).parent
CACHE = HERE.parents[3] / ".clients"
_INSTALL = 500.0  # seconds
_RUN = float(os.environ.get("CLIENT_TIMEOUT", "240"))


def python_of(client: str) -> Path:
    """The Python of a client's environment, made first if it is not there."""
    lock = HERE / "environments" / f"{client}.txt"
    home = CACHE / client
    python = home / "bin" / "python"
    if _made_from(home, [lock]):
        return python
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        missing(f"uv is not installed: {client} cannot be installed")
    shutil.rmtree(home, ignore_errors=True)
    _install(client, [str(uv), "venv", "--quiet", "--python", sys.executable, str(home)])
    _install(
        client,
        [str(uv), "pip", "install", "--quiet", "--python", str(python), "--requirement", str(lock)],
    )
    _note(home, [lock])
    return python


def node_home() -> Path:
    """A copy of `node/` with its packages installed; scripts import them from there."""
    home = CACHE / "node"
    locks = [HERE / "node" / "package.json", HERE / "node" / "package-lock.json"]
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing("node and npm are not installed: apt-get install nodejs npm")
    if not _made_from(home, locks):
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        for lock in locks:
            shutil.copy(lock, home)
        _install("octokit", ["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=home)
        _note(home, locks)
    for script in (HERE / "node").glob("*.mjs"):
        shutil.copy(script, home)
    return home


def run(
    command: Sequence[str | Path],
    *,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    given: Any = None,
    code: int = 0,
) -> str:
    """Run a client to its end; what it wrote to stdout. `given` is its stdin, as JSON.

    Of this process's environment it gets the PATH and a home, so that no token or setting of a
    developer reaches it; any exit code but `code` fails the test with its words.
    """
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=_bare(cwd) | (env or {}),
        input=None if given is None else json.dumps(given),
        capture_output=True,
        text=True,
        timeout=_RUN,
        check=False,
    )
    assert done.returncode == code, f"{done.stdout[-4000:]}\n{done.stderr[-6000:]}"
    return done.stdout


def read(command: Sequence[str | Path], given: Any = None, *, cwd: Path | None = None) -> Any:
    """What a reader script prints: one JSON document on its last line."""
    return json.loads(run(command, given=given, cwd=cwd).strip().splitlines()[-1])


def reader(client: str, given: Any = None) -> Any:
    """What `readers/with_<client>.py` finds, run by the Python of that client."""
    script = HERE / "readers" / f"with_{client.replace('-', '_')}.py"
    return read([python_of(client), "-I", script], given)


def _bare(home: Path | None) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home or CACHE), "LANG": "C.UTF-8"}


def _install(client: str, command: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=_INSTALL, check=False
    )
    if done.returncode:
        missing(f"{client} could not be installed: {(done.stdout + done.stderr).strip()[-600:]}")


def _made_from(home: Path, locks: Sequence[Path]) -> bool:
    note = home / "made-from.json"
    return note.exists() and json.loads(note.read_text()) == [one.read_text() for one in locks]


def _note(home: Path, locks: Sequence[Path]) -> None:
    # Written last: an installation that was broken off is made again.
    (home / "made-from.json").write_text(json.dumps([one.read_text() for one in locks]))
