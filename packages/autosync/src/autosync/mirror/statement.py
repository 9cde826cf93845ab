"""The SQL by which staged rows meet those of the table: which version wins, column by column.

Each column has a clock: the row's, unless `lacking` says that the column is from before it. So what
a partial row lacks keeps its value and its older clock, and any order of the same versions ends in
the same row. Rows that lack nothing, almost all, have NULL there and cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.db import models

from autosync.mirror.merge import Clock, Group, Merge, Rule
from autosync.mirror.stage import source

# Before any sight and any absence: the row of what was only ever known to be absent.
NEVER = "'0001-01-02 00:00:00+00'::timestamptz"
_KNOWS = "(EXCLUDED.observed_at - %(lag)s)"


@lru_cache(maxsize=512)
def insertion(
    merge: Merge, rule: Rule, names: tuple[str, ...], lent: tuple[str, ...], absent: bool
) -> str:
    """Merge the staged columns `names` into the table, keys ascending.

    `lent` are required columns that some staged rows lack: a row that is there lends its own, a new
    one is left out. `absent`: the staged rows are known to be absent.
    """
    extra: dict[str, str] = {}
    if "observed_at" not in names and merge.has("observed_at"):
        extra["observed_at"] = NEVER if absent else "%(observed_at)s"
    if absent:
        extra |= {"deleted_at": "%(at)s", "gone_because": "%(cause)s"}
    given = {*names, *extra}
    extra |= {f.column: _literal(f) for f in _own_columns(merge, given)}
    if merge.version > 1:
        extra["kind_version"] = str(merge.version)
    columns = ", ".join([*names, *extra])
    chosen = [f"coalesce(s.{n}, here.{n})" if n in lent else f"s.{n}" for n in names]
    rows = source(merge, names)
    where = ""
    if lent:
        rows += f" LEFT JOIN {merge.table} here ON {matches(merge, 's', 'here')}"
        enough = " AND ".join(f"coalesce(s.{n}, here.{n}) IS NOT NULL" for n in lent)
        where = f"WHERE {enough} "
    key = ", ".join(merge.key)
    conflict = _absence() if absent else _on_conflict(merge, rule, "lacking" in names)
    dirty = "old.dirty_at IS NOT NULL" if merge.has("dirty_at") else "false"
    return (
        f"INSERT INTO {merge.table} AS old ({columns}) "  # noqa: S608 (names are ours)
        f"SELECT {', '.join([*chosen, *extra.values()])} FROM {rows} {where}"
        f"ORDER BY {_of('s', merge.key)} ON CONFLICT ({key}) {conflict} "
        f"RETURNING {_of('old', merge.key)}, old.xmax = 0, {dirty}"
    )


@lru_cache(maxsize=128)
def sighting(merge: Merge, names: tuple[str, ...], some_left_out: bool = False) -> str:
    """Note when rows and groups were seen whose content is as it was, so that what is older loses.

    `names` are the staged columns. All these rows are locked already, by the statement above; but
    for those it left out, if another writer has added them since: none of these is waited for.
    """
    seen = "s.observed_at" if "observed_at" in names else "%(observed_at)s"
    moments = {group.observed_at: f"s.{group.observed_at}" for group in merge.groups}
    if merge.counts_sights:
        moments["observed_at"] = seen
    assignments = ", ".join(f"{name} = greatest(t.{name}, {at})" for name, at in moments.items())
    older = " OR ".join(f"t.{name} < {at}" for name, at in moments.items())
    moments_given = {*merge.key, *(group.observed_at for group in merge.groups), "observed_at"}
    rows = source(merge, tuple(name for name in names if name in moments_given))
    alive = "" if merge.returns or not merge.has("deleted_at") else " AND t.deleted_at IS NULL"
    if merge.inherits and alive:
        alive = " AND (t.deleted_at IS NULL OR t.gone_because = 'parent')"
    free = ""
    if some_left_out:
        keys = _of("f", merge.key)
        free = (
            f" AND ({_of('t', merge.key)}) IN (SELECT {keys} FROM {merge.table} f "  # noqa: S608
            f"JOIN {rows} ON {matches(merge, 's', 'f')} "
            "FOR NO KEY UPDATE OF f SKIP LOCKED)"
        )
    return (
        f"UPDATE {merge.table} t SET {assignments} FROM {rows} "  # noqa: S608
        f"WHERE {matches(merge, 's', 't')} AND ({older}){alive}{free}"
    )


@lru_cache(maxsize=128)
def unmet(merge: Merge) -> str:
    """The keys of staged rows that the table has no row for."""
    return (
        f"SELECT {_of('s', merge.key)} FROM {source(merge, merge.key)} WHERE NOT EXISTS "  # noqa: S608
        f"(SELECT FROM {merge.table} t WHERE {matches(merge, 's', 't')})"
    )


def matches(merge: Merge, one: str, other: str) -> str:
    return " AND ".join(f"{one}.{name} = {other}.{name}" for name in merge.key)


def _of(alias: str, names: Iterable[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def _own_columns(merge: Merge, given: set[str]) -> list[models.Field[Any, Any]]:
    """Columns that are AutoSync's own and get their default when a row is new."""
    return [
        f
        for name, f in merge.fields.items()
        if name not in given and name != "updated_at" and not f.null and not f.primary_key
    ]


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


