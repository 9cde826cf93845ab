"""How rows of one kind are merged: what identifies a row, which clock decides, what has its own."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import models

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


class Clock(enum.Enum):
    """What tells which of two versions of a row is the later one."""

    # GitHub's own clock, in steps of a second: two versions may have the same.
    UPDATED_AT = "updated_at"
    # GitHub gives none: when AutoSync saw it. A late answer, asked for before, loses.
    ARRIVAL = "observed_at"
    # The content never changes: the first sight stays, what it lacked is filled in.
    NONE = ""
    # The content never changes once the row is `complete` (commits).
    COMPLETE = "complete"


class Cause(enum.StrEnum):
    """Why a row is gone."""

    DELETED = "deleted"
    TRANSFERRED = "transferred"
    LEFT = "left"
    """The installation does not see it any more."""
    EXPIRED = "expired"
    """GitHub keeps it no longer."""
    PARENT = "parent"
    """What it belonged to is gone. Any later sight of it lifts this tombstone."""


@dataclass(frozen=True)
class Group:
    """Columns that the row's clock says nothing of: the newer observation wins, without a tie.

    `observed_at` names the nullable column that holds the observation's moment. A row gives all
    columns of a group or none.
    """

    observed_at: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class SetOf:
    """A set that rows of another table carry; `link`: the member's column → the carrier's.

    `members.key` begins with what links it, so that no two carriers share a row.
    """

    name: str
    members: Merge
    link: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Person:
    """Columns of a row that say who somebody is; the empty ones it does not have.

    `writes` are the columns with what that person wrote. `several`: `login` holds a list of them.
    """

    id: str = ""
    login: str = ""
    name: str = ""
    email: str = ""
    writes: tuple[str, ...] = ()
    several: bool = False


@dataclass(frozen=True)
class Merge:
    """Which columns of a model come from GitHub, and what identifies a row.

    `clock`: what decides between versions; False is `Clock.COMPLETE`.
    `listed`: columns that the object's clock says nothing of; once the row is there, only an
    authoritative answer changes them.
    `quiet`: columns that are stored but never compared (`raw`): no tie comes from them.
    `groups`: columns with observations of their own.
    `sets`: kept in other tables, and carried whole by a row, under `sets`. The column `sets_read`
    says whether they were read. See `mirror.sets`.
    `returns`: what is gone may return (a star, a membership): absence is a version too, and the
    later sight or absence wins.
    `inherits`: the row may be gone because its parent is; a later sight lifts that tombstone.
    `aliases`: node ids that differ for one row are kept as aliases; see `mirror.nodes`.
    `people`: who a row speaks of; see `mirror.people`.
    `prose`: columns with what people wrote, which goes when the row is deleted at GitHub.
    `version`: of the kind; `added`: columns that came after its first one, and with which. A row
    says of which version it is (`kind_version`): an older one lacks them.
    """

    model: type[models.Model]
    key: tuple[str, ...]
    columns: tuple[str, ...]
    clock: Clock | bool = Clock.UPDATED_AT
    listed: frozenset[str] = frozenset()
    variant: str = ""  # tells apart two merges into one table
    quiet: frozenset[str] = frozenset()
    groups: tuple[Group, ...] = ()
    sets: tuple[SetOf, ...] = ()
    returns: bool = False
    inherits: bool = False
    aliases: bool = False
    people: tuple[Person, ...] = ()
    prose: tuple[str, ...] = ()
    version: int = 1
    added: tuple[tuple[str, int], ...] = ()

    def __hash__(self) -> int:
        """Of few of the fields, and once: statements are looked up by it for every row."""
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.model, self.key, self.columns, self.variant))

    @cached_property
    def table(self) -> str:
        return self.model._meta.db_table

    def key_of(self, row: Row) -> Key:
        return tuple([row[name] for name in self.key])

    @cached_property
    def decided_by(self) -> Clock:
        if isinstance(self.clock, Clock):
            return self.clock
        return Clock.UPDATED_AT if self.clock else Clock.COMPLETE

    @cached_property
    def governed(self) -> tuple[str, ...]:
        """The columns that the row's clock speaks of."""
        grouped = {name for group in self.groups for name in group.columns}
        return tuple(name for name in self.columns if name not in grouped)

    @cached_property
    def content(self) -> tuple[str, ...]:
        """All columns that a row may give, and GitHub's clock."""
        grouped = [name for group in self.groups for name in group.columns]
        clock = ["updated_at"] if self.decided_by is Clock.UPDATED_AT else []
        return (*self.key, *self.governed, *grouped, *clock)

    @cached_property
    def fields(self) -> dict[str, models.Field[Any, Any]]:
        """The model's columns by name."""
        return {f.column: f for f in self.model._meta.concrete_fields}

    def has(self, column: str) -> bool:
        """Whether the table has the column; kinds that never change may go without marks."""
        return column in self.fields

    def later_than(self, version: int | None) -> frozenset[str]:
        """The columns that a row of this version of the kind cannot know."""
        return frozenset(name for name, since in self.added if since > (version or 1))

    @cached_property
    def counts_sights(self) -> bool:
        """Whether the row must know when it was last seen, changed or not."""
        return self.returns or self.inherits or self.decided_by is Clock.ARRIVAL

    @cached_property
    def required(self) -> frozenset[str]:
        """Columns that no new row can go without."""
        return frozenset(
            name
            for name in self.content
            if not self.fields[name].null and not self.fields[name].has_default()
        )


@dataclass
class Result:
    """Keys that changed the table: `inserted` and `updated` are disjoint, `dirty` is of both.

    `unknown` are not here, and what was given of them is too little for a new row.
    """

    inserted: set[Key] = field(default_factory=set)
    updated: set[Key] = field(default_factory=set)
    dirty: set[Key] = field(default_factory=set)
    unknown: set[Key] = field(default_factory=set)

    @property
    def changed(self) -> set[Key]:
        return self.inserted | self.updated

    def followed_by(self, later: Result) -> None:
        """Add what a later step of the same call did."""
        self.inserted |= later.inserted
        self.updated = (self.updated | later.updated) - self.inserted
        self.dirty = (self.dirty - later.changed) | later.dirty
        self.unknown = (self.unknown | later.unknown) - self.changed


def later_of(ours: datetime | None, theirs: datetime | None) -> int:
    """Which clock is later: 1 for theirs, -1 for ours, 0 for neither. None is before all."""
    if ours == theirs:
        return 0
    return 1 if ours is None or (theirs is not None and theirs > ours) else -1
