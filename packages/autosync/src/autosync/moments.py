"""One reading of every date: what GitHub, git, a query or the database says, made storable.

PostgreSQL holds years from 4713 BC to 294276, git and GitHub any number of seconds, Python the
years 1 to 9999. Everything outside is clamped to EARLIEST or LATEST, a day inside, so that every
time zone can show it. A zone of a day or more, which no clock has, becomes UTC; the moment is kept.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Such dates are on github.com: FRRouting/frr#22016 (+518:00), gitgitgadget/git#2148.
_WRITTEN = re.compile(
    r"\s*([+-]?[0-9]{1,12})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})"
    r"(?:[.,]([0-9]{1,6})[0-9]*)?)?\s*(Z|[+-][0-9]{1,9}(?::[0-9]{2})?)?\s*",
    re.ASCII | re.IGNORECASE,
)
_ZONE = re.compile(r"([+-])([0-9]+?)(?::?([0-9]{2}))?", re.ASCII)
_RAW = re.compile(r"[+-]?[0-9]+", re.ASCII)
_ERA = 400  # years after which the calendar repeats
_ERA_DAYS = 146_097


def clamp(at: datetime) -> datetime:
    """An aware moment within EARLIEST and LATEST; without a zone it is UTC."""
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at, EARLIEST), LATEST)


def before(at: datetime, span: timedelta) -> datetime:
    """`span` before `at`, but not before EARLIEST."""
    return EARLIEST if at - EARLIEST < span else at - span


def moment(value: object) -> datetime | None:
    """GitHub's ways to write a moment: RFC 3339, seconds since 1970, null. None if unreadable."""
    if isinstance(value, datetime):
        return clamp(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return None if value != value else _since_epoch(int(min(max(value, -1e13), 1e13)))
    return _written(value) if isinstance(value, str) else None


def from_git(raw: str) -> datetime:
    """git's raw date `seconds ±hhmm`, in its own zone; 1970-01-01 if there are no seconds."""
    seconds, _, offset = raw.partition(" ")
    if not _RAW.fullmatch(seconds):
        return EPOCH
    digits = seconds.lstrip("+-0") or "0"
    number = int(digits[:18]) if len(digits) <= 18 else 10**18
    at = _since_epoch(-number if seconds.startswith("-") else number)
    found = re.fullmatch(r"([+-])([0-9]+)([0-9]{2})", offset, re.ASCII)
    return _in_zone(at, _minutes(*found.groups()) if found else 0)


def _written(text: str) -> datetime | None:
    zulu = len(text) == 20 and text[19] == "Z"
    # The commits of a push are in their authors' zones.
    zoned = len(text) == 25 and text[19] in "+-" and text[22] == ":"
    if (zulu or zoned) and text[10] == "T" and text[4] == text[7] == "-":
        # As GitHub writes nearly all: ten times as fast.
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            # A day's distance from what needs to be clamped.
            return at if zulu and "0001" < text[:4] < "9999" else clamp(at)
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute = (int(found[n]) for n in range(1, 6))
    second, fraction, zone = int(found[6] or 0), (found[7] or "").ljust(6, "0"), found[8] or "Z"
    offset = _ZONE.fullmatch(zone)
    minutes = _minutes(offset[1], offset[2], offset[3] or "0") if offset else 0
    # Python knows no year outside 1-9999, and the moment in UTC may be in another one.
    eras, within = divmod(year - 1, _ERA)
    try:
        at = datetime(within + 1, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    seconds = int((at - EPOCH).total_seconds()) + eras * _ERA_DAYS * 86_400 - minutes * 60
    whole = _since_epoch(seconds)
    return _in_zone(clamp(whole.replace(microsecond=int(fraction))), minutes)


def _since_epoch(seconds: int) -> datetime:
    try:
        return clamp(EPOCH + timedelta(seconds=seconds))
    except OverflowError:
        return EARLIEST if seconds < 0 else LATEST


def _minutes(sign: str, hours: str, minutes: str) -> int:
    away = int(hours[:9]) * 60 + int(minutes)
    return away if sign == "+" else -away


def _in_zone(at: datetime, minutes: int) -> datetime:
    if abs(minutes) >= 24 * 60 or not EARLIEST < at < LATEST:
        return at
    return at.astimezone(timezone(timedelta(minutes=minutes)))
