"""The one door for writes: merge rows into a mirrored table by the rule that newer wins."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from autosync.storable import storable

# Nobody's clock is wrong by more.
_AHEAD = timedelta(days=1)
Row = Mapping[str, Any]
Key = tuple[Any, ...]


class Rule(enum.Enum):
    """How an incoming row meets the row that is already there."""

    # A later clock wins. Equal clocks with different content: take it, and mark it dirty so that
    # GitHub is asked. A tombstone stays.
    VERSIONED = "versioned"
    # GitHub was just asked about exactly these objects: wins a tie, cleans dirt, lifts a tombstone.
    AUTHORITATIVE = "authoritative"
    # A stub: only where nothing is known yet.
    INSERT_MISSING = "insert_missing"


@dataclass(frozen=True)
class Merge:
    """Which columns of a model come from GitHub, and what identifies a row.

    `clock=False`: the content of an object never changes once it is `complete` (commits).
    `listed`: columns that the object's clock says nothing of; once the row is there, only an
    authoritative answer changes them.
    """

    model: type[models.Model]
    key: tuple[str, ...]
    columns: tuple[str, ...]
    clock: bool = True
    listed: frozenset[str] = frozenset()
    variant: str = ""  # tells apart two merges into one table

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def stage(self) -> str:
        return f"stage_{self.table}{self.variant}"

    def key_of(self, row: Row) -> Key:
        return tuple(row[name] for name in self.key)

    def json_columns(self) -> frozenset[str]:
        return frozenset(
            f.column for f in self.model._meta.concrete_fields if isinstance(f, models.JSONField)
        )

    def lengths(self) -> dict[str, int]:
        """Columns that hold no more than so many characters."""
        return {
            f.column: f.max_length
            for f in self.model._meta.concrete_fields
            if isinstance(f, models.CharField) and f.max_length
        }


@dataclass
class Result:
    """Keys that changed the table: `inserted` and `updated` are disjoint, `dirty` is of both."""

    inserted: set[Key] = field(default_factory=set)
    updated: set[Key] = field(default_factory=set)
    dirty: set[Key] = field(default_factory=set)

    @property
    def changed(self) -> set[Key]:
        return self.inserted | self.updated


def upsert(
    merge: Merge,
    rows: Iterable[Row],
    *,
    observed_at: datetime,
    rule: Rule,
    lag: timedelta = timedelta(0),
) -> Result:
    """Merge `rows` (column → value, the same columns in each); committed with the caller's work.

    `observed_at` is when the content was known to be current: the delivery's arrival, or the
    moment *before* the request that fetched it. An answer may be `lag` older than that, and
    settles nothing that is younger. Rows are written in key order, so that two writers meet in the
    same order and cannot deadlock.

    A clock a day ahead of `observed_at` is not believed, for no later version could win against it:
    such a row replaces none that is there, and GitHub is asked.
    """
    rows, doubtful = _believable(merge, rows, observed_at, rule)
    newest, tied = _newest_per_key(merge, rows)
    if not newest:
        return Result()
    with transaction.atomic():
        names = _stage(merge, newest)
        result = _merge_stage(merge, names, observed_at, rule, lag)
        if tied and rule is not Rule.INSERT_MISSING:
            result.dirty |= mark_dirty(merge, tied & result.changed)
        if doubtful and rule is Rule.VERSIONED:
            result.dirty |= mark_dirty(merge, doubtful)
    return result


def mark_dirty(merge: Merge, keys: Iterable[Key]) -> set[Key]:
    """Ask for a refetch of single-column `keys`; returns those marked."""
    ids = [key[0] for key in keys]
    if not ids or len(merge.key) != 1:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {merge.table} SET dirty_at = %s "  # noqa: S608 (names are ours)
            f"WHERE {merge.key[0]} = ANY(%s) RETURNING {merge.key[0]}",
            [timezone.now(), ids],
        )
        return {tuple(row) for row in cursor.fetchall()}


def tombstone(merge: Merge, ids: Sequence[Any], at: datetime) -> set[Key]:
    """Delete rows by id; returns those that were alive. One not seen yet must be upserted first."""
    if not ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {merge.table} SET deleted_at = %s, dirty_at = NULL "  # noqa: S608
            f"WHERE {merge.key[0]} = ANY(%s) AND deleted_at IS NULL RETURNING {merge.key[0]}",
            [at, list(ids)],
        )
        return {tuple(row) for row in cursor.fetchall()}


def _believable(
    merge: Merge, rows: Iterable[Row], observed_at: datetime, rule: Rule
) -> tuple[list[Row], set[Key]]:
    """The rows with clocks to believe, and the keys of those whose clock was replaced.

    By none, against which every version wins; by `observed_at` if GitHub itself, when asked, says
    the same.
    """
    believed = observed_at if rule is Rule.AUTHORITATIVE else None
    found, doubtful = list(rows), set[Key]()
    latest = observed_at + _AHEAD
    for place, row in enumerate(found):
        clock = row.get("updated_at") if merge.clock else None
        if clock is not None and clock > latest:
            found[place] = {**row, "updated_at": believed}
            doubtful.add(merge.key_of(row))
    return found, doubtful


def _newest_per_key(merge: Merge, rows: Iterable[Row]) -> tuple[list[Row], set[Key]]:
    """One row per key in key order, and the keys whose newest clock came with two contents."""
    newest: dict[Key, Row] = {}
    tied: set[Key] = set()
    for row in rows:
        key = merge.key_of(row)
        known = newest.get(key)
        if known is None:
            newest[key] = row
            continue
        if not merge.clock:
            if row.get("complete", True) or not known.get("complete", True):
                newest[key] = row
            continue
        ours, theirs = known.get("updated_at"), row.get("updated_at")
        if ours == theirs:
            if any(known[name] != row[name] for name in merge.columns if name in row):
                tied.add(key)
            newest[key] = row
        elif ours is None or (theirs is not None and theirs > ours):
            tied.discard(key)
            newest[key] = row
        if known.get("node_id") and not newest[key].get("node_id"):
            newest[key] = {**newest[key], "node_id": known["node_id"]}
    return [newest[key] for key in sorted(newest)], tied


def _stage(merge: Merge, rows: Sequence[Row]) -> list[str]:
    """COPY the rows into this connection's temporary table for the merge; returns its columns."""
    names = [*merge.key, *merge.columns]
    if merge.clock:
        names.append("updated_at")
    columns = ", ".join(names)
    lengths = merge.lengths()
    kinds = [(name, name in merge.json_columns(), lengths.get(name)) for name in names]
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {merge.stage} ON COMMIT DELETE ROWS AS "  # noqa: S608
            f"SELECT {columns} FROM {merge.table} WITH NO DATA"
        )
        cursor.execute(f"DELETE FROM {merge.stage}")  # noqa: S608
        with cursor.copy(f"COPY {merge.stage} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(
                    [
                        Jsonb(row[name]) if is_json else _fitting(row[name], length)
                        for name, is_json, length in kinds
                    ]
                )
    return names


