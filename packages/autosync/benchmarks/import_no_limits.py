"""The same import without limits, as an Enterprise Server has it by default."""

from __future__ import annotations

from typing import Any

from benchmarks import _import


def run() -> dict[str, Any]:
    """By reader: seconds, requests and CPU; sizes of commits and writing included."""
    return _import.measured(limits=False)
