"""The standard world at 300 ms a request and 3 ms a node, all of GitHub's limits on, and others."""

from __future__ import annotations

from typing import Any

from benchmarks import _import


def run() -> dict[str, Any]:
    """By reader: seconds, requests, points and CPU; AUTOSYNC_BENCH_SHARE and _RUNS scale it."""
    return _import.measured(limits=True)
