"""Objects of which GraphQL has a type for each thing that may happen: one union, one table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from autosync.kinds._shape import Selection, written


@dataclass(frozen=True)
class Type:
    """One type of a union: `name` is what REST calls it.

    `has`: key → where GraphQL has what only some of the types have. A key that is a column with
    fields of its own asks for these there, unless the path says which. `of` are the kinds in whose
    union it is, if not in all.
    """

    name: str
    has: Mapping[str, str] = field(default_factory=dict)
    of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Union:
    """A union: `types` by GraphQL's names. Only these are asked for: as `argument`, which takes
    their names as `SHOUTED_WORDS`. `count` is the connection's number of those in a page: its total
    may be that of all types. `columns` are the keys in `has` that are columns, `words` those whose
    values GraphQL shouts.
    """

    types: Mapping[str, Type]
    argument: str
    count: str
    columns: frozenset[str]
    words: frozenset[str] = frozenset()

    @cached_property
    def names(self) -> Mapping[str, str]:
        """GraphQL's name of a type → REST's."""
        return {type_: one.name for type_, one in self.types.items()}

    @cached_property
    def special(self) -> Sequence[str]:
        """The keys that are no columns."""
        return sorted({key for one in self.types.values() for key in one.has} - self.columns)

    def arguments(self, parent: str = "") -> str:
        """What the connection of that kind of parent is given to show only these types."""
        shouted = (re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper() for name in self._of(parent))
        return f"{self.argument}: [{' '.join(shouted)}]"

    def written(self, selection: Selection, parent: str = "") -> str:
        """The selection of what all types have, with that of each: in the union of that kind of
        parent, or of all.
        """
        common = {
            step: inside
            for step, inside in selection.items()
            if step not in {"id", "__typename", *self.columns}
        }
        parts = ["__typename", "... on Node { id }"]
        for name, one in self._of(parent).items():
            mine = [written(common)]
            for key, path in one.has.items():
                inside = selection.get(key) if key in self.columns and "{" not in path else None
                mine.append(f"{key}: {path}" + (f" {{ {written(inside)} }}" if inside else ""))
            parts.append(f"... on {name} {{ {' '.join(mine)} }}")
        return " ".join(parts)

    def _of(self, parent: str) -> Mapping[str, Type]:
        return {
            name: one
            for name, one in self.types.items()
            if not parent or not one.of or parent in one.of
        }


def member(found: Mapping[str, Any], words: frozenset[str]) -> dict[str, Any] | None:
    """What is there of it, without the objects around single values."""
    plain = {key: _plain(value) for key, value in found.items()}
    known = {key: value for key, value in plain.items() if value is not None}
    for key in words & known.keys():
        known[key] = str(known[key]).lower()
    return known or None


def _plain(value: Any) -> Any:
    """An object of one field is that field's value; one without any is none."""
    if not isinstance(value, dict):
        return value
    inside = {key: _plain(one) for key, one in value.items() if one is not None}
    if len(value) <= 1:
        return next(iter(inside.values()), None)
    snake = {re.sub(r"(?=[A-Z])", "_", key).lower(): one for key, one in inside.items()}
    return {key: one for key, one in snake.items() if one is not None} or None
