"""A list in order of update, cut at moments into ranges that are read at once.

Pure: nothing is asked here. A range is read page by page, each from the last object of the one
before, until a page reaches the next range. What changes meanwhile moves to the end of the list, so
the last range begins where the reading began (less what clocks may differ), and is read when all
others are: an object is in the range of its moment, or it changed and is in the last one.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

# A cut costs about half a page, which two ranges have: a part has at least so many pages.
PART = 5


@dataclass(frozen=True)
class Place:
    """Where a page is: what changed at `moment` ("": from the first object on) or later, and of
    that the page of this number, should more than a page have changed in that very second.
    """

    moment: str = ""
    number: int = 1

    @classmethod
    def read(cls, text: str) -> Place:
        """As `str` writes it; "" is the beginning."""
        moment, _, number = text.partition(" ")
        return cls(moment, int(number or 1))

    def __str__(self) -> str:
        return f"{self.moment} {self.number}"

    def after(self, last: datetime | None) -> Place:
        """Where the page after this one is, whose last object changed at `last`."""
        if last is not None and (not self.moment or written(last) > self.moment):
            return Place(written(last))
        return replace(self, number=self.number + 1)


@dataclass
class Range:
    """What is left of a range: the next page to ask for, where the next range begins ("": none),
    and the page behind the last that was handed on, which is what a kill leaves.
    """

    place: Place
    until: str
    kept: Place
    # Objects a second, as they were found here.
    density: float | None = None
    over: bool = False

    def advance(self, first: datetime | None, last: datetime | None, count: int) -> Place:
        """A page of `count` objects was read here, which changed from `first` to `last`."""
        if first is not None and last is not None and last > first:
            self.density = count / (last - first).total_seconds()
        self.place = self.place.after(last)
        # Whether `since` has what changed in its very second need not be known.
        self.over = bool(self.until) and last is not None and written(last) > self.until
        return self.place


def opened(cursor: str) -> list[Range]:
    """What is left by a cursor: of one reader, or of several as `closed` writes it."""
    if not cursor.startswith("["):
        place = Place.read(cursor)
        return [Range(place, "", place)]
    found = []
    for text, until in json.loads(cursor):
        place = Place.read(text)
        found.append(Range(place, until, place))
    return found


def closed(ranges: Sequence[Range]) -> str:
    """The cursor of what is left; "" if nothing is."""
    if not ranges:
        return ""
    if len(ranges) == 1 and not ranges[0].until:
        return str(ranges[0].kept)
    return json.dumps([[str(one.kept), one.until] for one in ranges], separators=(",", ":"))


class Counts:
    """How many objects changed at a moment or later, where GitHub has said it; between such moments
    as if they were spread evenly.
    """

    def __init__(self, now: datetime) -> None:
        self._points = {now.timestamp(): 0}

    def add(self, moment: str, count: int) -> None:
        """GitHub has said it."""
        self._points[_moment(moment).timestamp()] = count

    def since(self, at: datetime) -> float:
        """How many changed then or later."""
        line, second = sorted(self._points.items()), at.timestamp()
        place = bisect_left(line, (second, -1))
        if place in (0, len(line)):
            return float(line[0][1] if place == 0 else 0)
        (begin, more), (end, fewer) = line[place - 1 : place + 1]
        return more - (more - fewer) * (second - begin) / (end - begin)

    def moment_of(self, count: float) -> datetime:
        """The moment since which so many changed."""
        line = sorted(self._points.items())
        for (begin, more), (end, fewer) in pairwise(line):
            if more >= count >= fewer and more > fewer:
                second = begin + (end - begin) * (more - count) / (more - fewer)
                return datetime.fromtimestamp(second, UTC)
        return datetime.fromtimestamp(line[0][0], UTC)

    def __bool__(self) -> bool:
        return len(self._points) > 1


def cut(
    ranges: list[Range],
    now: datetime,
    page: int,
    left: int | None = None,
    counts: Counts | None = None,
) -> Range | None:
    """Cut the largest part of what is left in two, in its middle; the new range, or None if none is
    large enough. `now`: what changed later is the last range's. Without `counts` it goes by how
    many are `left` in all and how dense the ranges were; without either nothing is cut.
    """
    if counts:
        sizes = _counted(ranges, now, counts)
    else:
        sizes = [] if left is None else _guessed(ranges, now, left)
    if not sizes or max(sizes) < 2 * PART * page:
        return None
    where = sizes.index(max(sizes))
    one = ranges[where]
    begin, end = _moment(one.place.moment), _end(one, now)
    if counts:
        middle = written(counts.moment_of((counts.since(begin) + counts.since(end)) / 2))
    else:
        middle = written(begin + (end - begin) / 2)
    if not one.place.moment < middle < written(end):
        return None
    place = Place(middle)
    new = Range(place, one.until or written(end), place, one.density)
    ranges.insert(where + 1, new)
    if not one.until:  # what changes from now on is a range of its own
        last = Place(written(end))
        ranges.insert(where + 2, Range(last, "", last, one.density))
    one.until = middle
    return new


def _counted(ranges: Sequence[Range], now: datetime, counts: Counts) -> list[float]:
    """How many objects each has left; 0 of one that cannot be cut."""
    return [
        counts.since(_moment(one.place.moment)) - counts.since(_end(one, now))
        if one.place.moment and not one.over
        else 0.0
        for one in ranges
    ]


def _guessed(ranges: Sequence[Range], now: datetime, left: int) -> list[float]:
    """The same, as far as it can be told. What is dense here need not go on so: the harmonic mean
    of all is as much as is believed.
    """
    known = [one.density for one in ranges if one.density]
    usual = len(known) / sum(1 / density for density in known) if known else 0.0
    sizes = []
    for one in ranges:
        seconds = 0.0
        if one.place.moment and not one.over:
            seconds = (_end(one, now) - _moment(one.place.moment)).total_seconds()
        sizes.append(max(seconds, 0.0) * min(one.density or usual, usual))
    all_of_it = sum(sizes)
    return [size * left / all_of_it for size in sizes] if all_of_it else sizes


def _end(one: Range, now: datetime) -> datetime:
    return _moment(one.until) if one.until else now


def written(at: datetime) -> str:
    """A moment as REST takes and shows it; texts sort as the moments do."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
