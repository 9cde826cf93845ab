"""The one door for writes: merge rows into a mirrored table by the rule that newer wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from autosync.mirror.merge import (
    Cause,
    Clock,
    Group,
    Key,
    Merge,
    Person,
    Result,
    Row,
    Rule,
    later_of,
)
from autosync.mirror.nodes import keep_forms
from autosync.mirror.people import unnamed
from autosync.mirror.prepared import prepared
from autosync.mirror.sets import replace_sets
from autosync.mirror.stage import Staged, stage
from autosync.mirror.statement import insertion, sighting, unmet
from autosync.mirror.tombstones import mark_dirty, tombstone

__all__ = [
    "Cause",
    "Clock",
    "Group",
    "Key",
    "Merge",
    "Person",
    "Result",
    "Row",
    "Rule",
    "absent",
    "mark_dirty",
    "tombstone",
    "upsert",
]

# Nobody's clock is wrong by more.
_AHEAD = timedelta(days=1)


def upsert(
    merge: Merge,
    rows: Iterable[Row],
    *,
    observed_at: datetime,
    rule: Rule,
    lag: timedelta = timedelta(0),
) -> Result:
    """Merge `rows` (column → value) into the table; committed with the caller's work.

    A row may lack columns: what is absent is not written, and `lacking` names what is from before
    the row's clock. A row that lacks too much to be a new one, and is not here, is `unknown`.

    `observed_at` is when the content was known to be current: the delivery's arrival, or the
    moment *before* the request that fetched it; a row may have its own. An answer may be `lag`
    older than that, and settles nothing that is younger. Rows are written in key order, so that two
    writers meet in the same order and cannot deadlock.

    A clock a day ahead of `observed_at` is not believed, for no later version could win against it:
    such a row replaces none that is there, and GitHub is asked.
    """
    if merge.people:
        rows = unnamed(merge, list(rows))
    if lag and (merge.returns or merge.decided_by is Clock.ARRIVAL):
        # Its moment decides, so it is the last at which the answer is known to be right.
        observed_at -= lag
        rows = [_earlier(row, lag) for row in rows]
        lag = timedelta(0)
    rows, doubtful = _believable(merge, rows, observed_at, rule)
    rounds, tied = _rounds(merge, rows, observed_at, rule)
    result = Result()
    if not rounds:
        return result
    values = {"observed_at": observed_at, "lag": lag, "now": timezone.now()}
    staged = [stage(merge, versions, observed_at) for versions in rounds]
    # A savepoint is of use to nobody: whoever goes on after an error has one of their own.
    with transaction.atomic(savepoint=False):
        for versions, given in zip(rounds, staged, strict=True):
            result.followed_by(_merge_round(merge, versions, given, rule, values))
        if tied and rule is not Rule.INSERT_MISSING:
            result.dirty |= mark_dirty(merge, tied & result.changed)
        if doubtful and rule is Rule.VERSIONED:
            result.dirty |= mark_dirty(merge, doubtful)
    return result


def absent(
    merge: Merge, rows: Iterable[Row], at: datetime, cause: Cause = Cause.DELETED
) -> set[Key]:
    """Store that these were absent at `at`, of a merge that `returns`; returns whose rows changed.

    A later sight lifts it, an older one does not, also where the row was never seen: `rows` have
    the key, and more if a new row needs it.
    """
    if not merge.returns:
        raise ValueError(f"rows of {merge.table} do not return: use tombstone")
    if merge.people:
        rows = unnamed(merge, list(rows))
    unique = {merge.key_of(row): row for row in rows}
    if not unique:
        return set()
    with transaction.atomic(savepoint=False):
        staged = stage(merge, [unique[key] for key in sorted(unique)], at)
        names = tuple(name for name in staged.names if name != "observed_at")
        sql = insertion(merge, Rule.VERSIONED, names, staged.lent, absent=True)
        with prepared() as cursor:
            cursor.execute(
                sql, {"staged": staged.document, "at": at, "cause": cause, "observed_at": at}
            )
            return {tuple(row[: len(merge.key)]) for row in cursor.fetchall()}


def _merge_round(
    merge: Merge, rows: Sequence[Row], staged: Staged, rule: Rule, values: Mapping[str, Any]
) -> Result:
    """Merge one row of each key, in key order."""
    values = {**values, "staged": staged.document}
    result = Result()
    width = len(merge.key)
    sql = insertion(merge, rule, staged.names, staged.lent, absent=False)
    for row in _rows(sql, values):
        row_key = tuple(row[:width])
        (result.inserted if row[width] else result.updated).add(row_key)
        if row[width + 1]:
            result.dirty.add(row_key)
    if staged.lent:
        result.unknown = {tuple(row) for row in _rows(unmet(merge), values)}
    if rule is Rule.INSERT_MISSING:
        return result
    # What changed has the moments of its sights by now.
    as_it_was = len(result.inserted) + len(result.updated) < len(rows)
    if merge.sets:
        sets = replace_sets(merge, rows, result, rule, values["observed_at"], values["lag"])
        result.dirty |= mark_dirty(merge, sets.tied)
        result.updated |= sets.changed - result.inserted
    if as_it_was and (merge.groups or merge.counts_sights):
        with prepared() as cursor:
            cursor.execute(sighting(merge, staged.names, bool(staged.lent)), values)
    if merge.aliases:
        keep_forms(merge, values)
    return result


def _rows(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with prepared() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def _earlier(row: Row, lag: timedelta) -> Row:
    return {**row, "observed_at": row["observed_at"] - lag} if "observed_at" in row else row


def _believable(
    merge: Merge, rows: Iterable[Row], observed_at: datetime, rule: Rule
) -> tuple[list[Row], set[Key]]:
    """The rows with clocks to believe, and the keys of those whose clock was replaced.

    By none, against which every version wins; by `observed_at` if GitHub itself, when asked, says
    the same.
    """
    found, doubtful = list(rows), set[Key]()
    if merge.decided_by is not Clock.UPDATED_AT:
        return found, doubtful
    believed = observed_at if rule is Rule.AUTHORITATIVE else None
    latest = observed_at + _AHEAD
    for place, row in enumerate(found):
        clock = row.get("updated_at")
        if clock is not None and clock > latest:
            found[place] = {**row, "updated_at": believed}
            doubtful.add(merge.key_of(row))
    return found, doubtful


def _rounds(
    merge: Merge, rows: Iterable[Row], observed_at: datetime, rule: Rule
) -> tuple[list[list[Row]], set[Key]]:
    """Rows to merge one after the other, each time one row a key in key order; and the keys whose
    newest clock came with two contents.

    Versions of one object are told apart here if they give the same columns. Else, and if clocks
    cannot decide (the table may have one of them, and then the other is the news), each is merged
    with the table in turn: the first round has all keys, so the later ones lock nothing new.
    """
    versions: dict[Key, list[Row]] = {}
    tied: set[Key] = set()
    for row in rows:
        key = merge.key_of(row)
        known = versions.get(key)
        if known is None:
            versions[key] = [row]
        elif (
            len(known) == 1
            and _alike(merge, known[0], row)
            and not (rule is Rule.VERSIONED and _tie(merge, known[0], row))
        ):
            known[0] = _newest(merge, known[0], row, tied)
        else:
            known.append(row)
    keys = sorted(versions)
    rounds: list[list[Row]] = []
    while keys:
        if not rounds:
            for key in keys:
                if len(versions[key]) > 1:
                    versions[key].sort(key=lambda row: _clock_of(merge, row, observed_at))
        rounds.append([versions[key][len(rounds)] for key in keys])
        keys = [key for key in keys if len(versions[key]) > len(rounds)]
    return rounds, tied


def _alike(merge: Merge, known: Row, row: Row) -> bool:
    """Whether the newer of both has all that the other could add."""
    decided_by = merge.decided_by
    if decided_by is Clock.COMPLETE:
        return True
    if decided_by is Clock.NONE or "observed_at" in row or "observed_at" in known:
        return False
    return known.keys() == row.keys()


def _newest(merge: Merge, known: Row, row: Row, tied: set[Key]) -> Row:
    """The newer of two rows of one key that give the same columns."""
    newest = row
    if merge.decided_by is Clock.COMPLETE:
        if not row.get("complete", True) and known.get("complete", True):
            newest = known
        return newest
    key = merge.key_of(row)
    if merge.decided_by is Clock.UPDATED_AT:
        later = later_of(known.get("updated_at"), row.get("updated_at"))
        if later < 0:
            newest = known
        elif later > 0:
            tied.discard(key)
        elif _tie(merge, known, row):
            tied.add(key)
    if known.get("node_id") and not newest.get("node_id"):
        newest = {**newest, "node_id": known["node_id"]}
    return newest


def _tie(merge: Merge, known: Row, row: Row) -> bool:
    """Whether two versions that give the same columns have one clock and different content."""
    if merge.decided_by is not Clock.UPDATED_AT or known.get("updated_at") != row.get("updated_at"):
        return False
    if known.get("sets") != row.get("sets"):
        return True
    return any(
        known[name] != row[name]
        for name in merge.governed
        if name in row and name not in merge.quiet
    )


def _clock_of(merge: Merge, row: Row, observed_at: datetime) -> tuple[bool, Any]:
    if merge.decided_by is Clock.UPDATED_AT:
        clock = row.get("updated_at")
        return clock is not None, clock
    return True, row.get("observed_at", observed_at)
