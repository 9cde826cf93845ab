"""Rows that are gone, and why; rows that GitHub must be asked about. Keys of any number of columns.

Rows are locked in key order before they change, as by `upsert`: two writers cannot deadlock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from autosync.mirror.merge import Cause, Key, Merge
from autosync.mirror.prepared import prepared
from autosync.mirror.prose import erasure


def mark_dirty(merge: Merge, keys: Iterable[Key]) -> set[Key]:
    """Ask for a refetch of `keys`; returns those marked."""
    return _change(merge, keys, "dirty_at = %(at)s", "true", {"at": timezone.now()})


def mark_named(merge: Merge, names: Sequence[str], wanted: Collection[Key]) -> None:
    """Ask for a refetch of the rows that have these values in the columns `names`."""
    values: dict[str, Any] = {"at": timezone.now()}
    chosen = among(merge, "t", sorted(wanted), values, names)
    _change(merge, None, "dirty_at = %(at)s", chosen, values)


def tombstone(
    merge: Merge, keys: Iterable[Any], at: datetime, cause: Cause = Cause.DELETED
) -> set[Key]:
    """Delete rows by key (of one column: the value, or a tuple of it); returns those that were
    alive. A row not seen yet must be upserted first.

    What is gone with its parent may be deleted itself afterwards, and is then no longer lifted by
    a sight. A parent's tombstone does not hold against a later sight.
    """
    if merge.returns:
        raise ValueError(f"rows of {merge.table} return: use absent or absent_from")
    sets = "deleted_at = %(at)s, gone_because = %(cause)s, dirty_at = NULL" + erasure(merge)
    values = {"at": at, "cause": cause}
    chosen = list(keys)
    if cause is Cause.PARENT:
        _change(merge, chosen, "deleted_at = %(at)s", _ELDER_PARENT, values)
        alive = _change(
            merge, chosen, sets, "t.deleted_at IS NULL AND t.observed_at <= %(at)s", values
        )
        return _without_sets(merge, alive)
    alive = _without_sets(merge, _change(merge, chosen, sets, "t.deleted_at IS NULL", values))
    if merge.inherits:
        _change(merge, chosen, sets, "t.gone_because = 'parent'", values)
    return alive


# Of two deletions of parents the later one counts.
_ELDER_PARENT = "t.gone_because = 'parent' AND t.deleted_at < %(at)s"


def inherit(
    merge: Merge,
    parents: Merge,
    link: Mapping[str, str],
    *,
    parent_keys: Iterable[Any] | None = None,
    keys: Iterable[Any] | None = None,
) -> set[Key]:
    """Give children the tombstones of their parents; returns those that were alive.

    `link`: the child's column → the parent's. Call it for the parents that were just deleted
    (`parent_keys`), or for children that were just written (`keys`): their parent may be gone.
    """
    on = " AND ".join(f"t.{ours} = p.{theirs}" for ours, theirs in link.items())
    values: dict[str, Any] = {}
    chosen = ""
    for alias, of, some in (("p", parents, parent_keys), ("t", merge, keys)):
        if some is not None:
            some = list(some)
            if not some:
                return set()
            chosen += f" AND {among(of, alias, some, values)}"
    ours = ", ".join(f"t.{name}" for name in merge.key)
    same = " AND ".join(f"t.{name} = gone.{name}" for name in merge.key)
    with prepared() as cursor:
        cursor.execute(
            f"WITH gone AS (SELECT {ours}, p.deleted_at AS at, t.deleted_at AS was "  # noqa: S608
            f"FROM {merge.table} t JOIN {parents.table} p ON {on} "
            "WHERE p.deleted_at >= t.observed_at AND (t.deleted_at IS NULL OR "
            f"(t.gone_because = 'parent' AND t.deleted_at < p.deleted_at)){chosen} "
            f"ORDER BY {ours} FOR NO KEY UPDATE OF t) "
            f"UPDATE {merge.table} t SET deleted_at = gone.at, gone_because = 'parent', "
            f"dirty_at = NULL{erasure(merge)} FROM gone WHERE {same} AND t.observed_at <= gone.at "
            f"RETURNING {ours}, gone.was IS NULL",
            values,
        )
        width = len(merge.key)
        alive = {tuple(row[:width]) for row in cursor.fetchall() if row[width]}
    return _without_sets(merge, alive)


def absent_from(
    merge: Merge,
    present: Iterable[Any],
    scope: Mapping[str, Any],
    asked_at: datetime,
    cause: Cause = Cause.DELETED,
) -> set[Key]:
    """A list was whole: what of `scope` (column → value) it lacks and was not seen since it was
    asked for is absent; returns those that were there. For merges that `returns`.
    """
    if not merge.returns:
        raise ValueError(f"rows of {merge.table} do not return: ask for what a list lacks")
    values: dict[str, Any] = {"at": asked_at, "cause": cause}
    within = " AND ".join(f"t.{name} = %(in_{name})s" for name in scope) or "true"
    values |= {f"in_{name}": value for name, value in scope.items()}
    kept = list(present)
    missing = f"NOT ({among(merge, 't', kept, values)})" if kept else "true"
    return _change(
        merge,
        None,
        "deleted_at = %(at)s, gone_because = %(cause)s" + erasure(merge),
        f"{within} AND {missing} AND t.observed_at <= %(at)s "
        "AND (t.deleted_at IS NULL OR t.deleted_at < %(at)s)",
        values,
    )


def seen_since(merge: Merge, keys: Iterable[Any], moment: datetime) -> set[Key]:
    """Those of `keys` that were seen at `moment` or later."""
    chosen = list(keys)
    if not chosen:
        return set()
    values: dict[str, Any] = {"moment": moment}
    ours = ", ".join(f"t.{name}" for name in merge.key)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {ours} FROM {merge.table} t "  # noqa: S608 (names are ours)
            f"WHERE {among(merge, 't', chosen, values)} AND t.observed_at >= %(moment)s",
            values,
        )
        return {tuple(row) for row in cursor.fetchall()}


def _without_sets(merge: Merge, gone: set[Key]) -> set[Key]:
    """Rows that were just deleted carry nothing any more; they are locked. Returns them."""
    for one in merge.sets if gone else ():
        values: dict[str, Any] = {}
        linked = " AND ".join(f"m.{ours} = t.{theirs}" for ours, theirs in one.link)
        with prepared() as cursor:
            cursor.execute(
                f"DELETE FROM {one.members.table} m USING {merge.table} t "  # noqa: S608 (our names)
                f"WHERE {linked} AND {among(merge, 't', sorted(gone), values)}",
                values,
            )
    return gone


def _change(
    merge: Merge, keys: Iterable[Any] | None, sets: str, where: str, values: Mapping[str, Any]
) -> set[Key]:
    """Lock all of `keys` (None: what `where` chooses) in key order, then change those that `where`
    chooses; returns those that were alive.

    All, for the next change in the transaction may choose others of them, and must wait for none.
    They are chosen after the lock: who held it may have changed them.
    """
    values = dict(values)
    locked = where
    if keys is not None:
        keys = list(keys)
        if not keys:
            return set()
        locked = among(merge, "t", keys, values)
    ours = ", ".join(f"t.{name}" for name in merge.key)
    same = " AND ".join(f"t.{name} = chosen.{name}" for name in merge.key)
    alive = "chosen.deleted_at IS NULL" if merge.has("deleted_at") else "true"
    was = ", t.deleted_at" if merge.has("deleted_at") else ""
    with prepared() as cursor:
        cursor.execute(
            f"WITH chosen AS (SELECT {ours}{was} FROM {merge.table} t WHERE {locked} "  # noqa: S608
            f"ORDER BY {ours} FOR NO KEY UPDATE) "
            f"UPDATE {merge.table} t SET {sets} FROM chosen WHERE {same} AND {where} "
            f"RETURNING {ours}, {alive}",
            values,
        )
        width = len(merge.key)
        return {tuple(row[:width]) for row in cursor.fetchall() if row[width]}


def among(
    merge: Merge,
    alias: str,
    keys: Sequence[Any],
    values: dict[str, Any],
    columns: Sequence[str] | None = None,
) -> str:
    """SQL: the row's key (or `columns`) is one of `keys`; what it needs is added to `values`."""
    names = columns or merge.key
    parts = list(zip(*[key if isinstance(key, tuple) else (key,) for key in keys], strict=True))
    if len(parts) != len(names):
        raise ValueError(f"a key of {merge.table} is ({', '.join(names)})")
    arrays = []
    for name, part in zip(names, parts, strict=True):
        values[f"key_{alias}_{name}"] = list(part)
        kind = merge.fields[name].db_type(connection)
        arrays.append(f"%(key_{alias}_{name})s::{kind}[]")
    if len(arrays) == 1:
        return f"{alias}.{names[0]} = ANY({arrays[0]})"
    ours = ", ".join(f"{alias}.{name}" for name in names)
    return f"({ours}) IN (SELECT * FROM unnest({', '.join(arrays)}))"  # noqa: S608
