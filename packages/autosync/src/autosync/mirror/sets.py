"""Sets that a row carries whole (labels, assignees, reviewers of an issue), in tables of their own:
replaced with the row, in the same call, and only by the version that is stored.

Members have no tombstones and no clocks: only who has locked their row changes them. A set that
differs without a newer version is of another version of the same clock: GitHub is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from autosync.mirror.merge import Clock, Key, Merge, Result, Row, Rule, SetOf
from autosync.mirror.prepared import prepared
from autosync.mirror.stage import document, source
from autosync.mirror.tombstones import among
from autosync.storable import text

KNOWN = "sets_read"
Members = frozenset[tuple[Any, ...]]
_decode = msgspec.json.Decoder(list[list[Any]]).decode


@dataclass(frozen=True)
class Carrier:
    """A row with what the tables have of its sets; `known`: they were read, of its version."""

    version: datetime | None
    observed_at: datetime
    known: bool
    links: Mapping[str, Any]
    sets: Mapping[str, Members]


@dataclass
class Replaced:
    """Rows that carry something else now, and those of them that GitHub must be asked about."""

    changed: set[Key] = field(default_factory=set)
    tied: set[Key] = field(default_factory=set)


@dataclass
class _Writes:
    """Members to delete, by their keys, and to write, by their columns."""

    gone: list[tuple[Any, ...]] = field(default_factory=list)
    new: list[tuple[Any, ...]] = field(default_factory=list)


@lru_cache(maxsize=128)
def own(one: SetOf) -> tuple[str, ...]:
    """A member's columns but for those that link it: those of the key first."""
    linked = dict(one.link)
    return (*_own_key(one), *(name for name in one.members.governed if name not in linked))


@lru_cache(maxsize=128)
def _own_key(one: SetOf) -> tuple[str, ...]:
    linked = dict(one.link)
    return tuple(name for name in one.members.key if name not in linked)


def carried(
    merge: Merge, chosen: str, values: Mapping[str, Any] | None = None
) -> dict[Key, Carrier]:
    """The rows `t` that are not deleted, of those `chosen` by SQL behind FROM."""
    links = _links(merge)
    width, wide = len(merge.key), len(links)
    found: dict[Key, Carrier] = {}
    with prepared() as cursor:
        cursor.execute(_carrying(merge, chosen), values)
        for row in cursor.fetchall():
            version, seen, known, *rest = row[width:]
            found[tuple(row[:width])] = Carrier(
                version,
                seen,
                known,
                dict(zip(links, rest, strict=False)),
                {
                    # JSON is text to Django's cursors.
                    one.name: frozenset(map(tuple, _decode(members) if members else ()))
                    for one, members in zip(merge.sets, rest[wide:], strict=True)
                },
            )
    return found


@lru_cache(maxsize=128)
def _carrying(merge: Merge, chosen: str) -> str:
    key, links = _of("t", merge.key), _of("t", _links(merge))
    sets = ", ".join(
        f"(SELECT jsonb_agg(jsonb_build_array({_of('m', own(one))})) "  # noqa: S608 (our names)
        f"FROM {one.members.table} m WHERE "
        + " AND ".join(f"m.{ours} = t.{theirs}" for ours, theirs in one.link)
        + ")"
        for one in merge.sets
    )
    return (
        f"SELECT {key}, t.{merge.decided_by.value}, t.observed_at, "  # noqa: S608 (our names)
        f"t.{KNOWN} AND NOT coalesce(t.lacking ? '{KNOWN}', false), {links}, {sets} "
        f"FROM {merge.table} t {chosen} AND t.deleted_at IS NULL"
    )


@lru_cache(maxsize=128)
def _links(merge: Merge) -> tuple[str, ...]:
    return tuple(dict.fromkeys(theirs for one in merge.sets for _, theirs in one.link))


def given(merge: Merge, row: Row) -> Mapping[str, Members]:
    """What a row carries, as the tables have it; not every way gives all sets."""
    sets, found = row["sets"], {}
    for one in merge.sets:
        if one.name in sets:
            members = sets[one.name]
            names = own(one) if members else ()
            found[one.name] = frozenset(
                [tuple([_plain(member[name]) for name in names]) for member in members]
            )
    return found


