"""Sets that a row carries whole (labels, assignees, reviewers of an issue), in tables of their own:
replaced with the row, in the same call, and only by the version that is stored.

Members have no tombstones and no clocks: only who has locked their row changes them. A set that
differs without a newer version is of another version of the same clock: GitHub is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import connection

from autosync.mirror.merge import Clock, Key, Merge, Row, Rule, SetOf
from autosync.storable import text

KNOWN = "sets_read"
Members = frozenset[tuple[Any, ...]]
_decode = msgspec.json.Decoder(list[list[Any]]).decode


@dataclass(frozen=True)
class Carrier:
    """A row as it was before the merge: its version, and whether what it carried is known."""

    version: datetime | None
    observed_at: datetime
    known: bool


@dataclass
class Replaced:
    """Rows that carry something else now, and those of them that GitHub must be asked about."""

    changed: set[Key] = field(default_factory=set)
    tied: set[Key] = field(default_factory=set)


def own(one: SetOf) -> tuple[str, ...]:
    """A member's columns but for those that link it: those of the key first."""
    members, linked = one.members, dict(one.link)
    mine = [name for name in members.key if name not in linked]
    return tuple(dict.fromkeys([*mine, *(n for n in members.governed if n not in linked)]))


def locked(merge: Merge) -> dict[Key, Carrier]:
    """The staged rows that are here, locked in key order to the end of the transaction."""
    key = _of("t", merge.key)
    width = len(merge.key)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {key}, t.{_clock(merge)}, t.observed_at, {known('t')} "  # noqa: S608 (our names)
            f"AND t.deleted_at IS NULL FROM {merge.table} t "
            f"JOIN {merge.stage} s ON {_both(merge.key, 's', 't')} "
            f"ORDER BY {key} FOR NO KEY UPDATE OF t"
        )
        return {tuple(row[:width]): Carrier(*row[width:]) for row in cursor.fetchall()}


def known(carrier: str) -> str:
    """SQL: what the row carries was read, of the version that it is."""
    return f"({carrier}.{KNOWN} AND NOT coalesce({carrier}.lacking ? '{KNOWN}', false))"


def carried(
    merge: Merge, chosen: str, values: Mapping[str, Any] | None = None
) -> dict[Key, Mapping[str, Members]]:
    """What rows `t` carry here, those `chosen` by SQL behind FROM."""
    key = _of("t", merge.key)
    sets = ", ".join(
        f"(SELECT jsonb_agg(jsonb_build_array({_of('m', own(one))})) "  # noqa: S608 (our names)
        f"FROM {one.members.table} m WHERE {_linked(one, 'm', 't')})"
        for one in merge.sets
    )
    width = len(merge.key)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {key}, {sets} FROM {merge.table} t {chosen}",  # noqa: S608 (our names)
            values,
        )
        return {
            tuple(row[:width]): {
                # JSON is text to Django's cursors.
                one.name: frozenset(map(tuple, _decode(members) if members else ()))
                for one, members in zip(merge.sets, row[width:], strict=True)
            }
            for row in cursor.fetchall()
        }


def given(merge: Merge, row: Row) -> Mapping[str, Members]:
    """What a row carries, as the tables have it; not every way gives all sets."""
    return {
        one.name: frozenset(
            tuple([_plain(member[name]) for name in own(one)]) for member in row["sets"][one.name]
        )
        for one in merge.sets
        if one.name in row["sets"]
    }


def replace_sets(
    merge: Merge,
    rows: Iterable[Row],
    before: Mapping[Key, Carrier],
    rule: Rule,
    observed_at: datetime,
    lag: timedelta,
) -> Replaced:
    """Replace what these rows carry, after they were merged in the same transaction.

    What belongs to a version that is not the stored one is dropped. One row of each key.
    """
    replaced = Replaced()
    # Read only now: no statement sees what was committed while it waited for the lock.
    here = carried(merge, f"JOIN {merge.stage} s ON {_both(merge.key, 's', 't')}")
    unknown: dict[Key, datetime | None] = {}
    to_write: dict[str, dict[Key, tuple[datetime | None, Members]]] = {}
    answers: dict[Key, datetime] = {}
    for row in rows:
        if "sets" not in row:
            continue
        key = merge.key_of(row)
        seen = answers[key] = row.get("observed_at", observed_at)
        version = row["updated_at"] if merge.decided_by is Clock.UPDATED_AT else seen
        was = before.get(key)
        if KNOWN in row and (was is None or not was.known):
            unknown[key] = version
        for name, members in given(merge, row).items():
            if key in here and here[key][name] != members:
                to_write.setdefault(name, {})[key] = version, members
    for one in merge.sets:
        if one.name not in to_write:
            continue
        for key, in_key in _write(merge, one, to_write[one.name]):
            replaced.changed.add(key)
            was = before.get(key)
            version = to_write[one.name][key][0]
            if not in_key or was is None or not was.known or was.version != version:
                continue
            # An answer settles what is not younger than itself.
            settles = answers[key] - lag >= was.observed_at or was.observed_at == answers[key]
            if rule is Rule.VERSIONED or not settles:
                replaced.tied.add(key)
    if unknown:
        _now_known(merge, unknown)
    return replaced


