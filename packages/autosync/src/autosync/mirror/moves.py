"""Rows of one column beside their key, as a branch with its commit: what an event says went from
one value to another, and lists that are whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from autosync.mirror.digest import DIGEST
from autosync.mirror.merge import Key, Merge, Row
from autosync.mirror.people import unnamed
from autosync.mirror.prose import erasure
from autosync.mirror.tombstones import among
from autosync.storable import storable

# One statement writes so many rows and letters, about.
_ROWS = 10_000
_LETTERS = 5_000_000


def moved(merge: Merge, key: Key, before: Any, after: Any, observed_at: datetime) -> bool:
    """Follow a row along its chain of before and after (None: it is no more), whatever is between
    them is left to who knows it all. Whether the row changed.
    """
    (column,) = (name for name in merge.columns if name not in merge.key)
    values: dict[str, Any] = {"before": before or "", "after": after, "observed_at": observed_at}
    values |= {f"key_{name}": value for name, value in zip(merge.key, key, strict=True)}
    with connection.cursor() as cursor:
        if after is None:
            cursor.execute(
                f"UPDATE {merge.table} SET deleted_at = %(observed_at)s, "  # noqa: S608 (our names)
                f"observed_at = %(observed_at)s WHERE {_same(merge)} AND {column} = %(before)s",
                values,
            )
        else:
            given = ", ".join(f"%(key_{name})s" for name in merge.key)
            cursor.execute(
                f"INSERT INTO {merge.table} AS old "  # noqa: S608
                f"({', '.join(merge.key)}, {column}, observed_at) "
                f"VALUES ({given}, %(after)s, %(observed_at)s) ON CONFLICT ({merge.arbiter}) "
                f"DO UPDATE SET {column} = EXCLUDED.{column}, observed_at = EXCLUDED.observed_at, "
                f"deleted_at = NULL WHERE old.{column} = %(before)s OR old.deleted_at IS NOT NULL",
                values,
            )
        return bool(cursor.rowcount)


def replace_whole(
    merge: Merge, rows: Sequence[Row], scope: Mapping[str, Any], asked_at: datetime
) -> int:
    """All of `scope` (column → value) as it was at `asked_at`: what is absent is deleted. What was
    seen since then is left alone. Returns how many rows changed.
    """
    if merge.people or merge.prose:
        rows = unnamed(merge, rows)
    unique = {merge.key_of(row): row for row in rows}
    count = sum(_write(merge, some, asked_at) for some in _pieces(list(unique.values())))
    values: dict[str, Any] = {"asked_at": asked_at}
    values |= {f"in_{name}": value for name, value in scope.items()}
    within = " AND ".join(f"t.{name} = %(in_{name})s" for name in scope)
    present = among(merge, "t", list(unique), values) if unique else "false"
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {merge.table} t SET deleted_at = %(asked_at)s, "  # noqa: S608
            f"observed_at = %(asked_at)s{erasure(merge)} WHERE {within} AND t.deleted_at IS NULL "
            f"AND t.observed_at <= %(asked_at)s AND NOT ({present})",
            values,
        )
        return count + int(cursor.rowcount)


def _pieces(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """In pieces of a statement each, by rows and by the length of their texts."""
    piece: list[Row] = []
    length = 0
    for row in rows:
        piece.append(row)
        length += sum(len(value) for value in row.values() if type(value) is str)
        if len(piece) >= _ROWS or length >= _LETTERS:
            yield piece
            piece, length = [], 0
    if piece:
        yield piece


def _write(merge: Merge, rows: Sequence[Row], asked_at: datetime) -> int:
    """Insert them, and change those that differ or were deleted."""
    others = [name for name in merge.columns if name not in merge.key]
    names = [*merge.key, *others]
    values: dict[str, Any] = {"asked_at": asked_at}
    kinds = {name: merge.fields[name].db_type(connection) for name in names}
    arrays = ", ".join(f"%(all_{name})s::{kind}[]" for name, kind in kinds.items())
    values |= {f"all_{name}": [storable(row[name]) for row in rows] for name in names}
    columns = ", ".join(names)
    taken = [f"{name} = EXCLUDED.{name}" for name in (*others, "observed_at")]
    differs = [f"old.{name} IS DISTINCT FROM EXCLUDED.{name}" for name in others]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {merge.table} AS old ({columns}, observed_at) "  # noqa: S608 (our names)
            f"SELECT {columns}, %(asked_at)s FROM unnest({arrays}) AS given({columns}) "
            f"ON CONFLICT ({merge.arbiter}) DO UPDATE SET {', '.join(taken)}, deleted_at = NULL, "
            "lacking = NULL WHERE old.observed_at <= EXCLUDED.observed_at "
            f"AND ({' OR '.join(['old.deleted_at IS NOT NULL', *differs])})",
            values,
        )
        return int(cursor.rowcount)


def _same(merge: Merge) -> str:
    unbound = merge.unbound
    return " AND ".join(
        f"{DIGEST.format(name)} = {DIGEST.format(f'%(key_{name})s')}"
        if name in unbound
        else f"{name} = %(key_{name})s"
        for name in merge.key
    )
