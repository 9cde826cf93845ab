"""`python -m tests.mutations [WORDS]`: break each guard in a copy and run the tests that guard it.

Exit code 1 if a broken guard goes unnoticed. `WORDS` selects guards by name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutations.guards import GUARDS, Guard

ROOT = Path(__file__).resolve().parents[4]
PACKAGE = "packages/autosync"


def main() -> int:
    words = " ".join(sys.argv[1:])
    unnoticed = 0
    for guard in GUARDS:
        if words not in guard.name:
            continue
        noticed = is_noticed(guard)
        unnoticed += not noticed
        print(f"{'noticed  ' if noticed else 'UNNOTICED'}  {guard.name}", flush=True)
    return 1 if unnoticed else 0


def is_noticed(guard: Guard) -> bool:
    """Whether a test fails once the guard is broken; in a copy, so that nothing here changes."""
    with tempfile.TemporaryDirectory(prefix="autosync-mutation-") as folder:
        whole = Path(folder) / "whole"
        leave = shutil.ignore_patterns(
            ".git", ".venv", ".*_cache", "node_modules", ".demo", ".clients"
        )
        shutil.copytree(ROOT, whole, ignore=leave)
        copy = whole / PACKAGE
        file = copy / guard.file
        text = file.read_text()
        if text.count(guard.old) != 1:
            raise SystemExit(f"{guard.file} does not have once: {guard.old}")
        file.write_text(text.replace(guard.old, guard.new))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", *guard.tests.split()],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": f"{copy / 'src'}:{copy}:{whole / 'tools'}"},
            capture_output=True,
            check=False,
        )
        return done.returncode == 1  # 1: tests failed; others: they could not run


if __name__ == "__main__":
    sys.exit(main())
