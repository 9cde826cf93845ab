"""The one door for odd values: everything that Django writes or reads passes here.

On the way in, text that PostgreSQL refuses is cleaned; on the way out, a moment that Python cannot
hold is clamped. Values that are in order cost nothing.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import (  # type: ignore[import-untyped]
    BaseTzLoader,
)
from psycopg import AsyncConnection, Connection, DataError
from psycopg.abc import Buffer
from psycopg.types.json import Json, Jsonb, JsonbDumper, JsonDumper

from autosync import moments
from autosync.storable import storable

_ESCAPE = re.compile(rb"\\u(?:0000|d[89a-f])")


class _Clean:
    """A dumper of JSON that looks for escapes which PostgreSQL refuses."""

    def dump(self, obj: Any) -> Buffer | None:
        data: Buffer | None = super().dump(obj)  # type: ignore[misc]
        if data is None or not _ESCAPE.search(data):
            return data
        cleaned: Buffer | None = super().dump(storable(obj))  # type: ignore[misc]
        return cleaned


class CleanJsonb(_Clean, JsonbDumper):
    """For jsonb."""


class CleanJson(_Clean, JsonDumper):
    """For json."""


class ClampingLoader(BaseTzLoader):  # type: ignore[misc]
    """Reads a timestamptz; one that Python cannot hold (a later year, BC, infinity) as the nearest
    moment that it can.
    """

    def load(self, data: Buffer) -> Any:
        text = str(data, "ascii")
        if text[-3:] == "+00":
            # As sessions in UTC write it: a fraction of the time that psycopg takes for all forms.
            try:
                return datetime.fromisoformat(text).replace(tzinfo=self.timezone)
            except ValueError:
                pass  # another year than Python knows
        try:
            return super().load(data)
        except (DataError, ValueError, OverflowError):
            written = bytes(data)
            early = written.endswith(b"BC") or written.startswith(b"-")
            return moments.EARLIEST if early else moments.LATEST


class _Storing:
    """Cleans the parameters of a statement that they would make unsendable, and sends it again.

    psycopg refuses NUL and half a surrogate pair before anything is sent, so nothing is undone.
    """

    def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
        try:
            return super().execute(query, params, **more)  # type: ignore[misc]
        except (DataError, UnicodeEncodeError) as error:
            cleaned = _again(params, error)
        return super().execute(query, cleaned, **more)  # type: ignore[misc]

    def executemany(self, query: Any, params_seq: Any, **more: Any) -> Any:
        rows = list(params_seq)
        try:
            return super().executemany(query, rows, **more)  # type: ignore[misc]
        except (DataError, UnicodeEncodeError) as error:
            cleaned = _again(rows, error)
        return super().executemany(query, cleaned, **more)  # type: ignore[misc]


class StoringCursor(_Storing, base.Cursor):  # type: ignore[misc, name-defined]
    """Django's cursor, which puts the parameters into the text."""


class PreparingCursor(_Storing, base.ServerBindingCursor):  # type: ignore[misc, name-defined]
    """Keeps each statement prepared, and sends the parameters apart from its text."""

    def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
        return super().execute(query, params, **{"prepare": True, **more})

    def _convert_query(self, query: Any, params: Any = None) -> Any:
        self._query = super()._convert_query(query, params)  # for Django's log of statements
        return self._query


def prepare(connection: Connection[Any] | AsyncConnection[Any], timezone: Any) -> None:
    """Let `connection` read and write odd values. Django's own loader knows `timezone`."""
    loader = type("Loader", (ClampingLoader,), {"timezone": timezone})
    connection.adapters.register_loader("timestamptz", loader)
    connection.adapters.register_dumper(Json, CleanJson)
    connection.adapters.register_dumper(Jsonb, CleanJsonb)


def _again(params: Any, error: DataError | UnicodeEncodeError) -> Any:
    """The parameters to try again with; `error` if the server raised it or nothing is odd."""
    if params is None or getattr(error, "sqlstate", None) is not None:
        raise error
    cleaned = storable(params)
    if cleaned == params:
        raise error
    return cleaned
