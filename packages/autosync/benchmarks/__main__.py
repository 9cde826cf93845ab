"""`python -m benchmarks [NAME …]`: run the benchmarks, one JSON line each on standard output.

`python -m benchmarks report [FILE…]` prints docs/benchmarks.md, made from such lines: those of
measured.jsonl and of these files, of each benchmark the last.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import sys
import time
from pathlib import Path

import benchmarks
from benchmarks import _report
from benchmarks._machine import machine

MEASURED = Path(__file__).with_name("measured.jsonl")
_VARIABLES = ("AUTOSYNC_BENCH_", "BENCH_")


def main() -> int:
    """Run the named benchmarks, or all; the exit code is 1 if one of them failed."""
    known = available()
    if sys.argv[1:2] == ["report"]:
        files = [MEASURED, *map(Path, sys.argv[2:])]
        lines = [line for one in files for line in one.read_text().splitlines()]
        sys.stdout.write(_report.page(_report.read(lines), known))
        return 0
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(known)}")
    names = parser.parse_args().names or known
    unknown = sorted(set(names) - set(known))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}")
    failed = False
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        started, where = time.monotonic(), machine()
        try:
            result = importlib.import_module(f"benchmarks.{name}").run()
        except Exception as error:
            failed = True
            result = {"error": f"{type(error).__name__}: {error}"}
        about = {
            "machine": where,
            "command": _command(name),
            "seconds_of_the_benchmark": round(time.monotonic() - started, 1),
        }
        print(json.dumps({"benchmark": name, **result, **about}), flush=True)
    return 1 if failed else 0


def _command(name: str) -> str:
    chosen = [
        f"{key}={value}" for key, value in sorted(os.environ.items()) if key.startswith(_VARIABLES)
    ]
    return " ".join([*chosen, "python -m benchmarks", name])


def available() -> list[str]:
    """The modules of this package that say `def run(`."""
    return sorted(
        module.name
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if not module.name.startswith("_")
        and hasattr(importlib.import_module(f"benchmarks.{module.name}"), "run")
    )


if __name__ == "__main__":
    sys.exit(main())
