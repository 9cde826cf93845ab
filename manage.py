#!/usr/bin/env python3
"""Django's command line: migrate, runserver, sync_github and the rest."""

import os
import sys
from pathlib import Path


def into_the_environment() -> None:
    """Start again with `.venv`'s Python, where `make install` has put all that is needed."""
    ours = Path(__file__).resolve().parent / ".venv" / "bin" / "python"
    if not ours.exists() or sys.prefix == str(ours.parents[1]):
        sys.exit("error: AutoSync is not installed here yet. Run: make install")
    sys.stdout.flush()
    os.execv(ours, [str(ours), *sys.argv])


def main() -> None:
    try:
        from autosync import entrance
    except ModuleNotFoundError:
        into_the_environment()
    else:
        entrance.manage(sys.argv)


if __name__ == "__main__":
    main()
