"""Rows of one column beside their key, as a branch with its commit: what an event says went from
one value to another, and lists that are whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection

from autosync.mirror.digest import DIGEST
from autosync.mirror.merge import Key, Merge, Row
from autosync.mirror.people import unnamed
from autosync.mirror.prepared import prepared
from autosync.mirror.prose import erasure
from autosync.mirror.stage import document, source
from autosync.mirror.tombstones import among

# One statement writes so many rows and letters, about.
_ROWS = 10_000
_LETTERS = 5_000_000


class Step(NamedTuple):
    """A row went from `before` to `after` (None: it is no more)."""

    key: Key
    before: Any
    after: Any


def moved(merge: Merge, steps: Sequence[Step], observed_at: datetime) -> set[Key]:
    """Follow rows along their chains of before and after, in the order of the steps; what is
    between them is left to who knows it all. Returns the keys of the rows that changed.

    Steps of one row that follow each other are one: it may have any of their values before.
    """
    changed: set[Key] = set()
    left = _chains(steps)
    while left:
        # One chain of each row, all rows at once.
        first = [(key, chains.pop(0)) for key, chains in sorted(left.items())]
        left = {key: chains for key, chains in left.items() if chains}
        for gone in (False, True):
            some = [(key, chain) for key, chain in first if (chain.after is None) is gone]
            if some:
                changed |= _follow(merge, some, gone, observed_at)
    return changed


@dataclass
class _Chain:
    befores: list[Any]
    after: Any


def _chains(steps: Sequence[Step]) -> dict[Key, list[_Chain]]:
    found: dict[Key, list[_Chain]] = {}
    for key, before, after in steps:
        chains = found.setdefault(key, [])
        last = chains[-1] if chains else None
        if last and after is not None and before and last.after == before:
            last.befores.append(before)
            last.after = after
        else:
            chains.append(_Chain([before or ""], after))
    return found


def _follow(
    merge: Merge, some: Sequence[tuple[Key, _Chain]], gone: bool, observed_at: datetime
) -> set[Key]:
    (column,) = (name for name in merge.columns if name not in merge.key)
    rows = [dict(zip(merge.key, key, strict=True)) for key, _ in some]
    given = [{**row, column: chain.after} for row, (_, chain) in zip(rows, some, strict=True)]
    before = [
        {**row, column: one}
        for row, (_, chain) in zip(rows, some, strict=True)
        for one in chain.befores
    ]
    values: dict[str, Any] = {"before": document(before), "staged": document(given)}
    values["observed_at"] = observed_at
    with prepared() as cursor:
        cursor.execute(_following(merge, column, gone), values)
        return {tuple(row) for row in cursor.fetchall()}


@lru_cache(maxsize=16)
def _following(merge: Merge, column: str, gone: bool) -> str:
    names = (*merge.key, column)
    was = source(merge, names, "before")
    mine, keys = ", ".join(f"old.{name}" for name in names), ", ".join(merge.key)
    here = f"({mine}) IN (SELECT * FROM {was})"  # noqa: S608 (our names)
    ours = ", ".join(f"old.{name}" for name in merge.key)
    if gone:
        return (
            f"UPDATE {merge.table} old SET deleted_at = %(observed_at)s, "  # noqa: S608 (our names)
            f"observed_at = %(observed_at)s FROM {was} "
            f"WHERE {_same(merge, 'old', 's')} AND old.{column} = s.{column} RETURNING {ours}"
        )
    return (
        f"INSERT INTO {merge.table} AS old ({keys}, {column}, observed_at) "  # noqa: S608
        f"SELECT {', '.join(f's.{name}' for name in names)}, %(observed_at)s "
        f"FROM {source(merge, names)} ORDER BY {', '.join(f's.{name}' for name in merge.key)} "
        f"ON CONFLICT ({merge.arbiter}) DO UPDATE SET {column} = EXCLUDED.{column}, "
        "observed_at = EXCLUDED.observed_at, deleted_at = NULL "
        f"WHERE old.deleted_at IS NOT NULL OR {here} RETURNING {ours}"
    )


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
    names = (*merge.key, *others)
    columns = ", ".join(names)
    given = [{name: row[name] for name in names} for row in rows]
    taken = [f"{name} = EXCLUDED.{name}" for name in (*others, "observed_at")]
    differs = [f"old.{name} IS DISTINCT FROM EXCLUDED.{name}" for name in others]
    with prepared() as cursor:
        cursor.execute(
            f"INSERT INTO {merge.table} AS old ({columns}, observed_at) "  # noqa: S608 (our names)
            f"SELECT {columns}, %(asked_at)s FROM {source(merge, names)} "
            f"ON CONFLICT ({merge.arbiter}) DO UPDATE SET {', '.join(taken)}, deleted_at = NULL, "
            "lacking = NULL WHERE old.observed_at <= EXCLUDED.observed_at "
            f"AND ({' OR '.join(['old.deleted_at IS NOT NULL', *differs])})",
            {"staged": document(given), "asked_at": asked_at},
        )
        return int(cursor.rowcount)


def _same(merge: Merge, one: str, other: str) -> str:
    unbound = merge.unbound
    return " AND ".join(
        f"{DIGEST.format(f'{one}.{name}')} = {DIGEST.format(f'{other}.{name}')}"
        if name in unbound
        else f"{one}.{name} = {other}.{name}"
        for name in merge.key
    )
