"""Other commits of this repository beside the one at hand, each in a git worktree of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks._serving import PACKAGE, bare

ROOT = PACKAGE.parents[1]


@contextmanager
def compared(commit: str, variable: str) -> Iterator[tuple[Path, dict[str, Path]]]:
    """A folder for what is measured, and sources by name: "before", if there is such a commit
    (`variable` names it), and "now".
    """
    with tempfile.TemporaryDirectory(prefix="autosync-bench-") as name:
        folder = Path(name)
        with _checked_out(commit, folder / "before", variable) as before:
            then = {"before": _sources(before)} if before is not None else {}
            yield folder, {**then, "now": _sources(ROOT)}


def said(tree: Path, module: str, data: Path, *arguments: str) -> Any:
    """The JSON on the last line that a module of these benchmarks prints. It runs with the
    `autosync` of `tree` in the folder `data`, which is its first argument.
    """
    data.mkdir(mode=0o700, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", str(data), *arguments],
        env={**bare(), "PYTHONPATH": f"{tree}{os.pathsep}{PACKAGE}"},
        cwd=data,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{tree}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def _checked_out(commit: str, folder: Path, variable: str) -> Iterator[Path | None]:
    """A git worktree of `commit`, which `variable` names; None if there is no such commit."""
    git = ["git", "-C", str(ROOT)]
    asked = [*git, "cat-file", "-e", f"{commit}^{{commit}}"]
    known = (
        bool(commit)
        and not subprocess.run(asked, stderr=subprocess.DEVNULL, check=False).returncode
    )
    if not known:
        sys.stderr.write(f"no commit to compare with; set {variable}\n")
        yield None
        return
    subprocess.run(
        [*git, "worktree", "add", "--quiet", "--detach", str(folder), commit], check=True
    )
    try:
        yield folder
    finally:
        subprocess.run([*git, "worktree", "remove", "--force", str(folder)], check=True)


def _sources(tree: Path) -> Path:
    """Where the packages of a tree lie: it was one distribution before it was a workspace."""
    workspace = tree / "packages" / "autosync" / "src"
    return workspace if workspace.is_dir() else tree / "src"
