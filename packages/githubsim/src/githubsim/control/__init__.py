"""The control API under /_sim/: make things happen, set the weather, ask for the truth.

No GitHub path starts with it. Requests and answers are JSON; errors are `{"error": …}`.
"""

import logging
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from githubsim import face, jsontext
from githubsim.control import (
    actions,
    comments,
    commit_comments,
    conditions,
    inventory,
    issue_links,
    labels,
    people,
    reactions,
    releases,
    reviews,
    truth,
)
from githubsim.control.desk import Desk, Refused
from githubsim.gitrepos import GitError

log = logging.getLogger(__name__)

_POST = {
    **actions.ACTIONS,
    **comments.ACTIONS,
    **commit_comments.ACTIONS,
    **conditions.ACTIONS,
    **issue_links.ACTIONS,
    **labels.ACTIONS,
    **people.ACTIONS,
    **reactions.ACTIONS,
    **releases.ACTIONS,
    **reviews.ACTIONS,
}
_GET = {**truth.QUESTIONS, **conditions.QUESTIONS, **inventory.QUESTIONS}


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: Any


async def endpoint(request: Request) -> Response:
    """POST /_sim/<action> with a JSON object, GET /_sim/<question>?name=value, or the face."""
    if request.method == "GET" and not request.path_params.get("path", "").strip("/"):
        return HTMLResponse(await run_in_threadpool(face.page, request.app.state))
    raw = await request.body()
    reply = await run_in_threadpool(_reply, request, raw)
    return Response(jsontext.encode(reply.body), reply.status, media_type="application/json")


def _reply(request: Request, raw: bytes) -> _Reply:
    name = request.path_params["path"].strip("/")
    table = _GET if request.method == "GET" else _POST
    action = table.get(name)
    if action is None:
        return _Reply(404, {"error": f"no such call: {name}", "known": sorted(table)})
    try:
        body = msgspec.json.decode(raw) if raw else {}
        if request.method == "GET":
            body = dict(request.query_params)
        desk = Desk(request.app.state, body)
        return _Reply(200, action(desk))
    except Refused as error:
        return _Reply(422, {"error": str(error)})
    except (GitError, KeyError, ValueError, TypeError) as error:
        return _Reply(422, {"error": f"{type(error).__name__}: {error}"})
