"""POST /graphql: admitted, priced, executed; 200 also where something is wrong, as on GitHub."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Iterator
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
from githubsim.errors import ApiError
from githubsim.graphql.context import Context
from githubsim.graphql.cost import MOST_NODES, Cost, cost_of
from githubsim.graphql.errors import failed, invalid
from githubsim.graphql.schema import schema
from githubsim.limits import Window
from githubsim.rest.call import World
from githubsim.shapes import Shapes

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
        "X-GitHub-Request-Id": uuid.uuid4().hex[:24].upper(),
    }
    address = request.client.host if request.client else ""
    caller: Caller | None = None
    try:
        caller = world.auth.identify(request.headers.get("authorization"), address)
        if caller.kind not in ("installation", "user"):
            raise ApiError(
                401, "This endpoint requires you to be authenticated.", docs=f"{DOCS}/guides"
            )
        body, window = _run(world, shapes, caller, _read(raw))
        status = 200
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


def _run(world: World, shapes: Shapes, caller: Caller, query: _Query) -> tuple[Json, Window | None]:
    limits = world.limits
    document, errors = _parsed(query.text)
    if document is None:
        window = limits.look(caller, "graphql") if limits.enabled else None
        return {"errors": list(errors)}, window
    operation = get_operation_ast(document, query.operation)
    if operation is None:
        window = limits.look(caller, "graphql") if limits.enabled else None
        return {"errors": [{"message": "An operation name is required"}]}, window
    cost = cost_of(document, operation, query.variables)
    if cost.nodes > MOST_NODES:
        window = limits.look(caller, "graphql") if limits.enabled else None
        return {"errors": [_too_many(cost)]}, window
    writes = operation.operation is OperationType.MUTATION
    limits.enter(caller, points=5 if writes else 1)
    try:
        window = limits.take(caller, "graphql", cost.points) if limits.enabled else None
        if window is not None and window.exhausted:
            return {"errors": [_spent(caller)]}, window
        context = Context(
            world.store,
            world.git,
            caller,
            shapes.web,
            window=window or limits.look(caller, "graphql"),
            cost=cost.points,
            node_count=cost.nodes,
            oids=set(_oids(query)),
        )
        return _shape(_executed(document, operation, query, context)), window
    finally:
        limits.leave(caller)


def _executed(
    document: DocumentNode, operation: OperationDefinitionNode, query: _Query, context: Context
) -> ExecutionResult:
    return execute_sync(
        schema(),
        document,
        context_value=context,
        variable_values=query.variables,
        operation_name=operation.name.value if operation.name else None,
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
def _parsed(text: str) -> tuple[DocumentNode | None, tuple[Json, ...]]:
    """The document if it is a valid one, else what is wrong with it."""
    try:
        document = parse(text, no_location=False)
    except GraphQLError as error:
        return None, (invalid(error),)
    errors = validate(schema(), document)
    return (None, tuple(invalid(one) for one in errors)) if errors else (document, ())


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
