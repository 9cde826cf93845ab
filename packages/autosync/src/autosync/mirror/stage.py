"""Rows on their way into a table: one JSON document, which statements read as the table `s`.

Encoded at once and sent as one parameter, they cost less than a COPY into a temporary table, which
takes four more exchanges with the server and must be emptied at the end of each transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from django.db import connection, models
from psycopg.types.json import Json, Jsonb

from autosync.mirror.merge import Clock, Merge, Row
from autosync.storable import storable


@dataclass(frozen=True)
class Staged:
    """Columns that were given; `lent` are required ones that some rows lack. `document` is what
    statements need as `%(staged)s`.
    """

    names: tuple[str, ...]
    lent: tuple[str, ...]
    document: str


def stage(merge: Merge, rows: Sequence[Row], observed_at: datetime) -> Staged:
    """The rows as the statements of `mirror.statement` take them."""
    names = merge.content
    if not (merge.groups or any("observed_at" in row for row in rows)):
        try:
            whole = [{name: row[name] for name in names} for row in rows]
        except KeyError:
            return _stage_partial(merge, rows, observed_at)
        return Staged(names, (), document(whole))
    return _stage_partial(merge, rows, observed_at)


def _stage_partial(merge: Merge, rows: Sequence[Row], observed_at: datetime) -> Staged:
    names = merge.content
    if merge.decided_by is Clock.COMPLETE:
        raise ValueError(f"rows of {merge.table} are whole: complete, or a stub of all columns")
    lent: set[str] = set()
    clocked = frozenset(merge.governed) - merge.listed
    own_moments = any("observed_at" in row for row in rows)
    marks = merge.has("lacking") and not all(row.keys() >= clocked for row in rows)
    found: list[dict[str, Any]] = []
    for row in rows:
        try:
            values = {name: row[name] for name in names}
        except KeyError:
            values = {name: row[name] if name in row else _default(merge, name) for name in names}
            lent |= merge.required - row.keys()
        moment = row.get("observed_at", observed_at)
        for group in merge.groups:
            values[group.observed_at] = moment if _gives(group.columns, row) else None
        if own_moments:
            values["observed_at"] = moment
        if marks:
            lacking = clocked - row.keys()
            values["lacking"] = dict.fromkeys(lacking) if lacking else None
        found.append(values)
    all_names = [*names, *(group.observed_at for group in merge.groups)]
    all_names += ["observed_at"] * own_moments + ["lacking"] * marks
    return Staged(tuple(all_names), tuple(sorted(lent)), document(found))


@lru_cache(maxsize=512)
def source(merge: Merge, names: tuple[str, ...], given: str = "staged") -> str:
    """SQL, behind FROM: the columns `names` of the rows of the parameter `given`, as the table `s`.

    A word that is too long must not cost its row: a cast cuts it off.
    """
    columns, types = [], []
    for name in names:
        field = merge.fields[name]
        kind = field.db_type(connection)
        value = f"r.{name}"
        if isinstance(field, models.CharField) and field.max_length:
            value, kind = f"{value}::{kind} AS {name}", "text"
        elif isinstance(field, models.JSONField) and not field.null:
            value = f"coalesce({value}, 'null'::jsonb) AS {name}"
        columns.append(value)
        types.append(f"{name} {kind}")
    return (
        f"(SELECT {', '.join(columns)} "  # noqa: S608 (names are ours)
        f"FROM json_to_recordset(%({given})s::json) AS r ({', '.join(types)})) s"
    )


def _default(merge: Merge, name: str) -> Any:
    column = merge.fields[name]
    if name in merge.required or not column.has_default():
        return None
    return column.get_default()


def _gives(columns: Sequence[str], row: Row) -> bool:
    """Whether the row has the group's columns: all or none of them."""
    given = [name for name in columns if name in row]
    if given and len(given) < len(columns):
        missing = ", ".join(sorted(set(columns) - set(given)))
        raise ValueError(f"a row gives {given[0]} without {missing}, which are observed together")
    return bool(given)


def document(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as JSON that PostgreSQL takes. It costs less than arrays of texts, each of which
    psycopg looks through for what it must escape.
    """
    try:
        written = _encode(rows)
    except (UnicodeEncodeError, OverflowError, NotImplementedError):
        pass  # half a surrogate pair, a number of more than 64 bits
    else:
        if b"\\u0000" not in written:
            return written.decode()
    return json.dumps([_plain(row) for row in rows], default=_written, ensure_ascii=False)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: storable(_unwrapped(value)) for name, value in row.items()}


def _unwrapped(value: Any) -> Any:
    return value.obj if isinstance(value, Jsonb | Json) else value


def _written(value: Any) -> Any:
    return msgspec.to_builtins(_unwrapped(value))


_encode = msgspec.json.Encoder(enc_hook=_unwrapped).encode
