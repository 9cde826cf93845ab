"""The rows a delivery was applied to, in words: what it did to each, and how each is now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from autosync.insight.lists import in_sight
from autosync.kinds import KINDS, Derived
from autosync.models import Delivery, Repository
from autosync.sync.applied_rows import Effect

_EFFECTS = {
    Effect.WRITTEN: "written",
    Effect.DELETED: "marked as deleted",
    Effect.KEPT: "left as it was: nothing newer came",
}
_KINDS = {
    "installations": "installation",
    "repositories": "repository",
    **{kind.merge.table: kind.singular for kind in KINDS.values()},
}
Keys = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Line:
    """One row: what it is, what the delivery did to it."""

    kind: str
    name: str
    effect: str


def lines(delivery: Delivery) -> list[Line]:
    """The rows kept with the delivery; of repositories that are hidden only the keys."""
    kept = delivery.touched or {"rows": []}
    by_table: dict[str, list[tuple[Any, ...]]] = {}
    for table, key, _ in kept["rows"]:
        by_table.setdefault(table, []).append(tuple(key))
    names = {table: _NAMES[table](keys) for table, keys in by_table.items() if table in _NAMES}
    return [
        Line(
            _KINDS.get(table, table),
            names.get(table, {}).get(tuple(key)) or _plain(key),
            _EFFECTS.get(effect, effect),
        )
        for table, key, effect in kept["rows"]
    ]


def more(delivery: Delivery) -> int:
    """How many rows are not named."""
    return int((delivery.touched or {}).get("more", 0))


def _plain(key: Sequence[Any]) -> str:
    return str(key[-1])


def _repositories(keys: Keys) -> Mapping[tuple[Any, ...], str]:
    rows = Repository.visible().filter(pk__in=[key[0] for key in keys])
    return {(row.pk,): row.full_name for row in rows}


def _of_kind(kind: Derived) -> Callable[[Keys], Mapping[tuple[Any, ...], str]]:
    """Names of a declared kind's rows, by its key."""

    def names(keys: Keys) -> Mapping[tuple[Any, ...], str]:
        wanted = Q()
        for key in keys:
            wanted |= Q(**dict(zip(kind.merge.key, key, strict=True)))
        rows = in_sight(kind, kind.model._default_manager.filter(wanted))
        return {tuple(getattr(row, name) for name in kind.merge.key): str(row) for row in rows}

    return names


_NAMES: dict[str, Callable[[Keys], Mapping[tuple[Any, ...], str]]] = {
    "repositories": _repositories,
    **{kind.merge.table: _of_kind(kind) for kind in KINDS.values()},
}
