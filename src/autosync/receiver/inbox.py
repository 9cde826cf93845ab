"""Group commit: deliveries that wait together are stored in one transaction."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec
import psycopg
from psycopg.rows import tuple_row

from autosync.receiver.verify import Incoming

logger = logging.getLogger(__name__)

BATCH = 500
QUEUE = 10_000
# GitHub waits ten seconds for an answer; a delivery that waits longer is refused and lost to us
# only until the delivery log or the periodic sync brings it back.
PATIENCE_SECONDS = 8.0
_STORE = """
WITH stored AS (
    INSERT INTO inbox (guid, event, action, installation_id, repository_id, headers, body, source)
    SELECT guid, event, action, installation_id, repository_id, headers::jsonb, body, 'webhook'
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[],
                %s::bytea[])
         AS t(guid, event, action, installation_id, repository_id, headers, body)
    ON CONFLICT (guid) DO NOTHING
    RETURNING guid
)
SELECT guid FROM stored
"""


class Unavailable(Exception):
    """The delivery could not be stored; it was not acknowledged."""


class Inbox:
    """Stores deliveries durably. One writer task per process, started on first use."""

    def __init__(self, conninfo: Callable[[], str]) -> None:
        self._conninfo = conninfo
        self._queue: asyncio.Queue[tuple[Incoming, asyncio.Future[bool]]] = asyncio.Queue(QUEUE)
        self._writer: asyncio.Task[None] | None = None
        self._connection: psycopg.AsyncConnection[tuple[object, ...]] | None = None

    async def store(self, delivery: Incoming) -> bool:
        """Return once the delivery is committed: True if new, False if its GUID was there.

        Raises Unavailable if that did not happen in time; the delivery may still have been stored,
        and GitHub's redelivery will then be the duplicate.
        """
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((delivery, done))
        except asyncio.QueueFull:
            raise Unavailable("too many deliveries are waiting") from None
        try:
            return await asyncio.wait_for(done, PATIENCE_SECONDS)
        except TimeoutError:
            raise Unavailable("the database did not answer in time") from None

    async def close(self) -> None:
        """Stop the writer; what waits is refused, not lost: it was never acknowledged."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        await self._disconnect()

    async def _write(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            # Whoever was given up on meanwhile has been answered 503.
            batch = [entry for entry in batch if not entry[1].done()]
            if not batch:
                continue
            try:
                fresh = await self._commit([delivery for delivery, _ in batch])
            except Exception as error:
                logger.warning("the inbox could not store %d deliveries: %s", len(batch), error)
                await self._disconnect()
                for _, done in batch:
                    if not done.done():
                        done.set_exception(Unavailable("the database is not available"))
                continue
            for delivery, done in batch:
                if not done.done():
                    # Of twins in one batch the first is the new one.
                    done.set_result(delivery.guid in fresh)
                    fresh.discard(delivery.guid)

    async def _commit(self, deliveries: list[Incoming]) -> set[str]:
        connection = self._connection
        if connection is None or connection.closed:
            conninfo = await asyncio.to_thread(self._conninfo)
            connection = await psycopg.AsyncConnection.connect(
                conninfo, row_factory=tuple_row, connect_timeout=5, application_name="receiver"
            )
            self._connection = connection
        async with connection.transaction():
            cursor = await connection.execute(
                _STORE,
                [
                    [d.guid for d in deliveries],
                    [d.event for d in deliveries],
                    [d.action for d in deliveries],
                    [d.installation_id for d in deliveries],
                    [d.repository_id for d in deliveries],
                    [msgspec.json.encode(d.headers).decode() for d in deliveries],
                    [d.body for d in deliveries],
                ],
            )
            fresh = {str(row[0]) for row in await cursor.fetchall()}
            if fresh:
                await connection.execute("SELECT pg_notify('autosync_inbox', '')")
        return fresh

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
