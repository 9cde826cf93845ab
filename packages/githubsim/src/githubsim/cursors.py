"""Opaque cursors, as GraphQL connections and REST's list of issues page by."""

import base64
import binascii
import json
from typing import Any

_PREFIX = b"cursor:v2:"


def encode(*key: int | str) -> str:
    """A cursor that holds the key of a row."""
    return base64.b64encode(_PREFIX + json.dumps(key).encode()).decode()


def decode(cursor: str, size: int) -> list[Any]:
    """The key of `size` parts in a cursor; ValueError if it is none of ours."""
    try:
        raw = base64.b64decode(cursor, validate=True)
    except binascii.Error as error:
        raise ValueError(cursor) from error
    key = json.loads(raw.removeprefix(_PREFIX))
    if not raw.startswith(_PREFIX) or not isinstance(key, list) or len(key) != size:
        raise ValueError(cursor)
    return key
