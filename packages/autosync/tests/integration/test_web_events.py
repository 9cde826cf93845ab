"""Open pages hear of changes: `/events/` on the real channel of the real database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.db import connection, transaction
from django.test import Client

from autosync import config
from autosync.mirror import feed
from autosync.mirror.feed import FeedLine
from autosync.mirror.models import FeedEvent, Repository
from tests.integration.api_rows import repository

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 120.0


@pytest.fixture(autouse=True)
def _open_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.load(), "autosync_dashboard_public", True)


class Reader:
    """A browser's EventSource, straight on Django's ASGI application."""

    def __init__(self, query: str = "", last_event_id: int | None = None) -> None:
        headers = [(b"host", b"localhost")]
        if last_event_id is not None:
            headers.append((b"last-event-id", str(last_event_id).encode()))
        self.scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
            "path": "/events/", "raw_path": b"/events/", "query_string": query.encode(),
            "headers": headers, "scheme": "http", "server": ("localhost", 80),
            "client": ("127.0.0.1", 1),
        }  # fmt: skip
        self.status = 0
        self.text = ""
        self._changed = asyncio.Event()
        self._gone = asyncio.Event()

    async def run(self) -> None:
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await self._gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            self.status = message.get("status", self.status)
            self.text += message.get("body", b"").decode()
            self._changed.set()

        await get_asgi_application()(self.scope, receive, send)

    def leave(self) -> None:
        self._gone.set()

    async def until(self, words: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while words not in self.text:
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def reading(query: str = "", last_event_id: int | None = None) -> AsyncIterator[Reader]:
    reader = Reader(query, last_event_id)
    task = asyncio.create_task(reader.run())
    try:
        await reader.until(": listening")
        yield reader
    finally:
        reader.leave()
        async with asyncio.timeout(PATIENCE):
            await task


def publish(*titles: str, repo: Repository | None = None) -> None:
    with transaction.atomic():
        feed.publish(
            [
                FeedLine("commit", "pushed", repo.pk if repo else None, title=title, actor="ada")
                for title in titles
            ]
        )


def in_a_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run the coroutine with Django's own bridge, so that it shares the test's database."""

    def run() -> None:
        async_to_sync(test)()

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


def listeners() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'autosync feed' "
            "AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])


@in_a_loop
async def test_a_line_arrives_as_the_page_shows_it() -> None:
    async with reading() as reader:
        repo = await sync_to_async(repository)("acme/rocket")
        await sync_to_async(publish)("Fix <the> engine", repo=repo)
        await reader.until("engine")
        event = await sync_to_async(FeedEvent.objects.get)()
        await reader.until("\n\n")
        assert f"event: feed\nid: {event.pk}\ndata: <li" in reader.text
        assert "Fix &lt;the&gt; engine" in reader.text
        assert "acme/rocket" in reader.text


@in_a_loop
async def test_all_readers_share_one_connection_which_ends_with_the_last() -> None:
    async with reading() as one, reading() as two:
        await sync_to_async(publish)("for both")
        await one.until("for both")
        await two.until("for both")
        assert await sync_to_async(listeners)() == 1
    async with asyncio.timeout(PATIENCE):
        while await sync_to_async(listeners)():
            await asyncio.sleep(0.02)


@in_a_loop
async def test_a_reader_of_one_repository_hears_only_of_it() -> None:
    mine = await sync_to_async(repository)("acme/mine")
    other = await sync_to_async(repository)("acme/other")
    async with reading(f"repository={mine.pk}") as reader:
        await sync_to_async(publish)("elsewhere", repo=other)
        await sync_to_async(feed.progress)([other.pk], 1)
        await sync_to_async(feed.progress)([mine.pk], 2)
        await sync_to_async(publish)("here", repo=mine)
        await reader.until("here")
        assert "elsewhere" not in reader.text
        assert '"job": 1' not in reader.text
        assert f'event: progress\ndata: {{"repositories": [{mine.pk}], "job": 2}}' in reader.text


@in_a_loop
async def test_who_comes_back_gets_what_was_missed_once() -> None:
    await sync_to_async(publish)("seen", "missed one", "missed two")
    first = await sync_to_async(FeedEvent.objects.earliest)("id")
    async with reading(last_event_id=first.pk) as reader:
        await sync_to_async(publish)("new")
        await reader.until("new")
        assert reader.text.count("missed one") == 1
        assert reader.text.count("missed two") == 1
        assert reader.text.index("missed one") < reader.text.index("missed two")
        assert "seen" not in reader.text


@in_a_loop
async def test_who_was_away_for_long_gets_the_newest_two_hundred() -> None:
    await sync_to_async(publish)(*[f"line {number}." for number in range(250)])
    first = await sync_to_async(FeedEvent.objects.earliest)("id")
    async with reading(f"after={first.pk}") as reader:
        await reader.until("line 249.")
        assert reader.text.count("event: feed") == 200
        assert "line 50." in reader.text
        assert "line 49." not in reader.text


@in_a_loop
async def test_nothing_of_a_hidden_repository_is_told() -> None:
    gone = await sync_to_async(repository)("acme/gone", deleted_at="2024-01-01T00:00:00Z")
    async with reading("after=0") as reader:
        await sync_to_async(publish)("secret plan", repo=gone)
        await sync_to_async(publish)("hello")
        await reader.until("hello")
        assert "secret plan" not in reader.text


@in_a_loop
async def test_a_lost_connection_is_made_again_and_nothing_is_missed() -> None:
    def cut() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'autosync feed' AND datname = current_database()"
            )

    async with reading() as reader:
        await sync_to_async(publish)("before")
        await reader.until("before")
        await sync_to_async(cut)()
        await sync_to_async(publish)("during")
        await reader.until("during")
        await sync_to_async(publish)("afterwards")
        await reader.until("afterwards")


@pytest.mark.parametrize("query", ["repository=x", "after=-1", f"after={2**63}"])
def test_nonsense_is_refused(query: str) -> None:
    assert Client().get(f"/events/?{query}").status_code == 400


def test_without_async_the_answer_holds_what_is_new_and_ends() -> None:
    publish("first", "second")
    first = FeedEvent.objects.earliest("id")
    answer = Client().get(f"/events/?after={first.pk}")
    assert answer["Content-Type"] == "text/event-stream"
    text = answer.content.decode()
    assert "retry: 2000" in text
    assert "second" in text
    assert "first" not in text


def test_strangers_hear_nothing_where_the_dashboard_is_not_public(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(config.load(), "autosync_dashboard_public", False)
    publish("private")
    assert Client().get("/events/?after=0").status_code == 401
    client = Client()
    client.force_login(User.objects.create_user("ada"))
    assert "private" in client.get("/events/?after=0").content.decode()
