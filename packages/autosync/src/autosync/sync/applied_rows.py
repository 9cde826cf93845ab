"""Which rows a delivery was applied to, kept with it for its story."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from autosync.kinds._events import Changes
from autosync.mirror.models import Delivery
from autosync.mirror.prepared import prepared
from autosync.mirror.upsert import Key
from autosync.storable import storable

Changed = dict[str, set[Key]]
"""Table → keys of the rows that really changed."""
# A push may list 2,048 commits: these many rows are named, the others counted.
NAMED = 50
_encode = msgspec.json.Encoder().encode


class Effect(StrEnum):
    """What became of a row."""

    WRITTEN = "written"
    DELETED = "buried"
    """It has a tombstone now. The word is the API's, and that of deliveries applied before."""
    KEPT = "kept"
    """The mirror had what the delivery says, or something newer."""


def applied_rows(plan: Sequence[Changes], changed: Changed) -> dict[str, Any]:
    """The rows of one delivery: `rows` is a list of [table, key, effect], `more` a number."""
    rows: dict[tuple[str, Key], Effect] = {}
    for table, key, effect in _rows(plan):
        really = key in changed.get(table, ())
        rows[table, key] = effect if really else rows.get((table, key), Effect.KEPT)
    named = [[table, list(key), effect] for (table, key), effect in rows.items()][:NAMED]
    return {"rows": named, "more": len(rows) - len(named)}


def _rows(plan: Sequence[Changes]) -> Iterator[tuple[str, Key, Effect]]:
    for changes in plan:
        for item in changes.upserts:
            for row in item.rows:
                yield item.merge.table, item.merge.key_of(row), Effect.WRITTEN
        for deleted in changes.tombstones:
            for key in deleted.keys:
                yield deleted.merge.table, key, Effect.DELETED
        for move in changes.refs:
            key = (move.repository_id, move.kind, move.name)
            yield "refs", key, Effect.WRITTEN if move.after else Effect.DELETED


def mark_applied(deliveries: Sequence[Delivery], rows: Sequence[dict[str, Any]]) -> None:
    """Mark the deliveries as applied, each with its rows, in one statement."""
    received = [d.received_at for d in deliveries]
    with prepared() as cursor:
        cursor.execute(
            "UPDATE inbox SET status = 'applied', attempts = attempts + 1, error = '', "
            "finished_at = clock_timestamp(), touched = done.touched::jsonb "
            "FROM unnest(%s::bigint[], %s::text[]) AS done (id, touched) "
            # The days are chosen by the plan, not by the rows.
            "WHERE inbox.id = done.id AND inbox.received_at BETWEEN %s AND %s",
            [
                [d.pk for d in deliveries],
                [_encode(storable(one)).decode() for one in rows],
                min(received),
                max(received),
            ],
        )
