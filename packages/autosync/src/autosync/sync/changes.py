"""Carry out what events change: rows, tombstones, refs, the feed and the work that follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils import timezone

from autosync import moments
from autosync.killpoints import reached
from autosync.kinds import RESOURCES, ROOTS, account_kinds, nested_kinds, refetched
from autosync.kinds._events import Changes, Doubt, FollowUp
from autosync.mirror.children import mark
from autosync.mirror.doubt import (
    LAG,
    audit_soon,
    mark_new_and_late,
    mark_renamed,
    mark_told_late,
    turned_quickly,
)
from autosync.mirror.feed import FeedLine, publish
from autosync.mirror.moves import Step, moved
from autosync.mirror.tombstones import mark_named
from autosync.mirror.upsert import Key, Merge, Row, Rule, upsert
from autosync.sync.applied_rows import Changed
from autosync.sync.gone import delete, follow_parents
from autosync.sync.queue import hand_over


def carry_out(
    plan: Sequence[Changes],
    observed_at: datetime,
    renamed: Mapping[int, datetime | None] | None = None,
) -> Changed:
    """Write all changes of `plan` in the surrounding transaction, in an order without deadlocks.

    `renamed`: repository → when a name in it changed last, of repositories that are locked; where
    it is not known the database is asked. Returns which rows really changed, by table.
    """
    followups = {f for changes in plan for f in changes.followups}
    changed: Changed = {}
    _look_at_pairs(plan, observed_at)
    spoken_of = _rereads(plan)
    here: dict[tuple[str, Key], tuple[int, int]] = {}
    for (merge, rule), rows in _by_merge(plan).items():
        result = upsert(merge, rows, observed_at=observed_at, rule=rule)
        follow_parents(merge, result.inserted)
        changed.setdefault(merge.table, set()).update(result.changed)
        if merge.table in _NESTED:
            spoken_of.setdefault(merge, []).extend(rows)
        if merge.table in _PARENTS:
            here |= _parents(merge, rows, result.unknown)
        marked = set(result.dirty)
        if merge.table in _REFETCHED:
            marked |= mark_new_and_late(merge, result.inserted, observed_at)
            older = _older_than_names(merge, rows, renamed or {}) & result.changed
            marked |= mark_renamed(merge, older)
        if merge.table in _TOLD:
            late = _late(merge, rows, observed_at) & result.updated
            marked |= mark_told_late(merge, late, observed_at)
        followups |= _settle(merge, marked, rows)
    doubted: _Doubted = {}
    for changes in plan:
        if changes.tombstones or changes.patches:
            _mark_doubted(doubted)  # a tombstone takes such a mark away
        for one in changes.tombstones:
            for table, keys in delete(one.merge, one.ids, one.at).items():
                changed.setdefault(table, set()).update(keys)
        for patch in changes.patches:
            chosen = patch.merge.model._default_manager.filter(pk__in=patch.ids, **patch.where)
            chosen.update(**patch.values)
        for doubt in changes.doubts:
            _collect(doubted, doubt)
            account = doubt.where.get("account_id")
            followups.add(FollowUp("sync_account", account) if account else FollowUp("refetch", 0))
    _mark_doubted(doubted)
    # Their parents are read again, whichever kind they are of.
    mark([(_NESTED[one.table], links) for one, links in spoken_of.items()], here, timezone.now())
    steps: dict[Merge, list[Step]] = {}
    for move in (one for changes in plan for one in changes.moves):
        steps.setdefault(move.merge, []).append(Step(move.key, move.before, move.after))
    for merge, some in steps.items():
        changed.setdefault(merge.table, set()).update(moved(merge, some, observed_at))
    reached("apply: rows written, not yet in the feed")
    publish(_news(plan, changed))
    if followups:
        hand_over(followups, now=True)
        reached("follow-up: enqueued, not committed")
    return changed


_Doubted = dict[tuple[Merge, tuple[str, ...]], set[Key]]
"""Table and columns → the values by which rows are known."""


def _collect(doubted: _Doubted, doubt: Doubt) -> None:
    """Put it to the others of its kind, to be marked with them; or mark all that it is about now,
    if it says more than what columns have.
    """
    names = tuple(doubt.where)
    plain = all(isinstance(value, int | str) for value in doubt.where.values())
    if plain and doubt.merge.fields.keys() >= set(names):
        doubted.setdefault((doubt.merge, names), set()).add(tuple(doubt.where.values()))
    else:
        doubt.merge.model._default_manager.filter(**doubt.where).update(dirty_at=timezone.now())


def _mark_doubted(doubted: _Doubted) -> None:
    for (merge, names), values in doubted.items():
        mark_named(merge, names, values)
    doubted.clear()


def _older_than_names(
    merge: Merge, rows: Sequence[Row], renamed: Mapping[int, datetime | None]
) -> set[Key]:
    """Those that may show a label or a milestone under a former name."""
    found = set()
    for row in rows:
        home, clock = row.get("repository_id"), row.get("updated_at")
        at = renamed.get(home, moments.LATEST) if home is not None else moments.LATEST
        if at is not None and (clock is None or at >= moments.before(clock, LAG)):
            found.add(merge.key_of(row))
    return found


def _late(merge: Merge, rows: Sequence[Row], observed_at: datetime) -> set[Key]:
    """Those whose clocks say that the event came late."""
    if not merge.groups:
        return set()
    in_time = observed_at - LAG
    return {
        merge.key_of(row)
        for row in rows
        if (clock := row.get("updated_at")) is None or clock < in_time
    }


def _parents(
    merge: Merge, rows: Sequence[Row], unknown: set[Key]
) -> dict[tuple[str, Key], tuple[int, int]]:
    """What children know these rows by, which are here now: nobody needs to look for them."""
    columns, table = _PARENTS[merge.table], merge.table
    return {
        (table, tuple([row[name] for name in columns])): (key[0], row["repository_id"])
        for row in rows
        if all(name in row for name in columns) and (key := merge.key_of(row)) not in unknown
    }


def _rereads(plan: Sequence[Changes]) -> dict[Merge, list[Row]]:
    """By kind of the children, whose parents are to be read again: all of a batch at one time."""
    found: dict[Merge, list[Row]] = {}
    for changes in plan:
        for one in changes.rereads:
            found.setdefault(one.merge, []).append(one.link)
    return found


def _look_at_pairs(plan: Sequence[Changes], now: datetime) -> None:
    """Have an audit look at pairs of which events came so fast that their order is not certain."""
    told: dict[Merge, list[Key]] = {}
    for changes in plan:
        for item in changes.upserts:
            if item.merge.returns and item.merge.table not in _OF_ACCOUNTS:
                told.setdefault(item.merge, []).extend(map(item.merge.key_of, item.rows))
        for gone in changes.tombstones:
            if gone.merge.returns and gone.merge.table not in _OF_ACCOUNTS:
                told.setdefault(gone.merge, []).extend(gone.keys)
    for merge, keys in told.items():
        audit_soon(turned_quickly(merge, keys, now))


def _settle(merge: Merge, dirty: set[Key], rows: Sequence[Row]) -> set[FollowUp]:
    """Who must be asked about rows whose clocks could not decide."""
    if not dirty:
        return set()
    if merge.table in _OF_ACCOUNTS:
        doubted = [row for row in rows if merge.key_of(row) in dirty]
        return {FollowUp("sync_account", row["account_id"]) for row in doubted}
    if merge.table not in _LISTED_BY_INSTALLATION:
        return {FollowUp("refetch", 0)}
    column = _LISTED_BY_INSTALLATION[merge.table]
    doubtful = merge.model._default_manager.filter(pk__in=[key[0] for key in dirty])
    return {FollowUp("refresh_installation", pk) for pk in doubtful.values_list(column, flat=True)}


# Settled by asking GitHub for them by their node ids.
_REFETCHED = {resource.merge.table for resource in refetched()}
# Those whose events are about them: their clock is about that of the event.
_TOLD = {resource.merge.table for resource in refetched() if not resource.inside}
# Read again with their parents at the next sync.
_NESTED = {kind.merge.table: [n.family for n in kind.nests] for kind in nested_kinds()}
# Their parents: table → the columns by which children know them.
_PARENTS = {
    family.parents.table: tuple(family.link.values())
    for families in _NESTED.values()
    for family in families
}
# Settled by the lists of the account.
_OF_ACCOUNTS = {kind.merge.table for kind in account_kinds()}
# Settled by the listing of the installation: table → the column with the installation's id.
_LISTED_BY_INSTALLATION = {resource.merge.table: resource.scope for resource in ROOTS}


def _by_merge(plan: Sequence[Changes]) -> dict[tuple[Merge, Rule], list[Row]]:
    grouped: dict[tuple[Merge, Rule], list[Row]] = {}
    for changes in plan:
        for item in changes.upserts:
            grouped.setdefault((item.merge, item.rule), []).extend(item.rows)
    return dict(sorted(grouped.items(), key=lambda entry: _ORDER[entry[0][0].table]))


# Parents before children, stubs of repositories before whole ones.
_ORDER = {resource.merge.table: place for place, resource in enumerate(RESOURCES)}


def _news(plan: Sequence[Changes], changed: Changed) -> list[FeedLine]:
    return [
        news.line
        for changes in plan
        for news in changes.news
        if not news.table or news.key in changed.get(news.table, ())
    ]
