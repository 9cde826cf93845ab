"""Places in a file's patch: which line of a diff a review comment is about."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True, slots=True)
class Spot:
    """One line of a patch: its position as GitHub counts (1 is the line below the first @@), its
    number on either side, and the hunk up to it.
    """

    position: int
    old: int | None
    new: int | None
    hunk: str

    def line(self, side: str) -> int | None:
        """Its number on the LEFT (old) or RIGHT (new) side; None where it is not there."""
        return self.old if side == "LEFT" else self.new


def spots(patch: str) -> Iterator[Spot]:
    """All lines of a patch that begins with its first @@."""
    old = new = 0
    hunk: list[str] = []
    for place, text in enumerate(patch.split("\n")):
        header = _HUNK.match(text)
        if header is not None:
            old, new = int(header[1]), int(header[2])
            hunk = [text]
            continue
        hunk.append(text)
        if text.startswith("\\"):
            continue
        before = after = None
        if not text.startswith("+"):
            before, old = old, old + 1
        if not text.startswith("-"):
            after, new = new, new + 1
        yield Spot(place, before, after, "\n".join(hunk))


def at_line(patch: str, line: int, side: str) -> Spot | None:
    """The place of a line, or None if it is not part of the diff."""
    return next((one for one in spots(patch) if one.line(side) == line), None)


def at_position(patch: str, position: int) -> Spot | None:
    """The place `position` lines below the first @@, or None."""
    return next((one for one in spots(patch) if one.position == position), None)
