"""Which rows a delivery was applied to, kept with it for its story."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from autosync.kinds._events import Changes
from autosync.mirror.prepared import prepared
from autosync.mirror.stage import document
from autosync.mirror.upsert import Key

Changed = dict[str, set[Key]]
"""Table → keys of the rows that really changed."""
# A push may list 2,048 commits: these many rows are named, the others counted.
NAMED = 50


class Claimed(Protocol):
    """What is needed of a delivery to mark it."""

    @property
    def pk(self) -> int: ...
    @property
    def received_at(self) -> datetime: ...


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
        for move in changes.moves:
            effect = Effect.DELETED if move.after is None else Effect.WRITTEN
            yield move.merge.table, move.key, effect


def mark_applied(deliveries: Sequence[Claimed], rows: Sequence[dict[str, Any]]) -> None:
    """Mark the deliveries as applied, each with its rows, in one statement."""
    received = [d.received_at for d in deliveries]
    done = [{"id": d.pk, "touched": one} for d, one in zip(deliveries, rows, strict=True)]
    with prepared() as cursor:
        cursor.execute(
            "UPDATE inbox SET status = 'applied', attempts = attempts + 1, error = '', "
            "finished_at = clock_timestamp(), touched = done.touched "
            "FROM json_to_recordset(%s::json) AS done (id bigint, touched jsonb) "
            # The days are chosen by the plan, not by the rows.
            "WHERE inbox.id = done.id AND inbox.received_at BETWEEN %s AND %s",
            [document(done), min(received), max(received)],
        )
