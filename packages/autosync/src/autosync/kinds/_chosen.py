"""Which kinds this mirror keeps up: those on by default, as `AUTOSYNC_KINDS` changes that.

A kind that is left out is not read, applied or audited; its table and its rows stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from autosync import config
from autosync.kinds._derived import Derived, kind_of
from autosync.kinds._kind import DECLARED

OFF = "it is off unless AUTOSYNC_KINDS adds it"


@cache
def left_out() -> Mapping[str, str]:
    """The kinds that are not kept up → why, in words for people."""
    kinds = {kind.name: kind for kind in map(kind_of, DECLARED)}
    choice = config.load().kinds
    found = {name: why for name, kind in sorted(kinds.items()) if (why := _why(kind, choice))}
    while more := {
        name: f"it belongs to {' and '.join(sorted(lacking))}, which is left out"
        for name, kind in sorted(kinds.items())
        if name not in found and (lacking := _lacking(kind, found))
    }:
        found |= more
    return found


def _why(kind: Derived, choice: config.KindChoice) -> str:
    """Why the choice itself leaves it out; empty if it does not."""
    if kind.name in config.ALWAYS_KEPT or kind.name in choice.added:
        return ""
    if kind.name in choice.removed:
        return "AUTOSYNC_KINDS leaves it out"
    if choice.alone:
        return "" if kind.name in choice.alone else "AUTOSYNC_KINDS does not name it"
    return "" if kind.declared.default else OFF


def _lacking(kind: Derived, found: Mapping[str, str]) -> frozenset[str]:
    """What it cannot be kept up without and is left out; empty if it has all."""
    return next((some for some in kind.rests_on if some <= found.keys()), frozenset())
