"""Which parents' children GitHub is to be asked for: those whose clock moved since they were read,
and those of whose children an event spoke.

A row of `children_read` says up to which version of its parent the children of one kind are here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from django.db import connection, models
from django.db.models import F
from django.db.models.lookups import Exact

from autosync.mirror.merge import Merge, Row
from autosync.mirror.prepared import prepared


class Parent(NamedTuple):
    """A parent whose children are to be read."""

    pk: int
    node_id: str
    repository_id: int


class Known(NamedTuple):
    """A parent's clock as it is here, and when GitHub was asked last for its children."""

    clock: datetime | None
    read_at: datetime | None


class Read(NamedTuple):
    """A parent whose children were read, and up to which of its versions; None: not for good."""

    pk: int
    repository_id: int
    clock: datetime | None


@dataclass(frozen=True)
class Family:
    """Children and parents. `link`: the child's column → the parent's; `follows`: the parent's
    clock, which a change of a child moves. `counted`: the parent's column that says how many there
    are, and that with the moment when it was seen.
    """

    name: str
    children: Merge
    parents: Merge
    link: Mapping[str, str]
    follows: str
    counted: tuple[str, str] = ("", "")

    def waiting(self, *repository_ids: int, since: datetime | None = None) -> list[Parent]:
        """The parents of the repositories whose children are to be read; with `since`, only those
        that have waited since then.
        """
        settled = f"AND p.{self.follows} <= %(since)s" if since else ""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT p.{self._key}, p.node_id, p.repository_id FROM {self._waiting} "  # noqa: S608
                f"AND p.repository_id = ANY (%(homes)s) AND p.node_id <> '' {settled} "
                f"ORDER BY p.{self._key}",
                {"kind": self.name, "homes": list(repository_ids), "since": since},
            )
            return [Parent(*row) for row in cursor.fetchall()]

    def all(self, repository_id: int) -> list[Parent]:
        """All parents of the repository."""
        return self._found(repository_id=repository_id)

    def share(self, repository_id: int, part: int, of: int) -> list[Parent]:
        """One of so many parts of all parents of the repository."""
        return self._found(Exact(F("pk") % of, part), repository_id=repository_id)

    def numbered(self, repository_id: int, numbers: Iterable[int]) -> list[Parent]:
        """The parents of the repository that have these numbers."""
        return self._found(repository_id=repository_id, number__in=list(numbers))

    def chosen(self, keys: Iterable[int]) -> list[Parent]:
        """Those of the parents with these keys that are there."""
        return self._found(pk__in=list(keys))

    def _found(self, *which: Any, **where: Any) -> list[Parent]:
        rows = self.parents.model._default_manager.filter(*which, **where, deleted_at__isnull=True)
        found = rows.exclude(node_id="").order_by("pk")
        return [Parent(*row) for row in found.values_list("pk", "node_id", "repository_id")]

    def waiting_in(self, repository_ids: Iterable[int]) -> set[int]:
        """The repositories with parents whose children are to be read."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT DISTINCT p.repository_id FROM {self._waiting} "  # noqa: S608 (our names)
                "AND p.repository_id = ANY (%(homes)s)",
                {"kind": self.name, "homes": list(repository_ids)},
            )
            return {row[0] for row in cursor.fetchall()}

    def known(self, parents: Iterable[int]) -> dict[int, Known]:
        """What is known here of these parents, by their keys."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT p.{self._key}, p.{self.follows}, c.read_at "  # noqa: S608 (our names)
                f"FROM {self.parents.table} p LEFT JOIN children_read c "
                f"ON c.kind = %s AND c.parent_id = p.{self._key} WHERE p.{self._key} = ANY (%s)",
                [self.name, list(parents)],
            )
            return {pk: Known(clock, read_at) for pk, clock, read_at in cursor.fetchall()}

    def note(self, read: Collection[Read], asked_at: datetime, known_at: datetime) -> None:
        """These were read. The answer, asked for at `asked_at`, surely knows what was before
        `known_at`, and settles nothing that is younger.
        """
        columns = [list(column) for column in zip(*read, strict=True)] if read else [[], [], []]
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO children_read AS old "
                "(kind, parent_id, repository_id, clock, read_at) "
                "SELECT %(kind)s, pk, home, "
                "CASE WHEN clock IS NOT NULL THEN least(clock, %(known)s) END, %(asked)s "
                "FROM unnest(%(pks)s::bigint[], %(homes)s::bigint[], %(clocks)s::timestamptz[]) "
                "AS r (pk, home, clock) ORDER BY pk "
                "ON CONFLICT (kind, parent_id) DO UPDATE SET clock = EXCLUDED.clock, "
                "repository_id = EXCLUDED.repository_id, read_at = EXCLUDED.read_at, "
                "marked_at = CASE WHEN old.marked_at > %(known)s THEN old.marked_at END",
                {
                    "kind": self.name,
                    "pks": columns[0],
                    "homes": columns[1],
                    "clocks": columns[2],
                    "known": known_at,
                    "asked": asked_at,
                },
            )

    def read_again(self, parents: Collection[int]) -> None:
        """Have the children of these parents read, whatever their clocks and counts say."""
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO children_read (kind, parent_id, repository_id) "  # noqa: S608
                f"SELECT %s, p.{self._key}, p.repository_id FROM {self.parents.table} p "
                f"WHERE p.{self._key} = ANY (%s) ORDER BY p.{self._key} "
                "ON CONFLICT (kind, parent_id) DO UPDATE SET clock = NULL",
                [self.name, list(parents)],
            )

    def leave(self, parents: Collection[int]) -> None:
        """Those of these parents of which an event spoke are read with the next sync."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE children_read SET clock = NULL, marked_at = NULL "
                "WHERE kind = %s AND parent_id = ANY (%s) AND marked_at IS NOT NULL",
                [self.name, list(parents)],
            )

    def forget_gone(self, repository_id: int) -> None:
        """Of a parent that is gone nothing is known; should it come back, its children are read."""
        gone = (
            f"repository_id = %(home)s AND NOT EXISTS (SELECT FROM {self.parents.table} p "
            f"WHERE p.{self._key} = parent_id AND p.deleted_at IS NULL)"
        )
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM children_read WHERE kind = %(kind)s AND {gone}",  # noqa: S608
                {"home": repository_id, "kind": self.name},
            )

    @property
    def _key(self) -> str:
        return self.parents.key[0]

    @property
    def _counts_all(self) -> bool:
        """Whether it is one number, and not one for each of several sorts."""
        return isinstance(self.parents.fields[self.counted[0]], models.IntegerField)

    @cached_property
    def _waiting(self) -> str:
        counted, seen_at = self.counted
        unread = "c.clock IS NULL"
        if counted:
            none = "0" if self._counts_all else "'{}'"
            some = f"c.parent_id IS NOT NULL OR p.{counted} IS NULL OR p.{counted} <> {none}"
            unread = f"({unread} AND ({some})) OR p.{seen_at} > c.read_at"
        return (
            f"{self.parents.table} p LEFT JOIN children_read c "
            f"ON c.kind = %(kind)s AND c.parent_id = p.{self._key} "
            f"WHERE p.deleted_at IS NULL AND ({unread} OR p.{self.follows} > c.clock "
            "OR c.marked_at IS NOT NULL)"
        )


Keyed = Mapping[tuple[str, tuple[Any, ...]], tuple[int, int]]
"""Table of the parents, and what children have of one in their links → its key and repository."""


def mark(
    spoken: Sequence[tuple[Sequence[Family], Iterable[Row]]], known: Keyed, at: datetime
) -> None:
    """Events spoke of these children: GitHub is asked for all of their parents, for events may come
    in another order than they happened. Each time families of one kind of children, whose parents
    may be of several, and rows or links of such children. Parents not `known` are looked up. One
    statement for all, in one order, so that two who mark cannot deadlock.
    """
    found: set[tuple[str, int, int]] = set()
    asked: list[tuple[Sequence[Family], Sequence[Row]]] = []
    for families, rows in spoken:
        unknown = [row for row in rows if not _find(families, row, known, found)]
        if unknown:
            asked.append((families, unknown))
    values: dict[str, Any] = {"at": at}
    for name, column in zip(("kinds", "pks", "homes"), zip(*found, strict=True), strict=False):
        values[name] = list(column)
    for place, (families, rows) in enumerate(asked):
        for name in families[0].link:
            values[f"{name}_{place}"] = [row[name] for row in rows]
    if found or asked:
        names = tuple(tuple(one.name for one in families) for families, _ in asked)
        with prepared() as cursor:
            cursor.execute(_marking(bool(found), names, [one for one, _ in asked]), values)


def _find(
    families: Sequence[Family], row: Row, known: Keyed, found: set[tuple[str, int, int]]
) -> bool:
    """Whether the parent is known. Issues and pull requests share their numbers: it is but one."""
    is_known = False
    for one in families:
        link = tuple([row[name] for name in one.link])
        if parent := known.get((one.parents.table, link)):
            found.add((one.name, *parent))
            is_known = True
    return is_known


# Families hold mappings, so their names stand for them.
_marks: dict[tuple[bool, tuple[tuple[str, ...], ...]], str] = {}


def _marking(
    some_known: bool, names: tuple[tuple[str, ...], ...], asked: Sequence[Sequence[Family]]
) -> str:
    if (some_known, names) in _marks:
        return _marks[some_known, names]
    parts = []
    if some_known:
        parts.append(
            "SELECT * FROM unnest(%(kinds)s::text[], %(pks)s::bigint[], %(homes)s::bigint[])"
        )
    for place, families in enumerate(asked):
        first = families[0]
        arrays = ", ".join(
            f"%({name}_{place})s::{first.children.fields[name].db_type(connection)}[]"
            for name in first.link
        )
        parts += [
            f"SELECT '{one.name}', p.{one.parents.key[0]}, p.repository_id "  # noqa: S608
            f"FROM {one.parents.table} p WHERE ({', '.join(f'p.{n}' for n in one.link.values())}) "
            f"IN (SELECT * FROM unnest({arrays}))"
            for one in families
        ]
    made = _marks[some_known, names] = (
        "INSERT INTO children_read AS old (kind, parent_id, repository_id, marked_at) "  # noqa: S608
        "SELECT kind, pk, home, %(at)s::timestamptz "
        f"FROM ({' UNION '.join(parts)}) AS found (kind, pk, home) ORDER BY 1, 2 "
        "ON CONFLICT (kind, parent_id) DO UPDATE SET marked_at = EXCLUDED.marked_at"
    )
    return made