def _absence() -> str:
    """The later of sight and absence wins; of the same moment, absence."""
    return (
        "DO UPDATE SET deleted_at = EXCLUDED.deleted_at, gone_because = EXCLUDED.gone_because "
        "WHERE EXCLUDED.deleted_at >= old.observed_at "
        "AND (old.deleted_at IS NULL OR EXCLUDED.deleted_at > old.deleted_at)"
    )


def _on_conflict(merge: Merge, rule: Rule, partial: bool) -> str:
    if rule is Rule.INSERT_MISSING:
        return "DO NOTHING"
    if merge.decided_by is Clock.COMPLETE:
        return _once_complete(merge)
    return _Meeting(merge, rule, partial).sql()


def _once_complete(merge: Merge) -> str:
    assignments = [f"{name} = {_incoming(merge, name)}" for name in merge.columns]
    assignments.append("observed_at = EXCLUDED.observed_at")
    return (
        f"DO UPDATE SET {', '.join(assignments)} "
        "WHERE old.deleted_at IS NULL AND EXCLUDED.complete AND NOT old.complete"
    )


def _incoming(merge: Merge, name: str) -> str:
    """A node id once known stays: without it GitHub could not be asked about the row."""
    if name == "node_id":
        ours, theirs = "nullif(old.node_id, '')", "nullif(EXCLUDED.node_id, '')"
        # The first form stays where the others are kept as aliases.
        first, second = (ours, theirs) if merge.aliases else (theirs, ours)
        return f"coalesce({first}, {second}, '')"
    return f"EXCLUDED.{name}"


def _older_than(version: int) -> str:
    """Whether the row in the table is of an older version of its kind: as a rule it is not."""
    return f"coalesce(old.kind_version, 1) < {version}"


def _lacks(merge: Merge) -> str:
    """What the row in the table lacks: also the columns that came after its version."""
    cases = []
    for version in sorted({since for _, since in merge.added}):
        later = ", ".join(f'"{name}": null' for name, since in merge.added if since >= version)
        cases.append(
            f"WHEN {_older_than(version)} "
            f"THEN '{{{later}}}'::jsonb || coalesce(old.lacking, '{{}}'::jsonb)"
        )
    return f"(CASE {' '.join(cases)} ELSE old.lacking END)" if cases else "old.lacking"


