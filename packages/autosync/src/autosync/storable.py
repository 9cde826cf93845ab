"""What PostgreSQL cannot store, made storable: NUL, half a surrogate pair, unreadable moments.

GitHub's JSON may hold them: NUL in issue texts (apache/devlake#3564, airbytehq/airbyte#3476).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Json, Jsonb

from autosync import moments

# Of columns of type integer and bigint: https://www.postgresql.org/docs/current/datatype-numeric.html
BIGGEST_INTEGER: Final = 2**31 - 1
BIGGEST_ID: Final = 2**63 - 1
_BAD = re.compile("[\x00\ud800-\udfff]")


def text(value: str) -> str:
    """`value` without NUL, and with U+FFFD for half a surrogate pair."""
    if "\x00" not in value:
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            pass
        else:
            return value
    return _BAD.sub(lambda found: "" if found[0] == "\x00" else "\ufffd", value)


def storable(value: Any) -> Any:
    """`value` with all text and moments in it made storable; containers are copied."""
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return moments.clamp(value) if value.tzinfo else value
    if isinstance(value, Jsonb | Json):
        return type(value)(storable(value.obj), dumps=value.dumps)
    if isinstance(value, Mapping):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(storable(item) for item in value)
    return value
