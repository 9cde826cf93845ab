"""A list in order of update that several readers read: nothing is left out, whatever happens."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autosync.sync.range_readers import Page, read_ranges
from autosync.sync.ranges import PART, Counts, Place, Range, closed, cut, opened, written

BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = int((NOW - BEGINNING).total_seconds())
PAGE = 100


class Listed:
    """What GitHub's list does: objects by their last change, from a moment on."""

    def __init__(self, changes: list[int], *, counts: bool = False) -> None:
        self.counts = counts
        self.clocks = dict(enumerate(changes))
        self.sorted: list[tuple[str, int]] = []
        self.now = max([SECONDS, *changes])
        self.requests = 0
        self.lock = threading.Lock()

    def page(self, place: Place) -> Page:
        with self.lock:
            self.requests += 1
            if not self.sorted:
                self.sorted = sorted((written(_at(at)), key) for key, at in self.clocks.items())
            begin = bisect_left(self.sorted, (place.moment, -1)) + (place.number - 1) * PAGE
            found = self.sorted[begin : begin + PAGE]
            items = [{"id": key, "updated_at": at} for at, key in found]
            pages = -(-(len(self.sorted) - begin) // PAGE) if self.counts else None
            return Page(NOW, items, len(self.sorted) > begin + PAGE, pages)

    def change(self, key: int) -> None:
        with self.lock:
            self.now += 1
            self.clocks[key] = self.now
            self.sorted = []


def _at(seconds: int) -> datetime:
    return BEGINNING + timedelta(seconds=seconds)


def _read(listed: Listed, cursor: str, width: int) -> Iterator[tuple[list[Any], str]]:
    total = None if listed.counts else len(listed.clocks)
    pages = read_ranges(opened(cursor), listed.page, width, NOW - timedelta(minutes=5), total)
    yield from ((items, following) for _, items, following in pages)


moments = st.one_of(
    st.lists(st.integers(0, SECONDS), max_size=60),
    st.lists(st.integers(0, 5), max_size=60),  # many in one second
)


@settings(deadline=None, max_examples=40)
@given(moments, st.integers(1, 60), st.integers(1, 6), st.booleans(), st.data())
def test_every_object_is_read_as_it_is_in_the_end_through_changes_and_kills(
    some: list[int], times: int, width: int, counts: bool, data: st.DataObject
) -> None:
    listed = Listed([at + (place % 7) for place in range(times) for at in some], counts=counts)
    read: dict[int, str] = {}
    cursor, ended = "", False
    while not ended:
        killed_after = data.draw(st.one_of(st.none(), st.integers(0, 8)))
        for count, (items, following) in enumerate(_read(listed, cursor, width)):
            if count == killed_after:
                break  # not stored: its page is read again
            read |= {item["id"]: item["updated_at"] for item in items}
            cursor = following
            if listed.clocks and data.draw(st.integers(0, 3)) == 0:
                listed.change(data.draw(st.sampled_from(sorted(listed.clocks))))
        else:
            ended = True
    there = {key: written(_at(at)) for key, at in listed.clocks.items()}
    assert read.keys() == there.keys()
    late = {key for key in there if read[key] != there[key]}
    assert all(there[key] > written(NOW) for key in late)  # the next sync's


EVENLY = [place * SECONDS // 10_000 for place in range(10_000)]
# Half of them in a week of the last year; and in thirty days of all.
UNEVENLY = EVENLY[::2] + [SECONDS - 20_000_000 + place * 120 for place in range(5_000)]
IN_BURSTS = [place % 30 * SECONDS // 30 + place * 8 for place in range(10_000)]


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize(
    ("changes", "worth"), [(EVENLY, 1.16), (UNEVENLY, 1.3), (IN_BURSTS, 1.3), (EVENLY[:900], 1.3)]
)
def test_many_readers_cost_few_requests_more_than_one(
    changes: list[int], worth: float, *, counts: bool
) -> None:
    listed = Listed(changes, counts=counts)
    read = {item["id"] for items, _ in _read(listed, "", 20) for item in items}
    assert len(read) == len(changes)
    assert listed.requests <= len(changes) / 99 * worth


@pytest.mark.parametrize("counts", [False, True])
def test_what_changes_before_it_is_read_and_what_was_read_ahead_is_read_in_the_end(
    *, counts: bool
) -> None:
    listed = Listed(EVENLY[::3], counts=counts)
    read: dict[int, str] = {}
    cursor, ended, lives = "", False, 0
    while not ended:
        lives += 1
        for count, (items, following) in enumerate(_read(listed, cursor, 6)):
            if count == 12 and lives < 3:
                time.sleep(0.05)  # others are read ahead
                break
            read |= {item["id"]: item["updated_at"] for item in items}
            cursor = following
            for key in sorted(listed.clocks.keys() - read.keys())[:: 400 // lives]:
                listed.change(key)
        else:
            ended = True
    assert lives >= 3
    assert read.keys() == listed.clocks.keys()


def test_what_is_counted_between_two_moments_is_between_their_counts() -> None:
    counts = Counts(NOW)
    assert not counts
    counts.add(written(BEGINNING), 1000)
    counts.add(written(_at(SECONDS // 2)), 900)
    assert counts.since(_at(SECONDS // 4)) == pytest.approx(950, abs=1)
    assert counts.moment_of(450) == pytest.approx(_at(SECONDS * 3 // 4), abs=timedelta(hours=1))
    assert counts.since(NOW + timedelta(days=1)) == 0


def test_what_is_left_is_cut_where_it_is_large_and_only_as_long_as_it_is() -> None:
    [one] = ranges = opened("")
    assert cut(ranges, NOW, PAGE) is None  # nothing is known yet
    one.advance(_at(0), _at(SECONDS // 10), 100)
    assert cut(ranges, NOW, PAGE, left=2 * PART * PAGE - 1) is None
    new = cut(ranges, NOW, PAGE, left=2 * PART * PAGE)
    assert new is not None
    assert [each.until for each in ranges] == [new.kept.moment, written(NOW), ""]
    assert str(ranges[-1].kept) == f"{written(NOW)} 1"


@given(
    st.lists(
        st.tuples(st.text("0123456789-:TZ", max_size=20), st.integers(1, 9), st.text("09TZ")),
        min_size=1,
        max_size=5,
    )
)
def test_a_cursor_says_what_is_left(parts: list[tuple[str, int, str]]) -> None:
    ranges = [
        Range(Place(moment, number), until, Place(moment, number))
        for moment, number, until in parts
    ]
    again = opened(closed(ranges))
    assert [(one.kept, one.until) for one in again] == [(one.kept, one.until) for one in ranges]
