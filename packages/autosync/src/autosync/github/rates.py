"""What an answer says about limits: pure readings of status, headers and body.

Source: GitHub docs, rest/using-the-rest-api/rate-limits-for-the-rest-api and
graphql/overview/rate-limits-and-query-limits-for-the-graphql-api.
"""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from autosync.github.errors import Resource

# "Wait for at least one minute", then longer each time.
SECONDARY_WAIT = timedelta(seconds=60)
LONGEST_WAIT = timedelta(hours=1)
# Requests a minute that GitHub takes, where it has limits at all, over all endpoints of REST as the
# narrower reading has it (https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits):
# 900 points of REST and 2,000 of GraphQL, of which each of our requests costs one.
A_MINUTE: Mapping[Resource, int] = {"core": 900, "graphql": 2000}
MINUTE = timedelta(minutes=1)
# A clock this far from GitHub's is wrong; less is the time an answer takes.
_SKEW = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Rate:
    """The primary limit of one resource; all None where GitHub sends no rate headers."""

    resource: Resource
    limit: int | None
    remaining: int | None
    used: int | None
    reset_at: datetime | None


def read_rate(headers: Mapping[str, str], asked: Resource, now: datetime) -> Rate | None:
    """The rate headers, the reset in this machine's time; None for a resource we do not pace."""
    resource = headers.get("x-ratelimit-resource", asked)
    if resource not in ("core", "graphql"):
        return None
    reset = _number(headers, "x-ratelimit-reset")
    reset_at = None if reset is None else _moment(reset) + _skew(headers, now)
    return Rate(
        "graphql" if resource == "graphql" else "core",
        _number(headers, "x-ratelimit-limit"),
        _number(headers, "x-ratelimit-remaining"),
        _number(headers, "x-ratelimit-used"),
        reset_at,
    )


@dataclass(frozen=True, slots=True)
class Limited:
    """GitHub asks to wait. `primary`: this resource's hour is spent; else everything waits."""

    until: datetime
    reason: str
    primary: bool = False


def read_limit(
    status: int, headers: Mapping[str, str], body: bytes, now: datetime, strikes: int = 0
) -> Limited | None:
    """Whether a 403 or 429 (or a GraphQL error with 200) is a limit, and until when.

    In GitHub's order: `retry-after`, the reset if nothing remains, else a minute, doubled with
    each of `strikes` limits in a row. None: it is something else, a missing permission say.
    """
    retry_after = headers.get("retry-after")
    if retry_after is not None:
        return Limited(_capped(_after(retry_after, now), now), "GitHub said retry-after")
    words = body[:4096].lower()
    secondary = b"secondary rate" in words or b"abuse" in words
    if headers.get("x-ratelimit-remaining") == "0" and not secondary:
        reset = _number(headers, "x-ratelimit-reset")
        until = now if reset is None else _moment(reset) + _skew(headers, now)
        if until <= now:
            # Refused although the hour is over by our clock: a little patience, never a spin.
            until = now + _doubled(strikes)
        return Limited(_capped(until, now), "the hour's quota is spent", primary=True)
    if secondary or status == 429 or b"rate limit" in words:
        return Limited(now + _doubled(strikes), "secondary rate limit")
    return None


class Strikes:
    """Secondary limits in a row, per identity; those met by requests sent together count once."""

    def __init__(self) -> None:
        self._met: dict[int, tuple[int, datetime]] = {}

    def before(self, identity: int, now: datetime) -> int:
        """How many were waited out before this moment, in vain."""
        count, until = self._met.get(identity, (0, now))
        return max(count - 1, 0) if now < until else count

    def add(self, identity: int, until: datetime, now: datetime) -> None:
        """One more, to be waited out until then."""
        self._met[identity] = (self.before(identity, now) + 1, until)

    def forgive(self, identity: int, now: datetime) -> None:
        """A request went through; what was sent before the limit proves nothing."""
        _, until = self._met.get(identity, (0, now))
        if now >= until:
            self._met.pop(identity, None)


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float:
    """How long a 5xx asks to wait; 0 when it does not say."""
    value = headers.get("retry-after")
    return 0.0 if value is None else max((_after(value, now) - now).total_seconds(), 0.0)


def _doubled(strikes: int) -> timedelta:
    return min(SECONDARY_WAIT * (1 << min(strikes, 6)), LONGEST_WAIT)


def _capped(until: datetime, now: datetime) -> datetime:
    """A primary window is an hour; nobody waits a day because one header was odd."""
    return min(until, now + LONGEST_WAIT + timedelta(minutes=5))


def _after(value: str, now: datetime) -> datetime:
    """`retry-after` as seconds or as an HTTP date; a minute where it is neither."""
    if value.isascii() and value.isdigit():
        return now + timedelta(seconds=min(int(value[:9]), 86_400))
    try:
        at = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return now + SECONDARY_WAIT
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "")
    return int(value[:12]) if value.isascii() and value.isdigit() else None


# The year 3000: a date that other times can still be added to.
_FAR_AWAY = 32_503_680_000  # seconds since 1970


def _moment(seconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=min(seconds, _FAR_AWAY))


def _skew(headers: Mapping[str, str], now: datetime) -> timedelta:
    """How far this clock is ahead of GitHub's, by the answer's `date`."""
    try:
        there = email.utils.parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, OverflowError):
        return timedelta()
    skew: timedelta = now - (there if there.tzinfo else there.replace(tzinfo=UTC))
    return skew if abs(skew) > _SKEW else timedelta()


@dataclass(frozen=True, slots=True)
class Pace:
    """How many requests at once, and how many were sent in this minute and in the one before.

    `width` None: as many at once as the setting allows. `narrowed_at`: GitHub's last push back.
    """

    width: float | None = None
    narrowed_at: datetime | None = None
    minute: datetime | None = None
    sent: int = 0
    sent_before: int = 0

    def counted(self, now: datetime) -> Pace:
        """One more is sent now."""
        this = now.replace(second=0, microsecond=0)
        if self.minute == this:
            return replace(self, sent=self.sent + 1)
        before = self.sent if self.minute == this - MINUTE else 0
        return replace(self, minute=this, sent=1, sent_before=before)

    def narrowed(self, most: int, now: datetime, sent_together: timedelta = MINUTE) -> Pace:
        """GitHub pushed back: half as many at once. What was sent together counts once."""
        if self.narrowed_at is not None and now - self.narrowed_at < sent_together:
            return self
        width = max(min(self.width or most, most) / 2, 1.0)
        return replace(self, width=width, narrowed_at=now)

    def widened(self, most: int) -> Pace:
        """GitHub answered: one more at once for as many answers as there are at once."""
        if self.width is None:
            return self
        width = self.width + 1 / self.width
        return replace(self, width=None if width >= most else width)

    def at_once(self, most: int) -> int:
        """How many requests may be under way."""
        return most if self.width is None else max(1, min(most, int(self.width)))

    def free_at(self, most: int, now: datetime) -> datetime | None:
        """When the next request fits into any minute's `most`; None: now.

        Those of the minute before count by the part of it that is still within sixty seconds.
        """
        this = now.replace(second=0, microsecond=0)
        if self.minute == this:
            sent, before = self.sent, self.sent_before
        elif self.minute == this - MINUTE:
            sent, before = 0, self.sent
        else:
            return None
        if sent >= most:  # they are the minute before, when the next one begins
            return this + MINUTE + MINUTE * (1 - (most - 1) / sent)
        part = (most - 1 - sent) / before if before else 1.0
        free = this + MINUTE * (1 - part)
        return None if free <= now else free
