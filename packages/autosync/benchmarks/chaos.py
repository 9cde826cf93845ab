"""After a storm: seconds until the mirror equals GitHub again, and the quota that took.

AUTOSYNC_BENCH_OPERATIONS=20000 is a storm of the size of `make chaos-long`; the default is 1,000.
"""

from __future__ import annotations

import os
from typing import Any

from tests.chaos.__main__ import run as storm

OPERATIONS = int(os.environ.get("AUTOSYNC_BENCH_OPERATIONS", "1000"))


def run() -> dict[str, Any]:
    """Twice the same storm: with AutoSync in it, and with AutoSync off until it has passed."""
    size = {"seed": 1, "operations": OPERATIONS, "repositories": 15, "patience": 600.0}
    found = {"online": storm(**size), "offline": storm(**size, offline=True)}  # type: ignore[arg-type]
    if left := sum(one["differences"] for one in found.values()):
        raise AssertionError(f"{left} differences from GitHub are left")
    return found
