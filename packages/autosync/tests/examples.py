"""How many examples a property test tries: enough for each change, and more when asked."""

from __future__ import annotations

import os

_TIMES = int(os.environ.get("EXAMPLES_TIMES", "1"))


def examples(number: int) -> int:
    """`number` in `make test`, many times that in `make properties`."""
    return number * _TIMES
