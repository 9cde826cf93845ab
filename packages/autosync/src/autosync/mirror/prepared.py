"""Statements that run again and again: the server reads and plans each but once a session.

Their parameters travel apart from the text, which therefore stays the same. Merging a row takes a
statement of many thousand characters, of which planning is the dearest part.
"""

from __future__ import annotations

from typing import Any, cast

from django.db import connection
from django.db.backends.utils import CursorWrapper


def prepared() -> CursorWrapper:
    """A cursor whose statements are kept prepared; where a pooler lends the session for a
    transaction at a time, one of which they are not.
    """
    if connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"):
        return connection.cursor()
    return cast(CursorWrapper, cast(Any, connection).preparing_cursor())
