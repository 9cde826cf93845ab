"""Other commits of this repository beside the one at hand, each in a git worktree of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def checked_out(commit: str, folder: Path, variable: str) -> Iterator[Path | None]:
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


def sources(tree: Path) -> Path:
    """Where the packages of a tree lie: it was one distribution before it was a workspace."""
    workspace = tree / "packages" / "autosync" / "src"
    return workspace if workspace.is_dir() else tree / "src"
