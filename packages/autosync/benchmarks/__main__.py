"""`python -m benchmarks [NAME …]`: run the benchmarks, one JSON line each on standard output."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import platform
import sys
import time

import benchmarks


def main() -> int:
    """Run the named benchmarks, or all; the exit code is 1 if one of them failed."""
    known = available()
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(known)}")
    names = parser.parse_args().names or known
    unknown = sorted(set(names) - set(known))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}")
    failed = False
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        started = time.monotonic()
        try:
            result = importlib.import_module(f"benchmarks.{name}").run()
        except Exception as error:
            failed = True
            result = {"error": f"{type(error).__name__}: {error}"}
        machine = {"cpus": os.cpu_count(), "python": platform.python_version()}
        line = {"benchmark": name, **result, "seconds": round(time.monotonic() - started, 1)}
        print(json.dumps(line | machine), flush=True)
    return 1 if failed else 0


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
