"""Reads the ranges of a list at once, and cuts what is left when a reader has nothing to do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from autosync import moments
from autosync.sync.ranges import Counts, Place, Range, closed, cut, written
from autosync.sync.readers import Readers

PAGE = 100
# Pages that were read and not stored yet; then nobody reads ahead.
_AHEAD = 8


@dataclass(frozen=True)
class Page:
    """A page as it was answered. `pages`: how many there are from its place on, this one included,
    if GitHub said that.
    """

    asked_at: datetime
    items: list[Any]
    more: bool
    pages: int | None = None


@dataclass(frozen=True)
class _Read:
    one: Range
    behind: Place
    over: bool
    page: Page


def read_ranges(
    ranges: list[Range],
    read: Callable[[Place], Page],
    width: int,
    now: datetime,
    total: int | None = None,
) -> Iterator[tuple[datetime, list[Any], str]]:
    """The pages of all `ranges` as they are answered, each with the cursor of what is left behind
    it. What is asked for while the caller stores a page is read by threads.

    `now`: what changed later is read when all else was. What was read before something failed is
    given before it is raised.
    """
    asked: dict[int, Range] = {}
    ahead: deque[_Read] = deque()
    left, counts = total, Counts(now)
    failed: BaseException | None = None
    with Readers[int, Page](width) as readers:

        def ask() -> None:
            while len(ahead) < _AHEAD and len(asked) < readers.width:
                due = (one for one in _due(ranges) if id(one) not in asked)
                one = next(due, None) or cut(ranges, now, PAGE, left, counts)
                if one is None:
                    return
                asked[id(one)] = one
                readers.ask(id(one), partial(read, one.place))

        while ranges:
            if failed is None:
                ask()
            while asked and failed is None and (not ahead or readers.ready()):
                try:
                    key, page = readers.next()
                except Exception as error:
                    failed = error
                    break
                one = asked.pop(key)
                begun = one.place
                first, last = _moments(page.items)
                behind = one.advance(first, last, len(page.items))
                one.over = one.over or not page.more
                since = begun.moment or (written(first) if first is not None else "")
                if page.pages is not None and begun.number == 1 and since:
                    counts.add(since, page.pages * PAGE - PAGE // 2)
                left = None if left is None else max(left - len(page.items), 0)
                ahead.append(_Read(one, behind, one.over, page))
                ask()
            if not ahead:
                break
            done = ahead.popleft()
            done.one.kept = done.behind
            if done.over:
                ranges[:] = [other for other in ranges if other is not done.one]
            yield done.page.asked_at, done.page.items, closed(ranges)
    if failed is not None:
        raise failed


def _due(ranges: list[Range]) -> list[Range]:
    """Those to be read now: the last one comes when all others are over."""
    left = [one for one in ranges if not one.over]
    return [one for one in left if one.until] or left


def _moments(items: list[Any]) -> tuple[datetime | None, datetime | None]:
    found = []
    for item in items:
        with suppress(AttributeError):
            found.append(moments.moment(item.get("updated_at")))
    known = [one for one in found if one is not None]
    return min(known, default=None), max(known, default=None)
