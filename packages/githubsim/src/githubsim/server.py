"""The HTTP service: every request is admitted, counted, answered in GitHub's manner and logged."""

import hashlib
import logging
import re
import time
from email.utils import formatdate, parsedate_to_datetime
from typing import Any

from anyio import to_thread
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from githubsim import control, jsontext, rest
from githubsim.auth import Caller
from githubsim.errors import ApiError
from githubsim.git_http import git_endpoint
from githubsim.graphql import graphql_endpoint
from githubsim.limits import Window
from githubsim.nonces import RequestIds
from githubsim.requests import RequestLog
from githubsim.rest.call import Answer, Call, Router, World, admit
from githubsim.rest.versions import DEFAULT, VERSIONS, as_of, with_its_end
from githubsim.secondary import FLIGHT, Flight
from githubsim.shapes import Shapes
from githubsim.weather import THROW, Conditions, Weather

log = logging.getLogger(__name__)

# Blocking work (SQLite, git) runs in this many threads.
THREADS = 40
_FREE = ("/rate_limit",)
_GHES = "/api/v3"
_COMMON = {
    "Server": "github.com",
    "Cache-Control": "private, max-age=60, s-maxage=60",
    "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Link, Location, Retry-After, X-RateLimit-Limit, "
    "X-RateLimit-Remaining, X-RateLimit-Used, X-RateLimit-Resource, X-RateLimit-Reset",
}


class RestService:
    """Runs REST calls: one method does all that GitHub does around each handler."""

    def __init__(
        self, world: World, shapes: Shapes, ghes: Shapes, requests: RequestLog, ids: RequestIds
    ) -> None:
        self.world = world
        self.shapes = shapes
        self.ghes = ghes
        self.requests = requests
        self.ids = ids
        self.router: Router = rest.router()

    async def endpoint(self, request: Request) -> Response:
        """The Starlette endpoint for everything that is not git, GraphQL or control."""
        raw = await request.body()
        return await run_in_threadpool(self.answer, request, raw)

    def answer(self, request: Request, raw: bytes) -> Response:
        """One request from header to answer."""
        # Undecoded, so that a slash in a label's name does not divide the path.
        path = request.scope.get("raw_path", b"").decode() or request.url.path
        path = path.partition("?")[0]
        shapes = self.shapes
        if path == _GHES or path.startswith(f"{_GHES}/"):
            shapes, path = self.ghes, path.removeprefix(_GHES)
        path = path.rstrip("/") or "/"
        headers = dict(_COMMON)
        # Of its own clock: clients whose own is wrong correct their JWTs by it.
        headers["Date"] = formatdate(self.world.store.clock.now(), usegmt=True)
        headers["X-GitHub-Request-Id"] = self.ids.next(request.method, _target(request), raw)
        endpoint = "unknown"
        caller: Caller | None = None
        window: Window | None = None
        counts = entered = False
        flight: Flight | None = request.scope.get(FLIGHT)
        began = time.thread_time()
        try:
            if not request.headers.get("user-agent"):
                raise ApiError(
                    403,
                    "Request forbidden by administrative rules. Please make sure your request "
                    "has a User-Agent header.",
                )
            version = request.headers.get("x-github-api-version", DEFAULT)
            if version not in VERSIONS:
                raise ApiError(400, f"'{version}' is not a supported version")
            headers["X-GitHub-Api-Version-Selected"] = version
            address = request.client.host if request.client else ""
            caller = self.world.auth.identify(request.headers.get("authorization"), address)
            limits = self.world.limits
            free = path in _FREE or not limits.enabled
            if limits.enabled:
                window = limits.look(caller)
                if not free and window.remaining < 1:
                    raise limits.exceeded(caller, window)
                counts = not free
            limits.enter(
                caller,
                points=1 if request.method in ("GET", "HEAD") else 5,
                authorization=request.headers.get("authorization"),
                flight=flight,
            )
            entered = True
            route, params = self.router.find(request.method, path)
            endpoint = f"{route.method} {route.path}"
            call = Call(
                self.world,
                shapes,
                caller,
                request.method,
                path,
                str(request.url),
                dict(request.query_params),
                request.headers,
                raw,
                params,
            )
            admit(call, route.needs)
            answer = route.handler(call)
            if self.world.store.lags and _listed(path, request.method, answer):
                with self.world.store.lagging():
                    answer = route.handler(call)
            _thin_out(request, answer)
            if flight is not None:
                flight.nodes = _nodes(answer.body)
            answer.body = as_of(version, answer.body)
            if shapes is self.shapes:
                # GHES ends versions with its own releases.
                answer.headers = with_its_end(version, answer.headers)
            response = self._response(request, caller, answer, headers)
        except ApiError as error:
            headers |= error.headers
            response = _json(error.body(), error.status, headers)
        except Exception:
            log.exception("%s %s failed", request.method, path)
            response = _json({"message": "Server Error"}, 500, headers)
        finally:
            if entered and caller is not None:
                seconds = time.thread_time() - began
                self.world.limits.leave(caller, seconds=seconds, flight=flight)
        if counts and caller is not None and response.status_code != 304:
            # Only now: a 304 costs nothing, nor may another answer meanwhile say that it did.
            window = self.world.limits.take(caller)
        if window is not None:
            for name, value in window.headers().items():
                response.headers[name] = value
        target = f"{request.method} {path}"
        self.requests.note(endpoint, response.status_code, target=target, headers=response.headers)
        return response

    def _response(
        self, request: Request, caller: Caller, answer: Answer, headers: dict[str, str]
    ) -> Response:
        headers |= answer.headers
        if answer.media is not None:
            raw = answer.body if isinstance(answer.body, bytes) else str(answer.body)
            return Response(raw, answer.status, headers, answer.media)
        if answer.body is None:
            return Response(b"", answer.status, headers)
        content = jsontext.encode(answer.body)
        if request.method in ("GET", "HEAD") and answer.status == 200:
            # Each token has ETags of its own: https://github.com/github/docs/issues/34689
            token = caller.token.token if caller.token is not None else ""
            seen = content + headers.get("Link", "").encode() + token.encode()
            digest = hashlib.sha256(seen).hexdigest()
            headers["ETag"] = f'W/"{digest}"'
            if answer.modified is not None:
                headers["Last-Modified"] = formatdate(answer.modified, usegmt=True)
            if _unchanged(request, digest, answer.modified):
                return Response(b"", 304, headers)
        headers["Content-Type"] = "application/json; charset=utf-8"
        headers["X-GitHub-Media-Type"] = "github.v3; format=json"
        if request.method == "HEAD":
            content = b""
        return Response(content, answer.status, headers)


