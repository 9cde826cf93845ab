"""What is deleted takes along what belongs to it, by the links that the kinds declare."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from autosync.kinds import mirrored
from autosync.mirror.tombstones import inherit, tombstone
from autosync.mirror.upsert import Key, Merge, absent

Gone = dict[str, set[Key]]


def delete(merge: Merge, keys: Iterable[Any], at: datetime) -> Gone:
    """Tombstones for these rows and for what belongs to them; by table, which rows were alive."""
    keys = list(keys)
    gone: Gone = {merge.table: take_away(merge, keys, at)}
    _pass_on(merge, keys, gone)
    return gone


def take_away(merge: Merge, keys: Iterable[Any], at: datetime) -> set[Key]:
    """Rows that are gone, without what belongs to them: tombstones, or for what may return the
    moment of its absence. Returns those that were alive.
    """
    if not merge.returns:
        return tombstone(merge, keys, at)
    return absent(merge, [dict(zip(merge.key, key, strict=True)) for key in keys], at)


def follow_parents(merge: Merge, keys: Iterable[Key]) -> set[Key]:
    """Rows that were just written may belong to what is gone: those that then go with it."""
    found: set[Key] = set()
    keys = list(keys)
    for resource in mirrored():
        if keys and resource.merge is merge and resource.under is not None:
            for parents in resource.under.parents:
                found |= inherit(merge, parents, resource.under.link, keys=keys)
    return found


def _pass_on(merge: Merge, keys: list[Any], gone: Gone) -> None:
    for resource in mirrored():
        under = resource.under
        if keys and under is not None and any(one is merge for one in under.parents):
            some = inherit(resource.merge, merge, under.link, parent_keys=keys)
            gone.setdefault(resource.merge.table, set()).update(some)
            _pass_on(resource.merge, list(some), gone)
