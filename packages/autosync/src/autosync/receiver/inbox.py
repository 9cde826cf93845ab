"""Group commit: deliveries that wait at the same time are stored in one transaction."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg import errors

from autosync.killpoints import reached
from autosync.mirror.inbox import STORE, parameters
from autosync.receiver.verify import Incoming

logger = logging.getLogger(__name__)

_MAX_BATCH = 500  # deliveries
_MAX_BATCH_BYTES = 16 * 1024 * 1024
_MAX_WAITING = 10_000  # deliveries
# GitHub waits ten seconds for an answer (docs: webhooks/using-webhooks/best-practices…).
PATIENCE = 8.0  # seconds
_RECONNECT = 0.25  # seconds between two attempts while deliveries wait


class Unavailable(Exception):
    """The delivery was not stored as far as we know, and must not be acknowledged."""


class _Entry:
    """One delivery that waits for its commit; `done` is True if it was new."""

    __slots__ = ("delivery", "done")

    def __init__(self, delivery: Incoming, done: asyncio.Future[bool]) -> None:
        self.delivery = delivery
        self.done = done


class Inbox:
    """Stores deliveries durably. One writer task and one connection per process.

    `conninfo` is called, in a thread, before each connection: it may start the server.
    """

    def __init__(self, conninfo: Callable[[], str]) -> None:
        self._conninfo = conninfo
        self._waiting: deque[_Entry] = deque()
        self._filled = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._closing = False
        self._trouble = ""

    async def store(self, delivery: Incoming) -> bool:
        """Return once the delivery is committed: True if new, False if its GUID was there.

        Raises Unavailable when that does not happen within PATIENCE. The delivery may be stored
        all the same; GitHub's redelivery is then the duplicate.
        """
        if self._closing or len(self._waiting) >= _MAX_WAITING:
            raise Unavailable("too many deliveries are waiting for the database")
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write(), name="inbox-writer")
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Entry(delivery, done))
        self._filled.set()
        try:
            async with asyncio.timeout(PATIENCE):
                return await done
        except TimeoutError:
            raise Unavailable(self._trouble or "the database does not answer in time") from None

    async def close(self) -> None:
        """Store what waits, for a moment at most, and disconnect."""
        self._closing = True
        if self._writer is not None:
            self._filled.set()
            await asyncio.wait([self._writer], timeout=3)
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        await self._disconnect()

    async def _write(self) -> None:
        while True:
            batch = self._next_batch()
            if batch:
                await self._store_batch(batch)
                continue
            if self._closing:
                return
            self._filled.clear()
            await self._filled.wait()

    def _next_batch(self) -> list[_Entry]:
        batch: list[_Entry] = []
        size = 0
        while self._waiting and len(batch) < _MAX_BATCH and size < _MAX_BATCH_BYTES:
            entry = self._waiting.popleft()
            if not entry.done.done():  # else it was given up and answered
                batch.append(entry)
                size += len(entry.delivery.body)
        return batch

    async def _store_batch(self, batch: list[_Entry]) -> None:
        """Commit `batch`; while there is no database, try until nobody waits for it any more."""
        while batch:
            reached("receiver: batch taken, not stored")
            try:
                fresh = await self._commit([entry.delivery for entry in batch])
            except (errors.DataError, errors.IntegrityError, errors.ProgramLimitExceeded) as error:
                if len(batch) > 1:  # one of them is to blame: each for itself
                    for entry in batch:
                        await self._store_batch([entry])
                    return
                logger.error("a delivery cannot be stored: %s", _first_line(error))
                self._fail(batch, "the database refuses this delivery")
                return
            except Exception as error:
                await self._disconnect()
                self._note(_reason(error))
                await asyncio.sleep(_RECONNECT)
                batch = [entry for entry in batch if not entry.done.done()]
                continue
            reached("receiver: stored, not acknowledged")
            if self._trouble:
                logger.info("the inbox is stored again")
                self._trouble = ""
            for entry in batch:
                if not entry.done.done():
                    # Of twins in one batch the first is the new one.
                    entry.done.set_result(entry.delivery.guid in fresh)
                    fresh.discard(entry.delivery.guid)
            return

    def _fail(self, batch: list[_Entry], why: str) -> None:
        for entry in batch:
            if not entry.done.done():
                entry.done.set_exception(Unavailable(why))

    def _note(self, trouble: str) -> None:
        if trouble != self._trouble:
            logger.warning("deliveries cannot be stored and are not acknowledged: %s", trouble)
            self._trouble = trouble

    async def _commit(self, deliveries: Sequence[Incoming]) -> set[str]:
        """Store in one transaction; the GUIDs that are new. Returns after the commit."""
        async with asyncio.timeout(PATIENCE):
            connection = self._connection
            if connection is None or connection.closed:
                connection = await self._connect()
            cursor = await connection.execute(STORE, parameters(deliveries, "webhook"))
            row = await cursor.fetchone()
        return set(row[0] or ()) if row else set()

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        conninfo = await asyncio.to_thread(self._conninfo)
        connection = await psycopg.AsyncConnection.connect(
            conninfo, autocommit=True, connect_timeout=5, application_name="autosync receiver"
        )
        self._connection = connection
        # A database that is set to lose its last transactions would make 2xx a lie.
        await connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) "
            "WHERE current_setting('synchronous_commit') = 'off'"
        )
        return connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _reason(error: Exception) -> str:
    if isinstance(error, errors.UndefinedTable):
        return "the database has no inbox table yet: run `autosync migrate`"
    if isinstance(error, TimeoutError):
        return "the database does not answer in time"
    if isinstance(error, errors.DiskFull):
        return "the disk of the database is full"
    return "the database is not available"


def _first_line(error: Exception) -> str:
    # The detail of a database error quotes the row; its first line does not.
    return str(error).partition("\n")[0]
