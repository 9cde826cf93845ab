"""What people wrote goes from rows that are deleted at GitHub, at once or after a while."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from autosync import config
from autosync.mirror.merge import Merge

BATCH = 5_000


def erasure(merge: Merge) -> str:
    """SQL that adds to the assignments of a tombstone; nothing if the text is kept for a while."""
    return _assignments(merge) if merge.prose and not config.load().autosync_keep_deleted else ""


def erase_until(merge: Merge, before: datetime) -> int:
    """Erase the text of rows deleted until then, in batches; rows changed."""
    if not merge.prose or not merge.has("deleted_at"):
        return 0
    key = merge.model._meta.pk.column
    # What may be null is erased to that: see below.
    written = " OR ".join(
        f"t.{name} IS NOT NULL" if merge.fields[name].null else f"t.{name} <> ''"
        for name in merge.prose
    )
    changed = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"WITH batch AS (SELECT t.{key} AS pk FROM {merge.table} t "  # noqa: S608 (our names)
                f"WHERE t.deleted_at <= %(before)s AND ({written}) ORDER BY t.{key} "
                "LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED) "
                f"UPDATE {merge.table} t SET {_assignments(merge).removeprefix(', ')} FROM batch "
                f"WHERE t.{key} = batch.pk",
                {"before": before, "batch": BATCH},
            )
            count: int = cursor.rowcount
        changed += count
        if count < BATCH:
            return changed


def _assignments(merge: Merge) -> str:
    """What was erased is as if it never came: any later sight of the row fills it in."""
    blank = [f"{name} = {'NULL' if merge.fields[name].null else repr('')}" for name in merge.prose]
    if merge.has("lacking"):
        never = ", ".join(f"'{name}', NULL" for name in merge.prose)
        blank.append(f"lacking = coalesce(t.lacking, '{{}}') || jsonb_build_object({never})")
    return ", " + ", ".join(blank)
