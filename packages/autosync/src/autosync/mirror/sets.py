"""Sets that a parent carries whole (labels, assignees, reviewers of an issue), in tables of their
own: replaced under the parent's row lock, and only by the version of the parent that is stored.

Members have no tombstones. Until its set is stored too, a new version of a parent names the set in
`lacking`; a set that differs where it is not lacking comes from another version of the same clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from autosync.mirror.merge import Key, Merge, Row, Rule
from autosync.mirror.people import unnamed
from autosync.mirror.stage import stage
from autosync.mirror.tombstones import among


@dataclass(frozen=True)
class Members:
    """The set of one parent, as its version with the clock `version` carries it.

    The rows may leave out the columns that link them to the parent.
    """

    parent: Key
    version: datetime | None
    rows: Sequence[Row]


@dataclass(frozen=True)
class SetOf:
    """A set of `parents`, named in their `Merge.sets`; `link`: the member's column → the parent's.

    `members.key` begins with what links it, so that no two parents share a row.
    """

    name: str
    parents: Merge
    members: Merge
    link: tuple[tuple[str, str], ...]


@dataclass
class Replaced:
    """Parents whose set is another now, and those that GitHub must be asked about."""

    changed: set[Key]
    dirty: set[Key]


def replace_sets(
    kind: SetOf,
    sets: Iterable[Members],
    *,
    observed_at: datetime,
    rule: Rule = Rule.VERSIONED,
    lag: timedelta = timedelta(0),
) -> Replaced:
    """Replace the sets of these parents; upsert the parents first, in the same transaction.

    A set whose version is not the stored one, or whose parent is deleted or not here, is dropped.
    Of two sets of one version in a call the last is taken and its parent marked.
    """
    given: dict[tuple[Key, datetime | None], Members] = {}
    twice: set[Key] = set()
    for one in sets:
        known = given.get((one.parent, one.version))
        if known is not None and not _equal(kind, known.rows, one.rows):
            twice.add(one.parent)
        given[one.parent, one.version] = one
    replaced = Replaced(set(), set())
    if not given:
        return replaced
    with transaction.atomic():
        here = _lock(kind, {parent for parent, _ in given})
        taken = {
            parent: one
            for (parent, version), one in given.items()
            if parent in here and version == here[parent].version
        }
        if not taken:
            return replaced
        replaced.changed = _write(kind, taken, here, observed_at)
        for parent in replaced.changed | (twice & taken.keys()):
            if parent in twice:
                replaced.dirty.add(parent)
            elif not here[parent].lacks:
                seen = here[parent].observed_at
                since = observed_at - lag < seen and seen != observed_at
                if rule is Rule.VERSIONED or since:
                    replaced.dirty.add(parent)
        _settle(kind, {parent for parent in taken if here[parent].lacks}, replaced.dirty)
    return replaced


@dataclass(frozen=True)
class _Parent:
    version: datetime | None
    observed_at: datetime
    lacks: bool
    link: tuple[Any, ...]


def _lock(kind: SetOf, parents: set[Key]) -> dict[Key, _Parent]:
    """Those that are here and alive, locked in key order to the end of the transaction."""
    values: dict[str, Any] = {"name": kind.name}
    merge = kind.parents
    ours = ", ".join(f"t.{name}" for name in merge.key)
    links = ", ".join(f"t.{theirs}" for _, theirs in kind.link)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {ours}, t.{merge.decided_by.value}, t.observed_at, "  # noqa: S608 (our names)
            f"coalesce(t.lacking ? %(name)s, false), {links} FROM {merge.table} t "
            f"WHERE {among(merge, 't', sorted(parents), values)} AND t.deleted_at IS NULL "
            f"ORDER BY {ours} FOR NO KEY UPDATE",
            values,
        )
        width = len(merge.key)
        found: dict[Key, _Parent] = {}
        for row in cursor.fetchall():
            version, seen, lacks = row[width : width + 3]
            found[tuple(row[:width])] = _Parent(version, seen, lacks, row[width + 3 :])
        return found


def _write(
    kind: SetOf, taken: Mapping[Key, Members], here: Mapping[Key, _Parent], observed_at: datetime
) -> set[Key]:
    """Make the tables equal to the sets; returns the parents whose set changed."""
    merge = kind.members
    columns = [ours for ours, _ in kind.link]
    owners = {here[parent].link: parent for parent in taken}
    rows: dict[Key, Row] = {}
    for parent, one in taken.items():
        linked = dict(zip(columns, here[parent].link, strict=True))
        for row in unnamed(merge, one.rows, members=True):
            member = {**row, **linked}
            rows[merge.key_of(member)] = member
    links = ", ".join(f"t.{name}" for name in columns)
    same = " AND ".join(f"s.{name} = t.{name}" for name in merge.key)
    within: dict[str, Any] = {}
    theirs = among(merge, "t", sorted(owners), within, columns)
    changed: set[Key] = set()
    with connection.cursor() as cursor:
        but = ""
        if rows:
            names = stage(merge, [rows[key] for key in sorted(rows)], observed_at).names
            but = f" AND NOT EXISTS (SELECT FROM {merge.stage} s WHERE {same})"
        cursor.execute(
            f"DELETE FROM {merge.table} t WHERE {theirs}{but} RETURNING {links}",  # noqa: S608
            within,
        )
        changed |= {owners[tuple(row)] for row in cursor.fetchall()}
        if rows:
            cursor.execute(_insertion(kind, names), {"observed_at": observed_at})
            changed |= {owners[tuple(row)] for row in cursor.fetchall()}
    return changed


def _insertion(kind: SetOf, names: Sequence[str]) -> str:
    merge = kind.members
    names = [name for name in names if name != "lacking"]
    seen = merge.has("observed_at") and "observed_at" not in names
    columns = ", ".join([*names, *["observed_at"] * seen])
    chosen = ", ".join([*(f"s.{name}" for name in names), *["%(observed_at)s"] * seen])
    compared = [name for name in names if name not in merge.key and name != "observed_at"]
    conflict = "DO NOTHING"
    if compared:
        sets = ", ".join(f"{name} = EXCLUDED.{name}" for name in compared)
        ours = ", ".join(f"old.{name}" for name in compared)
        theirs = ", ".join(f"EXCLUDED.{name}" for name in compared)
        conflict = f"DO UPDATE SET {sets} WHERE ROW({ours}) IS DISTINCT FROM ROW({theirs})"
    links = ", ".join(f"old.{ours}" for ours, _ in kind.link)
    return (
        f"INSERT INTO {merge.table} AS old ({columns}) "  # noqa: S608 (names are ours)
        f"SELECT {chosen} FROM {merge.stage} s ORDER BY {', '.join(merge.key)} "
        f"ON CONFLICT ({', '.join(merge.key)}) {conflict} RETURNING {links}"
    )


def _settle(kind: SetOf, complete: set[Key], dirty: set[Key]) -> None:
    """What was lacking is here; what two versions of one clock disagree on is asked for."""
    merge = kind.parents
    with connection.cursor() as cursor:
        if complete:
            values: dict[str, Any] = {"name": kind.name}
            cursor.execute(
                f"UPDATE {merge.table} t SET lacking = "  # noqa: S608 (names are ours)
                "nullif(lacking - %(name)s::text, '{}'::jsonb) "
                f"WHERE {among(merge, 't', sorted(complete), values)}",
                values,
            )
        if dirty:
            values = {"now": timezone.now()}
            cursor.execute(
                f"UPDATE {merge.table} t SET dirty_at = %(now)s "  # noqa: S608
                f"WHERE {among(merge, 't', sorted(dirty), values)}",
                values,
            )


def _equal(kind: SetOf, one: Sequence[Row], other: Sequence[Row]) -> bool:
    key = [name for name in kind.members.key if name not in dict(kind.link)]
    ours, theirs = (
        {tuple(row[name] for name in key): row for row in rows} for rows in (one, other)
    )
    return ours == theirs
