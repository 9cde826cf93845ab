"""Who must be asked again, and when: rows that clocks cannot decide, repositories to look at.

A mark, `dirty_at`, is taken away by an answer that was asked for LAG after it was made, and by a
newer version: lists and GraphQL lag behind webhooks, and an answer from before the change would
settle it wrongly for good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q
from django.utils import timezone

from autosync.mirror.keys import rows_of
from autosync.mirror.models import Repository
from autosync.mirror.prepared import prepared
from autosync.mirror.tombstones import among
from autosync.mirror.upsert import Clock, Key, Merge

# A webhook may still be on its way: what changed this recently is no difference yet.
IN_FLIGHT = timedelta(seconds=60)
# What was seen this shortly before GitHub was asked may be missing in the answer and exist all the
# same: lists and GraphQL lag behind webhooks and git.
LAG = timedelta(seconds=15)


def audit_soon(repository_ids: Iterable[int]) -> None:
    """Have an audit look once nothing is on its way: no list shows what was deleted meanwhile."""
    Repository.objects.filter(pk__in=repository_ids).update(audit_due_at=timezone.now() + IN_FLIGHT)


def list_soon(repository_ids: Iterable[int]) -> None:
    """Have the next listing of the installation tell whether they are still in its sight."""
    Repository.objects.filter(pk__in=repository_ids).update(dirty_at=timezone.now())


def in_doubt() -> Q:
    """Marked rows to ask for now: not asked for since, or when the answer may have lagged."""
    not_asked_since = Q(dirty_at__gt=F("observed_at"))
    no_answer_lags = Q(dirty_at__lte=timezone.now() - LAG)
    return Q(dirty_at__isnull=False) & (not_asked_since | no_answer_lags)


def just_seen(merge: Merge, absent: Set[Any], asked_at: datetime) -> set[Any]:
    """Those of `absent` in an answer that were seen within LAG before it was asked for."""
    [key] = merge.key
    rows = merge.model._default_manager.filter(
        **{f"{key}__in": absent}, observed_at__gte=asked_at - LAG
    )
    return set(rows.values_list(key, flat=True))


def mark_new_and_late(merge: Merge, inserted: Set[Key], observed_at: datetime) -> set[Key]:
    """Marks, and returns, new rows that came late: what they show may have been deleted while
    GitHub sent nothing, and the looks that would miss it may be over. They are what was known
    at their clock, not now: an answer without them counts.
    """
    if not inserted:
        return set()
    return _mark(
        merge,
        inserted,
        # After an import an audit looks at everything.
        f"{_OF_REPOSITORIES} AND r.imported_at IS NOT NULL "
        "AND (t.updated_at < %(in_time)s OR t.updated_at <= r.last_synced_at)",
        {"in_time": observed_at - LAG},
        ", observed_at = t.updated_at",
    )


def mark_told_late(merge: Merge, changed: Set[Key], observed_at: datetime) -> set[Key]:
    """Marks, and returns, those of the rows changed by events that came late: columns that no clock
    speaks of may have changed since, and the arrival made them look young. New rows are another
    matter: see `mark_new_and_late`.
    """
    if not changed or not merge.groups or merge.decided_by is not Clock.UPDATED_AT:
        return set()
    return _mark(merge, changed, "WHERE t.updated_at < %(in_time)s", {"in_time": observed_at - LAG})


def mark_renamed(merge: Merge, changed: Set[Key], as_of: datetime | None = None) -> set[Key]:
    """Marks, and returns, rows whose content is known `as_of` (None: their clock) before a label
    or a milestone was renamed: the event about it asked for those that carried it then, and these
    may carry it since. Call `lock_repositories` before they are written.
    """
    if not changed or not {"labels", "milestone"} <= set(merge.columns):
        return set()
    moment = "t.updated_at" if as_of is None else "%(as_of)s"
    return _mark(
        merge,
        changed,
        f"{_OF_REPOSITORIES} AND r.names_changed_at >= {moment} - %(lag)s::interval "
        "AND (t.labels <> '[]' OR t.milestone <> '')",
        {"as_of": as_of, "lag": LAG},
    )


_OF_REPOSITORIES = "FROM repositories r WHERE r.github_id = t.repository_id"


def _mark(
    merge: Merge, keys: Set[Key], doubtful: str, values: dict[str, Any], more: str = ""
) -> set[Key]:
    """Marks, and returns, those of the rows `t` that are `doubtful`: SQL from FROM or WHERE on.
    Who calls this has just written, and so locked, all of them.
    """
    values["now"] = timezone.now()
    chosen = among(merge, "t", sorted(keys), values)
    ours = ", ".join(f"t.{name}" for name in merge.key)
    with prepared() as cursor:
        cursor.execute(
            f"UPDATE {merge.table} t SET dirty_at = %(now)s{more} "  # noqa: S608 (names are ours)
            f"{doubtful} AND {chosen} RETURNING {ours}",
            values,
        )
        return {tuple(row) for row in cursor.fetchall()}


def turned_quickly(merge: Merge, keys: Sequence[Key], now: datetime) -> set[int]:
    """The repositories of pairs that came or went and did so shortly before too: events about them
    may have overtaken each other. To be asked before they are written.
    """
    turned = Q(observed_at__gt=now - IN_FLIGHT) | Q(deleted_at__gt=now - IN_FLIGHT)
    rows = rows_of(merge, set(keys)).filter(turned)
    found = set(rows.values_list("repository", flat=True))
    twice = {key for key, times in Counter(keys).items() if times > 1}
    return found | {dict(zip(merge.key, key, strict=True))["repository_id"] for key in twice}


def lock_repositories(repository_ids: Set[int]) -> None:
    """Until the transaction ends no event renames labels or milestones of these repositories."""
    with prepared() as cursor:
        cursor.execute(
            "SELECT FROM repositories WHERE github_id = ANY (%s::bigint[]) ORDER BY github_id "
            "FOR NO KEY UPDATE",
            [sorted(repository_ids)],
        )