def _fitting(value: Any, length: int | None) -> Any:
    """The value as its column can hold it: a word that is too long must not cost its row."""
    value = storable(value)
    return value[:length] if length is not None and isinstance(value, str) else value


def _merge_stage(
    merge: Merge, names: list[str], observed_at: datetime, rule: Rule, lag: timedelta
) -> Result:
    key = ", ".join(merge.key)
    columns = ", ".join(names)
    sql = (
        f"INSERT INTO {merge.table} AS old ({columns}, observed_at{_extra_columns(merge)}) "  # noqa: S608
        f"SELECT {columns}, %(observed_at)s{_extra_values(merge)} FROM {merge.stage} "
        f"ORDER BY {key} ON CONFLICT ({key}) {_on_conflict(merge, rule)} "
        f"RETURNING {', '.join('old.' + n for n in merge.key)}, old.xmax = 0, "
        f"old.dirty_at IS NOT NULL"
    )
    result = Result()
    width = len(merge.key)
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {"observed_at": observed_at, "knows": observed_at - lag, "now": timezone.now()},
        )
        for row in cursor.fetchall():
            row_key = tuple(row[:width])
            (result.inserted if row[width] else result.updated).add(row_key)
            if row[width + 1]:
                result.dirty.add(row_key)
    return result


