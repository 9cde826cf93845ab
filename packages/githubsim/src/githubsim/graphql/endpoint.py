"""POST /graphql: admitted, priced, executed; 200 also where something is wrong, as on GitHub."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Set
from contextlib import nullcontext
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from githubsim.auth import Caller
from githubsim.dice import Throw
from githubsim.errors import ApiError
from githubsim.graphql.context import Context
from githubsim.graphql.cost import MOST_NODES, Cost, cost_of
from githubsim.graphql.errors import (
    ListFails,
    cut_short,
    failed,
    hiccup,
    invalid,
    older,
    too_heavy,
    withheld,
)
from githubsim.graphql.executor import Document, KeepingExecutor
from githubsim.graphql.schema import schema
from githubsim.limits import Window
from githubsim.rest.call import World
from githubsim.secondary import FLIGHT, Flight
from githubsim.shapes import Shapes
from githubsim.weather import THROW, Conditions

log = logging.getLogger(__name__)

DOCS = "https://docs.github.com/graphql"
_OID = re.compile(r'"([0-9a-f]{40})"')
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Query:
    """A request as sent."""

    text: str
    variables: Json
    operation: str | None


async def graphql_endpoint(request: Request) -> Response:
    """Answer one GraphQL request."""
    raw = await request.body()
    return await run_in_threadpool(_answer, request, raw)


def _answer(request: Request, raw: bytes) -> Response:
    world: World = request.app.state.world
    shapes: Shapes = request.app.state.shapes
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Date": formatdate(world.store.clock.now(), usegmt=True),
        "Server": "github.com",
        "X-GitHub-Media-Type": "github.v4; format=json",
        "X-GitHub-Request-Id": request.app.state.ids.next("POST", request.url.path, raw),
    }
    address = request.client.host if request.client else ""
    caller: Caller | None = None
    try:
        caller = world.auth.identify(request.headers.get("authorization"), address)
        if caller.kind not in ("installation", "user"):
            raise ApiError(
                401, "This endpoint requires you to be authenticated.", docs=f"{DOCS}/guides"
            )
        run = _Run(
            world,
            shapes,
            caller,
            request.app.state.weather.conditions,
            headers["X-GitHub-Request-Id"],
            request.headers.get("authorization", ""),
            request.scope.get(FLIGHT),
        )
        status, body, window = run.answer(_read(raw), request.scope.get(THROW))
        if window is not None:
            headers |= window.headers()
    except ApiError as error:
        body, status = error.body(), error.status
        headers |= error.headers
        if caller is not None and world.limits.enabled and caller.kind != "anonymous":
            headers |= world.limits.look(caller, "graphql").headers()
    except Exception:
        log.exception("a GraphQL query failed")
        body, status = {"message": "Server Error"}, 500
    return Response(msgspec.json.encode(body), status, headers)


def _read(raw: bytes) -> _Query:
    try:
        found = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise ApiError(400, "Problems parsing JSON", docs=DOCS) from error
    if not isinstance(found, dict):
        raise ApiError(400, "Body should be a JSON object", docs=DOCS)
    text, variables = found.get("query"), found.get("variables")
    if not isinstance(text, str):
        raise ApiError(400, "A query attribute must be specified and must be a string.", docs=DOCS)
    if isinstance(variables, str):
        # Some clients send them as a document in a string.
        try:
            variables = msgspec.json.decode(variables or "{}")
        except msgspec.DecodeError as error:
            raise ApiError(400, "Problems parsing JSON", docs=DOCS) from error
    if variables is not None and not isinstance(variables, dict):
        raise ApiError(400, "Variables must be an object.", docs=DOCS)
    return _Query(text, variables or {}, found.get("operationName"))


Answer = tuple[int, Json, Window | None]


@dataclass(frozen=True, slots=True)
class _Run:
    """What a query runs in."""

    world: World
    shapes: Shapes
    caller: Caller
    conditions: Conditions
    request_id: str
    authorization: str
    flight: Flight | None

    def answer(self, query: _Query, throw: Throw | None) -> Answer:
        """The status, the body, and the hour's window as it is then."""
        document, errors = _parsed(query.text)
        if document is None:
            return 200, {"errors": list(errors)}, self._window()
        if unknown := older(document.node, self.world.lacking):
            return 200, {"errors": unknown}, self._window()
        operation = get_operation_ast(document.node, query.operation)
        if operation is None:
            return 200, {"errors": [{"message": "An operation name is required"}]}, self._window()
        cost = cost_of(document.node, operation, query.variables)
        if cost.nodes > MOST_NODES:
            return 200, {"errors": [_too_many(cost)]}, self._window()
        limits = self.world.limits
        writes = operation.operation is OperationType.MUTATION
        limits.enter(
            self.caller,
            points=5 if writes else 1,
            resource="graphql",
            authorization=self.authorization,
            flight=self.flight,
        )
        began = time.thread_time()
        try:
            return self._priced(document, operation, query, cost, throw)
        finally:
            seconds = time.thread_time() - began
            limits.leave(self.caller, resource="graphql", seconds=seconds, flight=self.flight)

    def _priced(
        self,
        document: Document,
        operation: OperationDefinitionNode,
        query: _Query,
        cost: Cost,
        throw: Throw | None,
    ) -> Answer:
        limits = self.world.limits
        window = limits.take(self.caller, "graphql", cost.points) if limits.enabled else None
        if window is not None and window.exhausted:
            return 200, {"errors": [_spent(self.caller)]}, window
        if throw is not None and self.conditions.too_heavy(throw, cost.nodes):
            # GitHub takes more for what it could not finish.
            if limits.enabled:
                limits.take(self.caller, "graphql", self.conditions.heavy_points)
            return 502, too_heavy(self.request_id), self._window()
        store = self.world.store
        context = Context(
            store,
            self.world.git,
            self.caller,
            self.shapes.web,
            window=window or limits.look(self.caller, "graphql"),
            cost=cost.points,
            node_count=cost.nodes,
            oids=set(_oids(query)),
            empty_lists=throw is not None
            and throw.happens("empty_lists", self.conditions.empty_lists),
            # The weather takes nodes apart, and they are then what this request alone got.
            document=None if throw is not None and self.conditions.thins_out else document,
            variables=query.variables,
        )
        lists = store.lags and operation.operation is OperationType.QUERY and cost.lists
        with store.lagging() if lists else nullcontext():
            result = _executed(document.node, operation, query, context, self.world.withheld)
        if any(isinstance(one.original_error, ListFails) for one in result.errors or ()):
            if limits.enabled:
                limits.take(self.caller, "graphql", self.conditions.heavy_points)
            return 502, too_heavy(self.request_id), self._window()
        if self.flight is not None:
            self.flight.nodes = context.nodes
        shape = _shape(result)
        if throw is not None and throw.happens("partial", self.conditions.partial):
            cut_short(shape)
        if throw is not None and throw.happens("hiccups", self.conditions.hiccups):
            hiccup(shape, self.request_id)
        return 200, shape, window

    def _window(self) -> Window | None:
        limits = self.world.limits
        return limits.look(self.caller, "graphql") if limits.enabled else None


