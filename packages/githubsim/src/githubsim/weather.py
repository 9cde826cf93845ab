"""The weather of the service itself: slow, failing, cut off, behind the times; seeded.

Everything but the control API stands in it. Quiet weather costs nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from email.utils import formatdate
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from githubsim.auth import Auth
from githubsim.clock import Clock
from githubsim.dice import Dice, Throw
from githubsim.limits import Limits
from githubsim.requests import RequestLog
from githubsim.secondary import FLIGHT, Flight
from githubsim.wire import drop, reset

_CALM = ("/_sim", "/avatars/")
_GRAPHQL = ("/graphql", "/api/graphql")
# What these end in is git's, which has limits of its own.
_GIT = ("/info/refs", "/git-upload-pack", "/git-receive-pack")
_FAULTS = ("failing", "timeouts", "resets", "truncated", "garbled")
_FRACTIONS = (*_FAULTS, "heavy", "partial", "hiccups", "empty_lists", "short_lists")
# Between the last byte sent and the cut, so that the byte is on its way.
_LINGER = 0.05
_BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head></html>"
_PAGE = b"<!DOCTYPE html><html><head><title>GitHub</title></head><body>One moment</body></html>"
THROW = "githubsim.throw"


@dataclass(frozen=True, slots=True)
class Conditions:
    """Times are real seconds (the outage and `stale` go by `Clock.pace`), fractions from 0 to 1. Of
    the faults at most one hits a request.

    `latency` is what each request waits; of the answer to it each node (an item of a list of REST's
    or of a connection, nested ones included) takes `latency_per_node` milliseconds more.
    `failing` answers 502, `timeouts` holds for `timeout_after` and drops, `resets` resets the
    connection (half of them after the work was done), `truncated` sends half a body, `garbled`
    answers 200 with HTML, with nothing or with half a document, whole by its Content-Length.
    `bandwidth` is bytes a second for each answer (0: no limit). `stale` is how far lists and
    GraphQL lag behind. `heavy` and `heavy_above` (nodes) make GraphQL queries fail with 502 and
    take `heavy_points` more, `partial` makes it leave out half of a list with an error, `hiccups`
    all of it, with an error that has no type.
    `empty_lists` are lists, of the App's own too, that come back empty and whole (REST and GraphQL;
    max-sixty/tend#345, gke-labs/gemini-for-kubernetes-development#8), `short_lists` pages of REST
    with half their items and no next page, under the true `total_count`
    (DominicRoyStang/BlockedTODO#338).
    `token_life` is when installation tokens die, whatever they say (0: when they say). A token just
    made is refused for `fresh_refused` seconds: with 401, or, if `fresh_refused_as` is 403, its
    permissions come so much later.
    """

    latency: float = 0.0
    latency_per_node: float = 0.0
    jitter: float = 0.0
    bandwidth: int = 0
    failing: float = 0.0
    timeouts: float = 0.0
    timeout_after: float = 10.0
    truncated: float = 0.0
    resets: float = 0.0
    outage_until: float = 0.0
    stale: float = 0.0
    heavy: float = 0.0
    heavy_above: int = 0
    heavy_points: int = 10
    partial: float = 0.0
    empty_lists: float = 0.0
    short_lists: float = 0.0
    token_life: int = 0
    garbled: float = 0.0
    hiccups: float = 0.0
    fresh_refused: float = 0.0
    fresh_refused_as: int = 401
    seed: int = 0

    def __post_init__(self) -> None:
        check_fractions(self, _FRACTIONS)
        if sum(getattr(self, name) for name in _FAULTS) > 1:
            raise ValueError(f"{', '.join(_FAULTS)} together are more than 1")
        if self.fresh_refused_as not in (401, 403):
            raise ValueError("fresh_refused_as is 401 or 403")

    @property
    def quiet(self) -> bool:
        """Whether requests pass as if there were no weather."""
        return not any(
            (
                self.latency,
                self.latency_per_node,
                self.jitter,
                self.bandwidth,
                self.outage_until,
                self.heavy_above,
                *(getattr(self, name) for name in _FRACTIONS),
            )
        )

    @property
    def delay(self) -> tuple[float, float]:
        """What a request waits, and how much more or less."""
        return self.latency, self.jitter

    @property
    def thins_out(self) -> bool:
        """Whether GraphQL's lists may miss some of their nodes."""
        return any((self.partial, self.hiccups, self.empty_lists))

    def fault(self, throw: Throw, now: float) -> str | None:
        """What befalls a request at a moment of `Clock.pace`, or None."""
        if now < self.outage_until:
            return "outage"
        left = throw.draw("fault")
        for name in _FAULTS:
            left -= getattr(self, name)
            if left < 0:
                return name
        return None

    def too_heavy(self, throw: Throw, nodes: int) -> bool:
        """Whether a GraphQL query takes GitHub more time than it gives one."""
        if self.heavy_above and nodes > self.heavy_above:
            return True
        return throw.happens("heavy", self.heavy)


def check_fractions(conditions: Any, names: tuple[str, ...]) -> None:
    """ValueError where a fraction is none."""
    for name in names:
        if not 0 <= getattr(conditions, name) <= 1:
            raise ValueError(f"{name} is a fraction from 0 to 1")


class Weather:
    """In front of the whole service."""

    def __init__(
        self,
        app: Starlette,
        requests: RequestLog,
        limits: Limits,
        *,
        auth: Auth,
        conditions: Conditions | None = None,
    ) -> None:
        self.app = app
        self.requests = requests
        self._limits = limits
        self._store = limits.store
        self._auth = auth
        self._dice = Dice()
        self.conditions = Conditions()
        if conditions is not None:
            self.change(asdict(conditions))

    def change(self, fields: Mapping[str, Any]) -> Conditions:
        """Set some of the conditions, and begin the storm anew. ValueError names a wrong one."""
        unknown = fields.keys() - asdict(self.conditions).keys()
        if unknown:
            raise ValueError(f"no such weather: {', '.join(sorted(unknown))}")
        now = msgspec.convert({**asdict(self.conditions), **fields}, Conditions)
        self._dice = Dice(now.seed)
        self.conditions = now
        self._store.lag(now.stale)
        self._auth.token_life = now.token_life or None
        self._auth.fresh_refused = (now.fresh_refused, now.fresh_refused_as)
        return now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request in the weather of now."""
        now = self.conditions
        if scope["type"] == "http":
            send = _dated(send, self._store.clock)
        if scope["type"] != "http" or now.quiet or scope["path"].startswith(_CALM):
            await self.app(scope, receive, send)
            return
        throw, receive = await self._throw(scope, receive)
        scope[THROW] = throw
        if scope["path"].endswith(_GIT):
            await self._pass(throw, scope, receive, send, throw.around("latency", *now.delay))
            return
        flight = scope[FLIGHT] = Flight()
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        key = self._limits.arrive(authorization)
        delay = throw.around("latency", *now.delay)
        try:
            send = self._in_time(send, flight, delay, now.latency_per_node / 1000)
            await self._pass(throw, scope, receive, send, delay)
        finally:
            self._limits.depart(key)

    async def _pass(
        self, throw: Throw, scope: Scope, receive: Receive, send: Send, delay: float
    ) -> None:
        now = self.conditions
        if delay:
            await asyncio.sleep(delay)
        fault = now.fault(throw, self._store.clock.pace())
        if fault is None:
            await self.app(scope, receive, _slowly(send, now.bandwidth) if now.bandwidth else send)
            return
        await self._strike(fault, throw, scope, receive, send)

    def _in_time(self, send: Send, flight: Flight, delay: float, per_node: float) -> Send:
        """Sends when all nodes have had their time, which then counts as GitHub's CPU."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = flight.nodes * per_node
                if more:
                    await asyncio.sleep(more)
                if flight.caller:
                    self._limits.spend(flight.caller, flight.resource, delay + more)
            await send(message)

        return sending

    async def _strike(
        self, fault: str, throw: Throw, scope: Scope, receive: Receive, send: Send
    ) -> None:
        target = f"{scope['method']} {scope['path']}"
        host, port = (scope.get("client") or ("", 0))[:2]
        client = (str(host), int(port))
        if fault in ("outage", "failing"):
            self.requests.note(fault, 502, target=target)
            response = Response(_BAD_GATEWAY, 502, media_type="text/html")
            await response(scope, receive, send)
            return
        if fault == "garbled":
            garbling = _Garbling(send, throw.draw("garbling"))
            await self.app(scope, receive, garbling)
            if garbling.told:
                self.requests.note(fault, 200, target=target)
            return
        if fault == "truncated":
            await self.app(scope, receive, _Cut(send, client))
            drop(client)
        elif fault == "timeouts":
            await asyncio.sleep(self.conditions.timeout_after)
            drop(client)
        else:
            # The client cannot know whether its request was carried out.
            if throw.draw("after") < 0.5:
                await self.app(scope, receive, _nowhere)
            reset(client)
        self.requests.note(fault, 0, target=target)

    async def _throw(self, scope: Scope, receive: Receive) -> tuple[Throw, Receive]:
        identity = (scope["method"], scope["path"], scope.get("query_string", b""))
        if scope["path"] not in _GRAPHQL:
            return self._dice.throw(*identity), receive
        # All queries go to one path: they are told apart by what they ask.
        body = await _body(receive)
        told = False

        async def again() -> Message:
            nonlocal told
            if told:
                return await receive()
            told = True
            return {"type": "http.request", "body": body, "more_body": False}

        return self._dice.throw(*identity, hashlib.sha256(body).hexdigest()), again


def _dated(send: Send, clock: Clock) -> Send:
    """Where an answer has no date, the HTTP server would put its own."""

    async def dated(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("Date", formatdate(clock.now(), usegmt=True))
        await send(message)

    return dated


class _Cut:
    """Lets half of the first piece of a body through, then ends the connection."""

    def __init__(self, send: Send, client: tuple[str, int]) -> None:
        self._send = send
        self._client = client
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif self._start is not None:
            start, self._start = self._start, None
            body = message.get("body", b"")
            if body:
                await self._send(start)
                half = {"type": message["type"], "body": body[: len(body) // 2], "more_body": True}
                await self._send(half)
                await asyncio.sleep(_LINGER)
                # At once, and not when all is sent: what streams may go on for minutes.
                drop(self._client)


class _Garbling:
    """Puts something else in the place of a JSON document; other answers pass.

    Source: octokit/graphql.js#554 (HTML), ExpediaGroup/github-helpers#153 and
    marocchino/sticky-pull-request-comment#812 (JSON that ends too soon).
    """

    def __init__(self, send: Send, draw: float) -> None:
        self._send = send
        self._draw = draw
        self._start: Message | None = None
        self._body = b""
        self.told = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            is_json = headers.get("content-type", "").startswith("application/json")
            if message["status"] != 200 or not is_json:
                await self._send(message)
            else:
                self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        headers = MutableHeaders(scope=self._start)
        body = self._body[: len(self._body) // 2]
        if self._draw < 1 / 3:
            body, headers["Content-Type"] = _PAGE, "text/html; charset=utf-8"
        elif self._draw < 2 / 3:
            body = b""
        headers["Content-Length"] = str(len(body))
        self.told = True
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})


def _slowly(send: Send, bandwidth: int) -> Send:
    """Pieces of a twentieth of a second each."""
    size = max(512, bandwidth // 20)

    async def slow(message: Message) -> None:
        body = message.get("body", b"")
        if message["type"] != "http.response.body" or not body:
            await send(message)
            return
        for at in range(0, len(body), size):
            piece = body[at : at + size]
            await asyncio.sleep(len(piece) / bandwidth)
            more = message.get("more_body", False) or at + size < len(body)
            await send({"type": message["type"], "body": piece, "more_body": more})

    return slow


async def _nowhere(message: Message) -> None:
    """For an answer that nobody gets."""


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