def build(world: World, shapes: Shapes, conditions: Conditions | None = None) -> Weather:
    """The ASGI app of a world in this weather. Starting and stopping webhooks is the caller's."""
    requests = RequestLog()
    ghes = Shapes(world.store, api=shapes.api + _GHES, web=shapes.web)
    ids = RequestIds(world.store.key)
    service = RestService(world, shapes, ghes, requests, ids)

    async def graphql(request: Request) -> Response:
        response: Response = await graphql_endpoint(request)
        requests.note("POST /graphql", response.status_code, headers=response.headers)
        return response

    async def git(request: Request) -> Response:
        response = await git_endpoint(request)
        requests.show(f"{request.method} {request.url.path}", response.status_code)
        return response

    app = Starlette(
        routes=[
            Route("/graphql", graphql, methods=["POST"]),
            Route("/api/graphql", graphql, methods=["POST"]),
            Route("/_sim", control.endpoint, methods=["GET"]),
            Route("/_sim/{path:path}", control.endpoint, methods=["GET", "POST"]),
            Route("/avatars/u/{account_id:int}", _avatar),
            Route("/{owner}/{name}/info/refs", git, methods=["GET"]),
            Route("/{owner}/{name}/git-upload-pack", git, methods=["POST"]),
            Route("/{owner}/{name}/git-receive-pack", git, methods=["POST"]),
            Route("/{path:path}", service.endpoint, methods=list(_METHODS)),
        ],
    )
    state = app.state
    state.world, state.shapes, state.requests, state.ids = world, shapes, requests, ids
    state.store, state.git, state.auth, state.limits = (
        world.store,
        world.git,
        world.auth,
        world.limits,
    )
    state.webhooks = world.webhooks
    weather = Weather(app, requests, world.limits, auth=world.auth, conditions=conditions)
    state.weather = weather
    return weather


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_AVATAR = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 5 5"><rect width="5" height="5" '
    'fill="#f0f0f0"/><path fill="hsl({hue},45%,55%)" d="{path}"/></svg>'
)


async def _avatar(request: Request) -> Response:
    """An identicon like GitHub's, drawn from the account's id."""
    digest = hashlib.md5(str(request.path_params["account_id"]).encode()).digest()
    cells = [
        f"M{x},{y}h1v1h-1z" for y in range(5) for x in range(5) if digest[y * 3 + min(x, 4 - x)] % 2
    ]
    hue = int.from_bytes(digest[-2:]) % 360
    svg = _AVATAR.format(hue=hue, path="".join(cells))
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response(svg, media_type="image/svg+xml", headers=headers)


def _target(request: Request) -> str:
    return f"{request.url.path}?{request.url.query}"


def _items(body: Any) -> list[Any] | None:
    """The rows of an answer that is a list, with or without its count."""
    if isinstance(body, dict) and "total_count" in body:
        body = next((one for one in body.values() if isinstance(one, list)), None)
    return body if isinstance(body, list) else None


def _nodes(body: Any) -> int:
    """How many things an answer has in it."""
    items = _items(body)
    return (0 if body is None else 1) if items is None else len(items)


def _thin_out(request: Request, answer: Answer) -> None:
    """The weather of lists: empty, or cut off after half a page."""
    throw, weather = request.scope.get(THROW), request.app.state.weather.conditions
    if throw is None or request.method != "GET":
        return
    body, items = answer.body, _items(answer.body)
    if not items:
        return
    if throw.happens("empty_lists", weather.empty_lists):
        del items[:]
        if isinstance(body, dict):
            body["total_count"] = 0
    elif throw.happens("short_lists", weather.short_lists):
        del items[len(items) // 2 :]
    else:
        return
    answer.headers.pop("Link", None)


def _listed(path: str, method: str, answer: Answer) -> bool:
    """Whether an answer is a list, which a lagging replica would give; the App's own is not."""
    listed = isinstance(answer.body, list) or (
        isinstance(answer.body, dict) and "total_count" in answer.body
    )
    return listed and method in ("GET", "HEAD") and not path.startswith("/app/")


def _json(body: Any, status: int, headers: dict[str, str]) -> Response:
    headers["Content-Type"] = "application/json; charset=utf-8"
    return Response(jsontext.encode(body), status, headers)


def _unchanged(request: Request, digest: str, modified: int | None) -> bool:
    known = request.headers.get("if-none-match")
    if known is not None:
        return known.strip() == "*" or digest in re.findall(r'"([^"]*)"', known)
    since = request.headers.get("if-modified-since")
    if since is None or modified is None:
        return False
    try:
        return int(parsedate_to_datetime(since).timestamp()) >= modified
    except ValueError:
        return False


def use_threads(count: int = THREADS) -> None:
    """Widen the pool that blocking work runs in; call it inside the event loop."""
    to_thread.current_default_thread_limiter().total_tokens = count
