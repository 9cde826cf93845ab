"""Dates as people's clocks and old tools wrote them: clamped, never a failure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosync.moments import from_git as moment

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("0 +0000", EPOCH),
        ("1500000000 +0200", datetime(2017, 7, 14, 2, 40, tzinfo=UTC)),
        ("1500000000 -0930", datetime(2017, 7, 14, 2, 40, tzinfo=UTC)),
        ("1500000000 +9999", datetime(2017, 7, 14, 2, 40, tzinfo=UTC)),
        ("1500000000 +51800", datetime(2017, 7, 14, 2, 40, tzinfo=UTC)),
        ("1500000000", datetime(2017, 7, 14, 2, 40, tzinfo=UTC)),
        ("-86400 +0000", datetime(1969, 12, 31, tzinfo=UTC)),
        ("-99999999999999 +0000", datetime(1, 1, 2, tzinfo=UTC)),
        ("18446744073709551615 +0000", datetime(9999, 12, 30, tzinfo=UTC)),
        ("", EPOCH),
        ("yesterday", EPOCH),
    ],
)
def test_known_oddities(raw: str, expected: datetime) -> None:
    assert moment(raw) == expected


def test_the_offset_the_person_had_is_kept() -> None:
    assert moment("1500000000 -0930").utcoffset() == timedelta(hours=-9, minutes=-30)


@given(st.text(alphabet="0123456789+- x", max_size=30) | st.from_regex(r"-?\d{1,25} [+-]\d{4,7}"))
def test_nothing_raises_and_any_time_zone_can_show_it(raw: str) -> None:
    at = moment(raw)
    assert at.utcoffset() is not None
    for hours in (-23, 23):
        assert at.astimezone(UTC) + timedelta(hours=hours)
