"""How tests wait for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

# Seconds after which a test gives up; on an idle machine nothing takes a tenth of it.
PATIENCE = 150.0


def eventually(condition: Callable[[], Any], what: object, seconds: float = PATIENCE) -> Any:
    """Poll until `condition` is truthy and return it; AssertionError after `seconds`.

    What is waited for needs the machine as well: between two looks passes twice as long as one
    takes, and up to half a second when it has been waited for long.
    """
    began = time.monotonic()
    until = began + seconds
    while (looked := time.monotonic()) < until:
        if value := condition():
            return value
        now = time.monotonic()
        time.sleep(max(0.05, 2 * (now - looked), min(0.5, (now - began) / 10)))
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


class Told:
    """A message made when it is read."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __format__(self, _: str) -> str:
        return str(self._make())
