"""Who works on what: advisory locks, freed by PostgreSQL itself when a worker is killed."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.backends.utils import CursorWrapper

from autosync.sync.errors import Busy


def _key(purpose: str, number: int) -> int:
    """A 63-bit key: 23 bits of purpose, 40 of the id (GitHub's ids are far below 2**40)."""
    return (zlib.crc32(purpose.encode()) & 0x7FFFFF) << 40 | (number & 0xFF_FFFF_FFFF)


@contextmanager
def exclusive(purpose: str, number: int, *, wait: bool, seconds: float = 0) -> Iterator[None]:
    """Hold the lock (purpose, number) across transactions.

    Raises Busy if it is taken: at once without `wait`, after `seconds` (0: never) with it.
    """
    key = _key(purpose, number)
    with connection.cursor() as cursor:
        if wait and not seconds:
            cursor.execute("SELECT pg_advisory_lock(%s)", [key])
        elif not _take(cursor, key, seconds):
            raise Busy(f"{purpose} {number} is being worked on by another worker.")
    try:
        yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def _take(cursor: CursorWrapper, key: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while True:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        row = cursor.fetchone()
        if row and row[0]:
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(0.05)


def end_holders(purpose: str, number: int) -> None:
    """End the sessions that hold the lock, and wait for their end: their worker is given up."""
    key = _key(purpose, number)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' "
            "AND granted AND objsubid = 1 AND classid::bigint = %s AND objid::bigint = %s "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND pid <> pg_backend_pid()",
            [key >> 32, key & 0xFFFF_FFFF],
        )


def transaction_lock(purpose: str, number: int) -> None:
    """Serialise with others on (purpose, number) until the surrounding transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_key(purpose, number)])
