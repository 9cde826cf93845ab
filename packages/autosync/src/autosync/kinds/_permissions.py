"""What the App must be granted for all that is mirrored, for README, doctor and the hook."""

from __future__ import annotations

from typing import Final

from autosync.kinds import KINDS, commit, repository

# Each with all that is before it; "": not granted.
LEVELS: Final = ("", "read", "write", "admin")


def suffices(granted: str | None, wanted: str) -> bool:
    """Whether one level includes another. One that GitHub has not described yet lets us read."""
    known = granted if not granted or granted in LEVELS else "read"
    return LEVELS.index(known or "") >= LEVELS.index(wanted)


def permissions() -> dict[str, str]:
    """Permission → the level that is needed, by name."""
    wanted: dict[str, str] = {}
    for needs in (commit.NEEDS, repository.NEEDS, *(one.declared.needs for one in KINDS.values())):
        for name, level in needs.items():
            wanted[name] = max(wanted.get(name, ""), level, key=LEVELS.index)
    return dict(sorted(wanted.items()))
