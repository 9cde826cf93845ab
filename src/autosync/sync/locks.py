"""Who works on what: advisory locks, freed by PostgreSQL itself when a worker is killed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from autosync.sync.errors import Busy


def _key(purpose: str, number: int) -> int:
    """A 63-bit key: 23 bits of purpose, 40 of the id (GitHub's ids are far below 2**40)."""
    return (zlib.crc32(purpose.encode()) & 0x7FFFFF) << 40 | (number & 0xFF_FFFF_FFFF)


@contextmanager
def exclusive(purpose: str, number: int, *, wait: bool) -> Iterator[None]:
    """Hold the lock (purpose, number) across transactions; without `wait` raise Busy if taken."""
    key = _key(purpose, number)
    with connection.cursor() as cursor:
        if wait:
            cursor.execute("SELECT pg_advisory_lock(%s)", [key])
        else:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
            row = cursor.fetchone()
            if row is None or not row[0]:
                raise Busy(f"{purpose} {number} is being worked on by another worker.")
    try:
        yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def transaction_lock(purpose: str, number: int) -> None:
    """Serialise with others on (purpose, number) until the surrounding transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_key(purpose, number)])
