"""`/events/`: server-sent events for open pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET

from autosync.storable import BIGGEST_ID
from autosync.web import feed
from autosync.web.access import may_read
from autosync.web.broadcast import Message, broadcaster, feed_line, progress

# Proxies and browsers give up on a silent connection, most of them after a minute.
HEARTBEAT = 15.0
# Seconds after which a stream ends: the browser comes back for the rest, and is asked who it is.
LIFE = 30 * 60.0
# Milliseconds a browser waits before it comes back.
RETRY = b"retry: 2000\n\n"
MOST_STREAMS = 1_000  # per process; each keeps a connection and up to 500 messages


@require_GET
async def events(request: HttpRequest) -> HttpResponseBase:
    """A stream of `feed` (a line as HTML, its id) and `progress` (fetch what shows progress).

    `?repository=` narrows it to one repository. `Last-Event-ID`, or `?after=` on the first
    connection, asks for the lines stored since, at most 200.
    """
    if not await sync_to_async(_allowed)(request):
        return HttpResponse("Sign in first.\n", status=401, content_type="text/plain")
    try:
        repository_id = _number(request.GET.get("repository"))
        after = _number(request.headers.get("Last-Event-ID") or request.GET.get("after"))
    except ValueError:
        return HttpResponse(
            "repository and after are numbers.\n", status=400, content_type="text/plain"
        )
    if isinstance(request, ASGIRequest):
        if broadcaster().watched_by >= MOST_STREAMS:
            return HttpResponse(
                "Too many pages are open; load this one again later.\n",
                status=503,
                content_type="text/plain",
                headers={"Retry-After": "30"},
            )
        answer: HttpResponseBase = StreamingHttpResponse(
            _stream(repository_id, after), content_type="text/event-stream"
        )
    else:
        # A WSGI server cannot stream: say what is new and let the browser come back for more.
        lines = await sync_to_async(_since)(after, repository_id)
        parts = [RETRY, *(line.text for line in lines), progress((), None).text]
        answer = HttpResponse(b"".join(parts), content_type="text/event-stream")
    answer["X-Accel-Buffering"] = "no"  # nginx would hold the lines back
    return answer


async def _stream(repository_id: int | None, after: int | None) -> AsyncIterator[bytes]:
    """Bytes for one reader, until it goes or falls behind."""
    cast = broadcaster()
    async with cast.subscribe(repository_id) as subscriber:
        yield RETRY
        while not cast.listening.is_set():
            try:
                await asyncio.wait_for(cast.listening.wait(), HEARTBEAT)
            except TimeoutError:
                yield b": the database does not answer\n\n"
        yield b": listening\n\n"
        sent: set[int] = set()
        for line in await sync_to_async(_since)(after, repository_id):
            # It may have been broadcast too, between LISTEN and this look back.
            sent.add(line.feed_id or 0)
            yield line.text
        until = asyncio.get_running_loop().time() + LIFE
        while asyncio.get_running_loop().time() < until:
            try:
                message = await asyncio.wait_for(subscriber.queue.get(), HEARTBEAT)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if message is None:
                return
            if message.feed_id not in sent:
                yield message.text


def _allowed(request: HttpRequest) -> bool:
    try:
        return may_read(request.user)
    finally:
        _let_go()


def _since(after: int | None, repository_id: int | None) -> list[Message]:
    if after is None:
        return []
    try:
        return [feed_line(line) for line in feed.since(after, repository_id)]
    finally:
        _let_go()


def _let_go() -> None:
    """Give the request's connection back now: the request may last for hours."""
    if not connection.in_atomic_block:
        connection.close()


def _number(text: str | None) -> int | None:
    if not text:
        return None
    number = int(text)
    if not 0 <= number <= BIGGEST_ID:
        raise ValueError
    return number
