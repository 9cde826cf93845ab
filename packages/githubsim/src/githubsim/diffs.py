"""Places in a file's patch: which line of a diff a review comment is about."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


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
            old, new = _starts(header)
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


def track(patch: str, line: int) -> int | None:
    """Where a line of the old file is in the new one; None if the patch changes or removes it."""
    old, shift = 0, 0
    for text in patch.split("\n"):
        header = _HUNK.match(text)
        if header is not None:
            old = _starts(header)[0]
            continue
        if text.startswith("\\"):
            continue
        if old > line:
            break
        if text.startswith("+"):
            shift += 1
            continue
        if old == line:
            return None if text.startswith("-") else line + shift
        old += 1
        shift -= text.startswith("-")
    return line + shift


def _starts(header: re.Match[str]) -> tuple[int, int]:
    """The first line of a hunk on both sides; a side without lines names the line above it."""
    old, new = int(header[1]), int(header[3])
    return old + (header[2] == "0"), new + (header[4] == "0")


def at_position(patch: str, position: int) -> Spot | None:
    """The place `position` lines below the first @@, or None."""
    return next((one for one in spots(patch) if one.position == position), None)