def _write(
    merge: Merge, one: SetOf, sets: Mapping[Key, tuple[datetime | None, Members]]
) -> list[tuple[Key, bool]]:
    """Make the table equal to the sets of these carriers, where they are of the stored version.

    Returns the carriers whose set changed; True: who is in it, and not only what is said of them.
    """
    table, members, columns = one.members.table, one.members, own(one)
    keys = list(sets)
    listed: dict[Key, tuple[int, tuple[Any, ...]]] = {}
    width = len([name for name in members.key if name not in dict(one.link)])
    for place, key in enumerate(keys):
        for member in sorted(sets[key][1], key=repr):
            listed[(place, *member[:width])] = place, member
    values: dict[str, Any] = {"version": [sets[key][0] for key in keys]}
    parts = ["%(version)s::timestamptz[]"]
    for number, name in enumerate(merge.key):
        values[f"key{number}"] = [key[number] for key in keys]
        parts.append(f"%(key{number})s::{_type(merge, name)}[]")
    values["of"] = [place for place, _ in listed.values()]
    theirs = ["%(of)s::integer[]"]
    for number, name in enumerate(columns):
        values[f"own{number}"] = [member[number] for _, member in listed.values()]
        theirs.append(f"%(own{number})s::{_type(members, name)}[]")
    links = [ours for ours, _ in one.link]
    linked = ", ".join(f"t.{theirs} AS {ours}" for ours, theirs in one.link)
    names = ", ".join([*links, *columns])
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH carriers AS MATERIALIZED ("  # noqa: S608 (names are ours)
            f"SELECT k.place - 1 AS place, {linked} FROM unnest({', '.join(parts)}) "
            f"WITH ORDINALITY AS k (version, {', '.join(merge.key)}, place) "
            f"JOIN {merge.table} t ON {_both(merge.key, 't', 'k')} AND t.deleted_at IS NULL "
            f"AND t.{_clock(merge)} IS NOT DISTINCT FROM k.version), "
            f"given AS MATERIALIZED (SELECT {_of('c', links)}, "
            f"{_of('l', columns)} "
            f"FROM unnest({', '.join(theirs)}) AS l (place, {', '.join(columns)}) "
            "JOIN carriers c USING (place)), "
            f"gone AS (DELETE FROM {table} m USING carriers c "
            f"WHERE {_both(links, 'm', 'c')} AND NOT EXISTS "
            f"(SELECT FROM given g WHERE {_both(members.key, 'g', 'm')}) "
            "RETURNING c.place), "
            f"put AS (INSERT INTO {table} AS old ({names}) SELECT {names} FROM given "
            f"ORDER BY {', '.join(members.key)} ON CONFLICT ({', '.join(members.key)}) "
            f"{_on_conflict(members, columns)} "
            f"RETURNING {_of('old', links)}, old.xmax = 0 AS new) "
            "SELECT place, true FROM gone UNION ALL "
            f"SELECT c.place, put.new FROM put JOIN carriers c ON {_both(links, 'put', 'c')}",
            values,
        )
        return [(keys[place], in_key) for place, in_key in cursor.fetchall()]


def _on_conflict(members: Merge, columns: Sequence[str]) -> str:
    said = [name for name in columns if name not in members.key]
    if not said:
        return "DO NOTHING"
    ours, theirs = _of("old", said), _of("EXCLUDED", said)
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in said)
    return f"DO UPDATE SET {changes} WHERE ROW({ours}) IS DISTINCT FROM ROW({theirs})"


def _now_known(merge: Merge, versions: Mapping[Key, datetime | None]) -> None:
    """What these carry was read; rows that were merged just now say so already."""
    keys = list(versions)
    values: dict[str, Any] = {"version": [versions[key] for key in keys]}
    parts = ["%(version)s::timestamptz[]"]
    for number, name in enumerate(merge.key):
        values[f"key{number}"] = [key[number] for key in keys]
        parts.append(f"%(key{number})s::{_type(merge, name)}[]")
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {merge.table} t SET {KNOWN} = true, "  # noqa: S608 (names are ours)
            f"lacking = nullif(t.lacking - '{KNOWN}', '{{}}'::jsonb) "
            f"FROM unnest({', '.join(parts)}) AS k (version, {', '.join(merge.key)}) "
            f"WHERE {_both(merge.key, 't', 'k')} AND (NOT t.{KNOWN} OR t.lacking ? '{KNOWN}') "
            f"AND t.{_clock(merge)} IS NOT DISTINCT FROM k.version",
            values,
        )


def _clock(merge: Merge) -> str:
    return merge.decided_by.value


def _type(merge: Merge, name: str) -> str:
    return str(merge.fields[name].db_type(connection))


def _linked(one: SetOf, member: str, carrier: str) -> str:
    return " AND ".join(f"{member}.{ours} = {carrier}.{theirs}" for ours, theirs in one.link)


def _of(alias: str, names: Iterable[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def _both(names: Iterable[str], one: str, other: str) -> str:
    return " AND ".join(f"{one}.{name} = {other}.{name}" for name in names)


def _plain(value: Any) -> Any:
    return text(value) if isinstance(value, str) else value