class _Meeting:
    """How a staged row (EXCLUDED) meets the one in the table (old)."""

    def __init__(self, merge: Merge, rule: Rule, partial: bool) -> None:
        self.merge = merge
        self.versioned = rule is Rule.VERSIONED
        # Whether staged rows may lack columns, and whether rows of this table ever can.
        self.partial = partial
        self.marks = merge.has("lacking")
        self.added = dict(merge.added)
        self.lacks = _lacks(merge)
        self.lacks_nothing = "old.lacking IS NULL"
        if merge.version > 1:
            self.lacks_nothing += f" AND old.kind_version = {merge.version}"
        listed = merge.listed if self.versioned else frozenset()
        self.columns = [name for name in merge.governed if name not in listed]
        self.clock = merge.decided_by
        self.by_github = self.clock is Clock.UPDATED_AT
        name = self.clock.value
        self.newer, self.same = "false", "false"
        if self.by_github:
            self.newer = "old.updated_at IS NULL OR EXCLUDED.updated_at > old.updated_at"
        elif self.clock is Clock.ARRIVAL:
            self.newer = "EXCLUDED.observed_at > old.observed_at"
        if name:
            self.same = f"EXCLUDED.{name} = old.{name}"

    def sql(self) -> str:
        accepted = " OR ".join(f"({one})" for one in self._reasons())
        if not accepted:
            return "DO NOTHING"
        allowed = ""
        if self.versioned and self.merge.has("deleted_at") and not self.merge.returns:
            allowed = "old.deleted_at IS NULL AND "
            if self.merge.inherits:  # what is seen meanwhile is its content when it is back
                allowed = "(old.deleted_at IS NULL OR old.gone_because = 'parent') AND "
        return f"DO UPDATE SET {', '.join(self._assignments())} WHERE {allowed}({accepted})"

    def _reasons(self) -> list[str]:
        """Why the row in the table changes at all."""
        reasons = []
        if self.by_github:
            reasons += [self.newer, self._tie()]
        elif self.clock is Clock.ARRIVAL:
            reasons.append(f"({self.newer}) AND ({self._news()})")
        if self.marks:
            reasons.append(self._fills_any())
        reasons += [
            f"{self._group_newer(group)} AND {self._group_differs(group)}"
            for group in self.merge.groups
        ]
        lifts = self._lifts()
        if self.versioned:
            if lifts:
                reasons.append(lifts)
        elif self.by_github:
            reasons.append(f"{self.same} AND (old.dirty_at <= {_KNOWS} OR {lifts})")
            if self.merge.returns or self.merge.inherits:
                reasons.append(lifts)
        else:
            if self.merge.has("dirty_at"):
                reasons.append(f"old.dirty_at <= {_KNOWS}")
            if lifts:
                reasons.append(lifts)
        return reasons

    def _assignments(self) -> list[str]:
        taken = f"{self.newer} OR {self.same}" if self.clock.value else "false"
        assignments = [f"{name} = {self._column(name, taken)}" for name in self.columns]
        if not self.marks and self.clock is Clock.NONE:
            assignments = []
        for group in self.merge.groups:
            newer = self._group_newer(group)
            assignments += [
                f"{name} = CASE WHEN {newer} THEN EXCLUDED.{name} ELSE old.{name} END"
                for name in group.columns
            ]
            at = group.observed_at
            assignments.append(f"{at} = greatest(old.{at}, EXCLUDED.{at})")
        if self.by_github:
            assignments.append(
                f"updated_at = CASE WHEN {self.newer} THEN EXCLUDED.updated_at "
                "ELSE old.updated_at END"
            )
        if self.merge.counts_sights:
            assignments.append("observed_at = greatest(old.observed_at, EXCLUDED.observed_at)")
        elif self.merge.has("observed_at"):
            assignments.append(
                f"observed_at = CASE WHEN {taken} THEN EXCLUDED.observed_at "
                "ELSE old.observed_at END"
            )
        if self.marks:
            assignments.append(f"lacking = {self._lacking()}")
        if self.merge.version > 1:
            assignments.append(f"kind_version = {self.merge.version}")
        if self.merge.has("dirty_at"):
            assignments.append(f"dirty_at = {self._dirty()}")
        if lifts := self._lifts():
            assignments.append(f"deleted_at = CASE WHEN {lifts} THEN NULL ELSE old.deleted_at END")
            assignments.append(
                f"gone_because = CASE WHEN {lifts} THEN '' ELSE old.gone_because END"
            )
        return assignments

    def _lifts(self) -> str:
        if not self.merge.has("deleted_at"):
            return ""
        if not self.versioned:
            # What is younger than this the answer may not know of: a mark, a tie, a deletion.
            return f"{_KNOWS} > old.deleted_at"
        if self.merge.returns:
            return "EXCLUDED.observed_at > old.deleted_at"
        if self.merge.inherits:
            return "(old.gone_because = 'parent' AND EXCLUDED.observed_at > old.deleted_at)"
        return ""

    def _dirty(self) -> str:
        if not self.by_github:
            # A version that was seen after the mark was made is what it asked for.
            return f"CASE WHEN old.dirty_at > {_KNOWS} THEN old.dirty_at END"
        if self.versioned:
            return (
                f"CASE WHEN {self.newer} THEN NULL WHEN {self._tie()} THEN %(now)s "
                "ELSE old.dirty_at END"
            )
        return (
            f"CASE WHEN old.dirty_at > {_KNOWS} THEN old.dirty_at "
            f"WHEN {self._tie()} AND old.observed_at > {_KNOWS} THEN %(now)s END"
        )

    def _tie(self) -> str:
        return f"(EXCLUDED.updated_at = old.updated_at AND {self._differs()})"

    def _differs(self) -> str:
        """Whether a column that both give differs."""
        silent = self.merge.quiet | ({"node_id"} if self.merge.aliases else set())
        compared = [name for name in self.columns if name not in silent]
        if not compared:
            return "false"
        whole = f"ROW({_of('old', compared)}) IS DISTINCT FROM ROW({_of('EXCLUDED', compared)})"
        if not self.marks:
            return f"({whole})"
        each = " OR ".join(
            f"(old.{name} IS DISTINCT FROM EXCLUDED.{name} AND NOT coalesce("
            f"{self._lacked(name)}, false){self._and_given(name)})"
            for name in compared
        )
        none = self.lacks_nothing + (" AND EXCLUDED.lacking IS NULL" if self.partial else "")
        return f"(CASE WHEN {none} THEN {whole} ELSE {each} END)"

    def _news(self) -> str:
        """Whether a row seen again later is another: in content, or in what is known of it."""
        if not self.marks:
            return self._differs()
        theirs = "EXCLUDED.lacking" if self.partial else "NULL::jsonb"
        return (
            f"{self._differs()} OR ARRAY(SELECT jsonb_object_keys({self.lacks})) "
            f"<> ARRAY(SELECT jsonb_object_keys({theirs}))"
        )

    def _lacked(self, name: str) -> str:
        """Whether the row in the table is from before the column, or has an older content of it."""
        found = f"old.lacking ? '{name}'"
        since = self.added.get(name)
        return f"({_older_than(since)} OR {found})" if since else found

    def _given(self, name: str) -> str:
        return f"NOT coalesce(EXCLUDED.lacking ? {name}, false)" if self.partial else "true"

    def _and_given(self, name: str) -> str:
        return f" AND {self._given(repr(name))}" if self.partial else ""

    def _fills(self, name: str, since: str) -> str:
        """Whether what the row lacks is given, by a version later than the one that it is of."""
        if not self.clock.value:
            return self._given(name)
        theirs = f"EXCLUDED.{self.clock.value}"
        return (
            f"({self._given(name)} AND {theirs} IS NOT NULL AND ({self.same} OR {since} IS NULL "
            f"OR {theirs} > ({since})::timestamptz))"
        )

    def _fills_any(self) -> str:
        return (
            f"NOT coalesce({self.lacks_nothing}, false) AND EXISTS (SELECT FROM "
            f"jsonb_each_text({self.lacks}) AS l (k, v) WHERE {self._fills('k', 'v')})"
        )

    def _column(self, name: str, taken: str) -> str:
        if not self.marks:
            return f"CASE WHEN {taken} THEN {_incoming(self.merge, name)} ELSE old.{name} END"
        fills = (
            f"{self._lacked(name)} AND {self._fills(repr(name), f'''old.lacking ->> '{name}' ''')}"
        )
        if self.partial:
            taken = f"({taken}) AND {self._given(repr(name))}"
        elif self.by_github and not self.merge.groups and not self.merge.inherits:
            # Whatever else lets a row through is newer, or as old.
            taken = f"({self.lacks_nothing}) OR {taken}"
        return (
            f"CASE WHEN {taken} THEN {_incoming(self.merge, name)} "
            f"WHEN {fills} THEN {_incoming(self.merge, name)} ELSE old.{name} END"
        )

    def _lacking(self) -> str:
        """What the row lacks then, and which clock that is of."""
        ours = f"to_jsonb(old.{self.clock.value})" if self.clock.value else "'null'::jsonb"
        theirs = f"to_jsonb(EXCLUDED.{self.clock.value})" if self.clock.value else "'null'::jsonb"
        settled = f"{self._given('k')} AND {self.same}" if self.clock.value else self._given("k")
        filled = self._fills("k", "v #>> '{}'")
        older = (
            f"CASE WHEN {self.lacks} IS NOT NULL THEN (SELECT jsonb_object_agg(k, "  # noqa: S608
            f"CASE WHEN {filled} THEN {theirs} ELSE v END) "
            f"FROM jsonb_each({self.lacks}) AS l (k, v) WHERE NOT ({settled})) END"
        )
        if not self.clock.value:
            return older
        if not self.partial:
            return f"CASE WHEN {self.newer} THEN NULL ELSE {older} END"
        return (
            f"CASE WHEN {self.newer} THEN (SELECT jsonb_object_agg(k, "  # noqa: S608
            f"CASE WHEN {self.lacks} ? k THEN {self.lacks} -> k ELSE {ours} END) "
            f"FROM jsonb_object_keys(EXCLUDED.lacking) AS l (k)) ELSE {older} END"
        )

    @staticmethod
    def _group_newer(group: Group) -> str:
        at = group.observed_at
        return f"(EXCLUDED.{at} > old.{at} OR (old.{at} IS NULL AND EXCLUDED.{at} IS NOT NULL))"

    @staticmethod
    def _group_differs(group: Group) -> str:
        ours, theirs = _of("old", group.columns), _of("EXCLUDED", group.columns)
        return f"(old.{group.observed_at} IS NULL OR ROW({ours}) IS DISTINCT FROM ROW({theirs}))"
