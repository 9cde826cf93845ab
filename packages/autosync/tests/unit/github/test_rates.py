"""What an answer says about limits, read from its status, headers and words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosync.github.rates import Pace, Strikes, read_limit, read_rate, retry_after_seconds

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECONDARY = b'{"message": "You have exceeded a secondary rate limit. Please wait."}'


def stamp(moment: datetime) -> str:
    return str(int(moment.timestamp()))


def test_rate_headers_are_read() -> None:
    headers = {
        "x-ratelimit-limit": "5000",
        "x-ratelimit-remaining": "4999",
        "x-ratelimit-used": "1",
        "x-ratelimit-reset": stamp(NOW + timedelta(hours=1)),
        "x-ratelimit-resource": "core",
    }
    rate = read_rate(headers, "core", NOW)
    assert rate is not None
    assert (rate.limit, rate.remaining, rate.used) == (5000, 4999, 1)
    assert rate.reset_at == NOW + timedelta(hours=1)


def test_no_headers_is_no_limit() -> None:
    rate = read_rate({}, "graphql", NOW)
    assert rate is not None
    assert (rate.resource, rate.limit, rate.remaining, rate.reset_at) == (
        "graphql",
        None,
        None,
        None,
    )


def test_the_limit_of_another_resource_is_not_ours() -> None:
    assert read_rate({"x-ratelimit-resource": "search"}, "core", NOW) is None


def test_a_reset_is_told_in_this_machines_time_even_where_its_clock_is_wrong() -> None:
    there = NOW - timedelta(minutes=20)
    headers = {
        "x-ratelimit-reset": stamp(there + timedelta(minutes=10)),
        "date": format_datetime(there, usegmt=True),
    }
    rate = read_rate(headers, "core", NOW)
    assert rate is not None
    assert rate.reset_at == NOW + timedelta(minutes=10)


def test_retry_after_comes_first() -> None:
    headers = {"retry-after": "17", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}
    limit = read_limit(403, headers, SECONDARY, NOW)
    assert limit is not None
    assert not limit.primary
    assert limit.until == NOW + timedelta(seconds=17)


def test_retry_after_may_be_a_date() -> None:
    at = NOW + timedelta(minutes=2)
    limit = read_limit(429, {"retry-after": format_datetime(at, usegmt=True)}, b"", NOW)
    assert limit is not None
    assert limit.until == at


def test_nothing_remaining_waits_for_the_reset() -> None:
    reset = NOW + timedelta(minutes=40)
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": stamp(reset)}
    for status in (403, 429):
        limit = read_limit(status, headers, b'{"message":"API rate limit exceeded"}', NOW)
        assert limit is not None
        assert limit.primary
        assert limit.until == reset


def test_a_reset_in_the_past_does_not_spin() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": stamp(NOW - timedelta(hours=1))}
    limit = read_limit(403, headers, b"", NOW)
    assert limit is not None
    assert limit.until == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(("strikes", "minutes"), [(0, 1), (1, 2), (2, 4), (3, 8), (40, 60)])
def test_a_secondary_limit_waits_a_minute_then_doubles(strikes: int, minutes: int) -> None:
    limit = read_limit(403, {"x-ratelimit-remaining": "12"}, SECONDARY, NOW, strikes)
    assert limit is not None
    assert limit.until == NOW + timedelta(minutes=minutes)


def test_a_missing_permission_is_not_a_limit() -> None:
    body = b'{"message": "Resource not accessible by integration"}'
    assert read_limit(403, {"x-ratelimit-remaining": "4000"}, body, NOW) is None


headers = st.dictionaries(
    st.sampled_from(
        [
            "retry-after",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
            "x-ratelimit-limit",
            "x-ratelimit-resource",
            "date",
        ]
    ),
    st.sampled_from(["0", "-1", "99999999999999999999", "Thu, 01 Jan 1970 00:00:00 GMT", "²", ""])
    | st.text(max_size=30),
)


@given(st.sampled_from([200, 403, 429]), headers, st.binary(max_size=50), st.integers(0, 99))
def test_odd_headers_never_raise_and_never_wait_for_days(
    status: int, given: dict[str, str], body: bytes, strikes: int
) -> None:
    read_rate(given, "core", NOW)
    assert retry_after_seconds(given, NOW) >= 0
    limit = read_limit(status, given, body, NOW, strikes)
    if limit is not None:
        assert limit.until - NOW <= timedelta(hours=2)


def test_limits_met_by_requests_sent_together_count_once() -> None:
    strikes = Strikes()
    until = NOW + timedelta(minutes=1)
    for _ in range(40):
        assert strikes.before(7, NOW) == 0
        strikes.add(7, until, NOW)
    assert strikes.before(7, until) == 1
    assert strikes.before(8, until) == 0


def test_strikes_are_forgiven_by_success_after_the_wait_only() -> None:
    strikes = Strikes()
    until = NOW + timedelta(minutes=1)
    strikes.add(7, until, NOW)
    strikes.forgive(7, NOW)
    assert strikes.before(7, until) == 1
    strikes.forgive(7, until)
    assert strikes.before(7, until) == 0


@given(st.lists(st.floats(0, 20), min_size=1, max_size=300), st.integers(1, 40))
def test_no_minute_has_more_requests_than_it_may(pauses: list[float], most: int) -> None:
    pace, now = Pace(), NOW
    sent: dict[datetime, int] = {}
    for pause in pauses:
        now += timedelta(seconds=pause)
        free = pace.free_at(most, now)
        if free is not None:
            assert now < free <= now + 2 * timedelta(minutes=1)
            now = free
            assert pace.free_at(most, now + timedelta(microseconds=1)) is None
            now += timedelta(microseconds=1)
        pace = pace.counted(now)
        minute = now.replace(second=0, microsecond=0)
        sent[minute] = sent.get(minute, 0) + 1
    assert max(sent.values()) <= most


def test_as_many_as_ever_are_sent_a_minute_and_hardly_more() -> None:
    pace, now = Pace(), NOW
    for _ in range(9_000):
        now = pace.free_at(900, now) or now
        pace = pace.counted(now + timedelta(milliseconds=2))
        now += timedelta(milliseconds=2)
    assert 9 <= (now - NOW).total_seconds() / 60 <= 11


def test_a_push_back_halves_what_is_sent_at_once_and_answers_widen_it_again() -> None:
    pace = Pace().narrowed(40, NOW)
    assert pace.at_once(40) == 20
    assert pace.narrowed(40, NOW + timedelta(seconds=1)) == pace, "sent together with the first"
    again = pace.narrowed(40, NOW + timedelta(minutes=2))
    assert again.at_once(40) == 10
    answers = 0
    while again.at_once(40) < 20:
        again, answers = again.widened(40), answers + 1
    assert 120 < answers < 180
    for _ in range(1_000):
        again = again.widened(40)
    assert again.width is None
    for place in range(20):
        pace = pace.narrowed(40, NOW + place * timedelta(minutes=5))
    assert pace.at_once(40) == 1