def _own_columns(merge: Merge) -> list[models.Field[Any, Any]]:
    """Columns that are AutoSync's own and get their default when a row is new."""
    given = {*merge.key, *merge.columns, "updated_at", "observed_at"}
    return [
        f
        for f in merge.model._meta.concrete_fields
        if f.column not in given and not f.null and not f.primary_key
    ]


def _extra_columns(merge: Merge) -> str:
    return "".join(f", {f.column}" for f in _own_columns(merge))


def _extra_values(merge: Merge) -> str:
    return "".join(f", {_literal(f)}" for f in _own_columns(merge))


def _literal(column: models.Field[Any, Any]) -> str:
    default = column.get_default()
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, int):
        return str(default)
    if isinstance(default, list):
        return "'[]'::jsonb" if isinstance(column, models.JSONField) else "'{}'"
    if isinstance(default, dict):
        return "'{}'::jsonb"
    return "'" + str(default or "").replace("'", "''") + "'"


def _incoming(name: str) -> str:
    """A node id once known stays: without it GitHub could not be asked about the row."""
    if name == "node_id":
        return "coalesce(nullif(EXCLUDED.node_id, ''), old.node_id)"
    return f"EXCLUDED.{name}"


def _on_conflict(merge: Merge, rule: Rule) -> str:
    if rule is Rule.INSERT_MISSING:
        return "DO NOTHING"
    listed = merge.listed if rule is Rule.VERSIONED else frozenset()
    columns = [name for name in merge.columns if name not in listed]
    assignments = [f"{name} = {_incoming(name)}" for name in columns]
    assignments.append("observed_at = EXCLUDED.observed_at")
    if not merge.clock:
        return (
            f"DO UPDATE SET {', '.join(assignments)} "
            "WHERE old.deleted_at IS NULL AND EXCLUDED.complete AND NOT old.complete"
        )
    ours = ", ".join(f"old.{name}" for name in columns)
    theirs = ", ".join(f"EXCLUDED.{name}" for name in columns)
    differs = f"ROW({ours}) IS DISTINCT FROM ROW({theirs})"
    newer = "old.updated_at IS NULL OR EXCLUDED.updated_at > old.updated_at"
    tie = f"(EXCLUDED.updated_at = old.updated_at AND {differs})"
    assignments.append("updated_at = EXCLUDED.updated_at")
    if rule is Rule.VERSIONED:
        assignments.append(f"dirty_at = CASE WHEN {newer} THEN NULL ELSE %(now)s END")
        return (
            f"DO UPDATE SET {', '.join(assignments)} "
            f"WHERE old.deleted_at IS NULL AND ({newer} OR {tie})"
        )
    # What is younger than this the answer may not know of: a mark, a tie, a deletion.
    knows = "%(knows)s"
    assignments.append(
        f"dirty_at = CASE WHEN old.dirty_at > {knows} THEN old.dirty_at "
        f"WHEN {tie} AND old.observed_at > {knows} THEN %(now)s END"
    )
    lifts = f"{knows} > old.deleted_at"
    assignments.append(f"deleted_at = CASE WHEN {lifts} THEN NULL ELSE old.deleted_at END")
    return (
        f"DO UPDATE SET {', '.join(assignments)} WHERE {newer} OR {tie} OR "
        f"(EXCLUDED.updated_at = old.updated_at AND (old.dirty_at <= {knows} OR {lifts}))"
    )