def _executed(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    query: _Query,
    context: Context,
    not_shown: Set[str],
) -> ExecutionResult:
    return execute_sync(
        schema(),
        document,
        context_value=context,
        variable_values=query.variables,
        operation_name=operation.name.value if operation.name else None,
        middleware=[withheld(not_shown)] if not_shown else None,
        # What it keeps is from before these fields were withheld.
        executor_class=None if not_shown else KeepingExecutor,
    )


def _shape(result: ExecutionResult) -> Json:
    for error in result.errors or ():
        if error.original_error is not None and not hasattr(error.original_error, "type"):
            log.error("GraphQL: %s", error, exc_info=error.original_error)
    shape: Json = {}
    # Where the variables are wrong nothing was executed, and GitHub sends no data at all.
    if result.data is not None or any(one.path for one in result.errors or ()):
        shape["data"] = result.data
    if result.errors:
        shape["errors"] = [failed(one) for one in result.errors]
    return shape


@lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[Document | None, tuple[Json, ...]]:
    """The document if it is a valid one, else what is wrong with it."""
    try:
        document = parse(text, no_location=False)
    except GraphQLError as error:
        return None, (invalid(error),)
    errors = validate(schema(), document)
    return (None, tuple(invalid(one) for one in errors)) if errors else (Document(document), ())


def _oids(query: _Query) -> Iterator[str]:
    yield from _OID.findall(query.text)
    for value in query.variables.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and _OID.fullmatch(f'"{one}"'):
                yield one


def _too_many(cost: Cost) -> Json:
    return {
        "type": "MAX_NODE_LIMIT_EXCEEDED",
        "message": f"This query requests up to {cost.nodes:,} possible nodes which exceeds the "
        f"maximum limit of {MOST_NODES:,}.",
    }


def _spent(caller: Caller) -> Json:
    """200 with this error is how GraphQL says that the hour's points are spent."""
    who = "installation" if caller.installation is not None else "user"
    found = caller.installation or caller.account
    return {
        "type": "RATE_LIMITED",
        "message": f"API rate limit exceeded for {who} ID {found.id if found else 0}.",
    }
