"""One ear per process on the feed's channel, for everybody who watches a page."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from autosync import config
from autosync.database import conninfo
from autosync.errors import AutoSyncError
from autosync.mirror.feed import CHANNEL
from autosync.web import feed

logger = logging.getLogger(__name__)

# A reader this far behind is let go: it comes back and asks for what it missed.
QUEUE_LENGTH = 500
# A connection that died without a word (a cut cable) is noticed after this many seconds.
CHECK_EVERY = 30.0
LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Message:
    """One server-sent event and whom it concerns."""

    text: bytes
    repositories: frozenset[int]
    feed_id: int | None = None

    def concerns(self, repository_id: int | None) -> bool:
        return repository_id is None or repository_id in self.repositories


class Subscriber:
    """What one reader still has to read; None at the end: it fell behind."""

    def __init__(self, repository_id: int | None) -> None:
        self.repository_id = repository_id
        self.queue: asyncio.Queue[Message | None] = asyncio.Queue(QUEUE_LENGTH)

    def take(self, message: Message) -> None:
        if not message.concerns(self.repository_id):
            return
        if self.queue.full():
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(None)
        else:
            self.queue.put_nowait(message)


class Broadcaster:
    """Listens while somebody watches, and hands each message to those it concerns."""

    def __init__(self) -> None:
        self._subscribers: set[Subscriber] = set()
        self._task: asyncio.Task[None] | None = None
        self._newest = 0
        self.listening = asyncio.Event()

    @property
    def watched_by(self) -> int:
        """How many read along now."""
        return len(self._subscribers)

    @asynccontextmanager
    async def subscribe(self, repository_id: int | None) -> AsyncIterator[Subscriber]:
        """A subscriber for the time of the block; wait for `listening` before looking back."""
        subscriber = Subscriber(repository_id)
        self._subscribers.add(subscriber)
        if self._task is None:
            # Its own context: the request that happens to be first ends before the task does.
            self._task = asyncio.create_task(self._listen(), context=contextvars.Context())
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)
            if not self._subscribers and self._task is not None:
                self._task.cancel()
                self._task = None
                self.listening.clear()

    async def _listen(self) -> None:
        """Listen until cancelled; after a lost connection catch up and go on."""
        pause = 0.1
        while True:
            try:
                parameters = await sync_to_async(_parameters)()
                async with await psycopg.AsyncConnection.connect(**parameters) as ear:
                    await ear.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
                    await self._catch_up()
                    self.listening.set()
                    pause = 0.1
                    await self._hear(ear)
            except (psycopg.Error, DatabaseError, AutoSyncError, OSError) as error:
                logger.warning("the live feed lost the database and is trying again: %s", error)
            except Exception:
                # Whatever it is, those who watch must not be left in silence for ever.
                logger.exception("the live feed failed and is trying again")
            self.listening.clear()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _hear(self, ear: psycopg.AsyncConnection[Any]) -> None:
        while True:
            async for notice in ear.notifies(timeout=CHECK_EVERY):
                payload = json.loads(notice.payload)
                if ids := payload.get("feed"):
                    self._send(await sync_to_async(_lines_of)(ids))
                    self._newest = max(self._newest, *ids)
                if "progress" in payload:
                    self._send([progress(payload["progress"], payload.get("job"))])
            await ear.execute("SELECT 1")

    async def _catch_up(self) -> None:
        """Send what was stored while nobody listened; the first time only note where we are."""
        newest, messages = await sync_to_async(_missed)(self._newest)
        self._newest = newest
        if messages:
            self._send([*messages, progress((), None)])

    def _send(self, messages: Iterable[Message]) -> None:
        for message in messages:
            for subscriber in self._subscribers:
                subscriber.take(message)


_broadcasters: WeakKeyDictionary[asyncio.AbstractEventLoop, Broadcaster] = WeakKeyDictionary()


def broadcaster() -> Broadcaster:
    """The broadcaster of the running event loop."""
    return _broadcasters.setdefault(asyncio.get_running_loop(), Broadcaster())


def feed_line(line: feed.Line) -> Message:
    """`event: feed`: one line of the feed as HTML."""
    event = line.event
    concerned = frozenset() if event.repository_id is None else frozenset([event.repository_id])
    return Message(_encode("feed", feed.html(line), event.pk), concerned, event.pk)


def progress(repositories: Sequence[int], job_id: int | None) -> Message:
    """`event: progress`: an import or sync of these repositories went on."""
    data = json.dumps({"repositories": list(repositories), "job": job_id})
    return Message(_encode("progress", data), frozenset(repositories))


def _encode(event: str, data: str, event_id: int | None = None) -> bytes:
    lines = [f"event: {event}"]
    if event_id is not None:
        lines.append(f"id: {event_id}")
    lines += [f"data: {line}" for line in re.split(r"\r\n|\r|\n", data.strip())]
    return ("\n".join(lines) + "\n\n").encode()


def _lines_of(ids: Sequence[int]) -> list[Message]:
    close_old_connections()  # this thread's may have died since it was last used
    return [feed_line(line) for line in feed.of_ids(ids[-feed.CATCH_UP :])]


def _missed(newest: int) -> tuple[int, list[Message]]:
    close_old_connections()
    lines = feed.since(newest) if newest else []
    return feed.last_id(), [feed_line(line) for line in lines]


def _parameters() -> dict[str, Any]:
    """Where Django's database is, for psycopg; starts the embedded server if it does not run."""
    if config.load().database_direct_url:  # LISTEN needs a session; Django's may be a pooler's
        parameters: dict[str, Any] = conninfo_to_dict(conninfo())
    else:
        parameters = connection.get_connection_params()
    for django_only in ("cursor_factory", "context", "pool", "prepare_threshold"):
        parameters.pop(django_only, None)
    return {**parameters, "autocommit": True, "application_name": "autosync feed"}
