"""Rows on their way into a table: copied into a temporary table of this connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any

from django.db import connection, models
from psycopg.types.json import Jsonb

from autosync.mirror.merge import Clock, Merge, Row
from autosync.storable import storable, text


@dataclass(frozen=True)
class Staged:
    """Columns that were copied; `lent` are required ones that some rows lack."""

    names: tuple[str, ...]
    lent: tuple[str, ...] = ()


def stage(merge: Merge, rows: Sequence[Row], observed_at: datetime) -> Staged:
    """COPY the rows into this connection's temporary table for the merge."""
    names = merge.content
    if not (merge.groups or any("observed_at" in row for row in rows)):
        try:
            # Of one name alone itemgetter would give no tuple.
            values = list(map(itemgetter(*names), rows)) if names[1:] else _tuples(names, rows)
        except KeyError:
            return _stage_partial(merge, rows, observed_at)
        _copy(merge, names, values)
        return Staged(names)
    return _stage_partial(merge, rows, observed_at)


def _stage_partial(merge: Merge, rows: Sequence[Row], observed_at: datetime) -> Staged:
    names = merge.content
    if merge.decided_by is Clock.COMPLETE:
        raise ValueError(f"rows of {merge.table} are whole: complete, or a stub of all columns")
    lent: set[str] = set()
    clocked = frozenset(merge.governed) - merge.listed
    defaults = {name: None if name in merge.required else _default(merge, name) for name in names}
    own_moments = any("observed_at" in row for row in rows)
    marks = merge.has("lacking") and not all(row.keys() >= clocked for row in rows)
    copied = []
    for row in rows:
        values = [row[name] if name in row else defaults[name] for name in names]
        lent |= {name for name in merge.required if name not in row}
        moment = row.get("observed_at", observed_at)
        values += [moment if _gives(group.columns, row) else None for group in merge.groups]
        if own_moments:
            values.append(moment)
        if marks:
            lacking = list(clocked - row.keys())
            values.append(dict.fromkeys(lacking) if lacking else None)
        copied.append(values)
    all_names = [*names, *(group.observed_at for group in merge.groups)]
    all_names += ["observed_at"] * own_moments + ["lacking"] * marks
    _copy(merge, tuple(all_names), copied)
    return Staged(tuple(all_names), tuple(sorted(lent)))


def _tuples(names: Sequence[str], rows: Sequence[Row]) -> list[Sequence[Any]]:
    return [[row[name] for name in names] for row in rows]


def _default(merge: Merge, name: str) -> Any:
    column = merge.fields[name]
    return column.get_default() if column.has_default() else None


def _gives(columns: Sequence[str], row: Row) -> bool:
    """Whether the row has the group's columns: all or none of them."""
    given = [name for name in columns if name in row]
    if given and len(given) < len(columns):
        missing = ", ".join(sorted(set(columns) - set(given)))
        raise ValueError(f"a row gives {given[0]} without {missing}, which are observed together")
    return bool(given)


def _copy(merge: Merge, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    converters = [_converter(merge.fields[name]) for name in names]
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {merge.stage} ON COMMIT DELETE ROWS AS "  # noqa: S608
            f"SELECT {', '.join(merge.staged)} FROM {merge.table} WITH NO DATA"
        )
        cursor.execute(f"DELETE FROM {merge.stage}")  # noqa: S608
        with cursor.copy(f"COPY {merge.stage} ({', '.join(names)}) FROM STDIN") as copy:
            for values in rows:
                # As many of one as of the other; this is the hot path.
                pairs = zip(converters, values)  # noqa: B905
                copy.write_row([put(value) for put, value in pairs])


def _converter(column: models.Field[Any, Any]) -> Callable[[Any], Any]:
    """How a value becomes one that its column can hold."""
    if isinstance(column, models.JSONField):
        return _json_or_null if column.null else Jsonb
    if isinstance(column, models.CharField) and column.max_length:
        return partial(_fitting, length=column.max_length)
    return _storable


def _storable(value: Any) -> Any:
    if value is None or type(value) is int:
        return value
    return text(value) if type(value) is str else storable(value)


def _json_or_null(value: Any) -> Jsonb | None:
    return None if value is None else Jsonb(value)


def _fitting(value: Any, *, length: int) -> Any:
    """The value as its column can hold it: a word that is too long must not cost its row."""
    if isinstance(value, str):
        return text(value)[:length]
    return storable(value)
