"""The REST API under /api/: its parts, and its errors in one shape."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI, Router
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.operation import Operation

from autosync import __version__
from autosync.api.access import may
from autosync.api.deliveries import router as deliveries
from autosync.api.errors import problem
from autosync.api.kinds import router as kinds
from autosync.api.mirror import router as mirror
from autosync.api.pull_git import router as pull_git
from autosync.api.sync import router as sync
from autosync.api.webhook import router as webhook
from autosync.config import command
from autosync.database import is_away
from autosync.errors import AutoSyncError
from autosync.redact import redact

logger = logging.getLogger(__name__)


_OTHER = {
    "description": "Any other error: 400, 404, 405 (see Allow), 413, 415, 500, 503",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class _Api(NinjaAPI):
    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The function's name: what generated clients call their methods."""
        return operation.view_func.__name__

    def get_openapi_schema(self, **how: Any) -> Any:
        """Ninja's document, which says of each operation what its unlisted errors look like."""
        document = super().get_openapi_schema(**how)
        for operation in (one for path in document["paths"].values() for one in path.values()):
            operation["responses"].setdefault("default", _OTHER)
        return document


def assembled(routers: Sequence[Router], namespace: str = "api") -> NinjaAPI:
    """An API of these parts, with what all have in common: who may call, and how errors look."""
    made = _Api(
        title="AutoSync",
        version=__version__,
        description=(
            "Read the mirror and control its syncs. Send `Authorization: Bearer <token>` (created "
            "with `autosync token create NAME --scope read`), or use a signed-in session.\n\n"
            "Lists are pages of `{items, next}`: send `next` as `cursor` for the following page. "
            "An error is `{error}`, one line that says what to do."
        ),
        urls_namespace=namespace,
        docs_decorator=lambda view: csrf_exempt(require_safe(view)),
        auth=may("read"),
    )
    for router in routers:
        made.add_router("", router)
    made.exception_handler(HttpError)(_http_error)
    made.exception_handler(AuthenticationError)(_nobody)
    made.exception_handler(ValidationError)(_bad_input)
    made.exception_handler(AutoSyncError)(_foreseen)
    made.exception_handler(Exception)(_unforeseen)
    return made


elsewhere = Router()


@elsewhere.api_operation(
    ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"],
    "/{path:rest}",
    auth=None,
    include_in_schema=False,
)
def nowhere(request: HttpRequest, rest: str) -> HttpResponse:
    """What no route serves: JSON like every other error, and the slash for those who forgot it."""
    here = resolve(request.path).route
    if not rest.endswith("/") and resolve(f"{request.path}/").route != here:
        return _moved(request.get_full_path(force_append_slash=True))
    if rest.endswith("/") and resolve(request.path.rstrip("/")).route != here:
        return _moved(request.path.rstrip("/"))
    raise HttpError(404, "No such endpoint; /api/docs lists them.")


@csrf_exempt  # so that every method gets the same answer
def nothing_here(request: HttpRequest) -> HttpResponse:
    """`/api/` itself."""
    return problem("No such endpoint; /api/docs lists them.", 404)


def _moved(path: str) -> HttpResponse:
    """A redirect that names the path; unlike Django's own, 308 keeps the method and the body."""
    answer = problem(f"The path is {path.partition('?')[0]}: send the request there.", 308)
    answer["Location"] = path
    return answer


def _problem(request: HttpRequest, status: int, error: str) -> HttpResponse:
    return problem(redact(" ".join(error.split())), status)


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return _problem(request, error.status_code, error.message)


def _nobody(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    answer = _problem(
        request,
        401,
        "Sign in, or send `Authorization: Bearer <token>`; create a token with "
        f"`{command('token create NAME --scope read')}`.",
    )
    answer["WWW-Authenticate"] = 'Bearer realm="autosync"'
    return answer


def _bad_input(request: HttpRequest, error: ValidationError) -> HttpResponse:
    return _problem(request, 422, "; ".join(_sentence(problem) for problem in error.errors))


def _foreseen(request: HttpRequest, error: AutoSyncError) -> HttpResponse:
    logger.error("%s %s: %s", request.method, request.path, error)
    return _problem(request, 503, str(error))


def _unforeseen(request: HttpRequest, error: Exception) -> HttpResponse:
    if is_away(error):
        logger.error("%s %s: no database: %s", request.method, request.path, error)
        return _problem(request, 503, "The database does not answer; try again in a moment.")
    if settings.DEBUG:
        raise error
    logger.exception("%s %s failed", request.method, request.path, exc_info=error)
    return _problem(request, 500, "This is a defect of AutoSync; its log says where.")


def _sentence(problem: dict[str, Any]) -> str:
    """`limit: Input should be less than or equal to 100`."""
    message = str(problem["msg"]).removeprefix("Value error, ")
    name = str(problem["loc"][-1])
    # A complaint about the whole query names its parameter itself.
    return message if name == "query" else f"{name}: {message}"


api = assembled([sync, mirror, pull_git, kinds, deliveries, webhook, elsewhere])
