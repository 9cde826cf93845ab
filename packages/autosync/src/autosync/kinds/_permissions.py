"""What the App must be granted for all that is mirrored, for README, doctor and the hook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from autosync.kinds import KINDS, left_out, repository

# Each with all that is before it; "": not granted.
LEVELS: Final = ("", "read", "write", "admin")


def rank(level: str | None) -> int:
    """Its place among the levels. One that GitHub has not described yet lets us read at least."""
    return LEVELS.index(level or "") if not level or level in LEVELS else LEVELS.index("read")


def holds(granted: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether all that is wanted is granted."""
    return all(rank(granted.get(name)) >= rank(level) for name, level in wanted.items())


def permissions() -> dict[str, str]:
    """Permission → the level that is needed for the kinds that are kept up, by name."""
    wanted: dict[str, str] = {}
    kinds = (one.declared.needs for one in KINDS.values() if one.name not in left_out())
    for needs in (repository.NEEDS, *kinds):
        for name, level in needs.items():
            wanted[name] = max(wanted.get(name, ""), level, key=LEVELS.index)
    return dict(sorted(wanted.items()))