def replace_sets(
    merge: Merge,
    rows: Sequence[Row],
    result: Result,
    rule: Rule,
    observed_at: datetime,
    lag: timedelta,
) -> Replaced:
    """Replace what these staged rows carry, after they were merged, which locked them; `result` is
    that of the merge. One row of each key.

    What belongs to a version that is not the stored one is dropped.
    """
    replaced = Replaced()
    keys = [merge.key_of(row) for row in rows if "sets" in row]
    if not keys:
        return replaced
    # Members are of rows that are there: those of a row that was just made are none.
    here = _before_any(merge, rows, result.inserted, observed_at)
    if elder := [key for key in keys if key not in here]:
        values: dict[str, Any] = {}
        here |= carried(merge, f"WHERE {among(merge, 't', elder, values)}", values)
    unknown: list[Key] = []
    writes = {one.name: _Writes() for one in merge.sets}
    fresh = result.inserted | (result.updated - result.dirty)
    for row in rows:
        key = merge.key_of(row)
        carrier = here.get(key)
        seen = row.get("observed_at", observed_at)
        version = row["updated_at"] if merge.decided_by is Clock.UPDATED_AT else seen
        if "sets" not in row or carrier is None or carrier.version != version:
            continue
        if KNOWN in row and not carrier.known:
            unknown.append(key)
        members = given(merge, row)
        for one in merge.sets:
            if one.name not in members or members[one.name] == carrier.sets[one.name]:
                continue
            replaced.changed.add(key)
            others = _collect(one, carrier, members[one.name], writes[one.name])
            # An answer settles what is not younger than itself.
            settles = seen - lag >= carrier.observed_at or carrier.observed_at == seen
            same_version = carrier.known and key not in fresh
            if others and same_version and (rule is Rule.VERSIONED or not settles):
                replaced.tied.add(key)
    for one in merge.sets:
        _write(one, writes[one.name])
    if unknown:
        _now_known(merge, unknown)
    return replaced


def _before_any(
    merge: Merge, rows: Sequence[Row], inserted: Set[Key], observed_at: datetime
) -> dict[Key, Carrier]:
    """New rows, which carry nothing yet."""
    if not inserted:
        return {}
    links, nothing = _links(merge), {one.name: frozenset[tuple[Any, ...]]() for one in merge.sets}
    by_github = merge.decided_by is Clock.UPDATED_AT
    found: dict[Key, Carrier] = {}
    for row in rows:
        key = merge.key_of(row)
        if key in inserted and "sets" in row and all(name in row for name in links):
            seen = row.get("observed_at", observed_at)
            version = row["updated_at"] if by_github else seen
            its = {name: row[name] for name in links}
            found[key] = Carrier(version, seen, KNOWN in row, its, nothing)
    return found


def _collect(one: SetOf, carrier: Carrier, members: Members, writes: _Writes) -> bool:
    """What to write of one set; whether it has other members, and not only says more of them."""
    width = len(_own_key(one))
    link = tuple(carrier.links[theirs] for _, theirs in one.link)
    before = {member[:width] for member in carrier.sets[one.name]}
    now = {member[:width]: member for member in members}
    writes.gone += [(*link, *key) for key in before - now.keys()]
    writes.new += [(*link, *now[member[:width]]) for member in members - carrier.sets[one.name]]
    return before != now.keys()


def _write(one: SetOf, writes: _Writes) -> None:
    members, links = one.members, tuple(ours for ours, _ in one.link)
    key, columns = (*links, *_own_key(one)), (*links, *own(one))
    with prepared() as cursor:
        if writes.gone:
            values: dict[str, Any] = {}
            chosen = among(members, "m", writes.gone, values, key)
            cursor.execute(f"DELETE FROM {members.table} m WHERE {chosen}", values)  # noqa: S608
        if writes.new:
            unique = {row[: len(key)]: row for row in writes.new}
            rows = [dict(zip(columns, unique[one], strict=True)) for one in sorted(unique)]
            cursor.execute(
                f"INSERT INTO {members.table} AS old ({', '.join(columns)}) "  # noqa: S608
                f"SELECT {_of('s', columns)} FROM {source(members, columns)} "
                f"ON CONFLICT ({', '.join(key)}) {_on_conflict(members, columns)}",
                {"staged": document(rows)},
            )


def _on_conflict(members: Merge, columns: Sequence[str]) -> str:
    said = [name for name in columns if name not in members.key]
    if not said:
        return "DO NOTHING"
    ours, theirs = _of("old", said), _of("EXCLUDED", said)
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in said)
    return f"DO UPDATE SET {changes} WHERE ROW({ours}) IS DISTINCT FROM ROW({theirs})"


def _now_known(merge: Merge, keys: Sequence[Key]) -> None:
    """What these carry was read."""
    values: dict[str, Any] = {}
    with prepared() as cursor:
        cursor.execute(
            f"UPDATE {merge.table} t SET {KNOWN} = true, "  # noqa: S608 (names are ours)
            f"lacking = nullif(t.lacking - '{KNOWN}', '{{}}'::jsonb) "
            f"WHERE {among(merge, 't', keys, values)}",
            values,
        )


def _of(alias: str, names: Iterable[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def _plain(value: Any) -> Any:
    return text(value) if isinstance(value, str) else value
