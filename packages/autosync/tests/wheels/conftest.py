"""Both distributions, built once and installed in two environments that hold nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.service import ROOT

NAMES = ("autosync_github", "githubsim")
_UV = Path(sys.executable).with_name("uv")


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and an empty folder outside every checkout to type commands in."""

    bin: Path
    folder: Path

    def variables(self, **settings: str) -> dict[str, str]:
        """What a fresh shell has: no setting of AutoSync's, and git, but no other Python."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
        return kept | {"PATH": f"{self.bin}:/usr/bin:/bin", "COLUMNS": "200"} | settings

    def run(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """One command of the environment, with what it printed."""
        return subprocess.run(
            [self.bin / command[0], *command[1:]], cwd=self.folder, env=self.variables(**settings),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=170, check=False,
        )  # fmt: skip


def uv(*arguments: object) -> str:
    """What a uv command of the development environment prints."""
    done = subprocess.run(
        [str(_UV), *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A folder that the account which runs PostgreSQL for root can read; pytest's are closed."""
    folder = Path(tempfile.mkdtemp(prefix="autosync-wheels-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def built(place: Path) -> Path:
    """The folder with an archive of the sources and a wheel made from it, of both."""
    uv("build", "--all-packages", "--out-dir", place / "dist")
    return place / "dist"


@pytest.fixture(scope="session")
def with_extra(place: Path, built: Path) -> Environment:
    return _environment(place, built, "demo", "[demo]", *NAMES)


@pytest.fixture(scope="session")
def without_extra(place: Path, built: Path) -> Environment:
    return _environment(place, built, "bare", "", "autosync_github")


def _environment(place: Path, built: Path, name: str, extra: str, *wheels: str) -> Environment:
    """Installed as a user does, but with the versions of the lock file: they are what is tested."""
    lock = place / "constraints.txt"
    options = ("--frozen", "--all-packages", "--all-extras", "--no-dev", "--no-emit-workspace")
    lock.write_text(uv("export", *options, "--no-hashes"))
    folder = place / name
    uv("venv", "--python", sys.executable, folder / "venv")
    files = [str(next(built.glob(f"{one}-*.whl"))) for one in wheels]
    files[0] += extra
    uv("pip", "install", "--python", folder / "venv/bin/python", "--constraint", lock, *files)
    (folder / "work").mkdir()
    return Environment(folder / "venv" / "bin", folder / "work")
