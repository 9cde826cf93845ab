"""Every error under `/api/` is JSON, whichever layer of Django made it; HEAD and OPTIONS work."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, cast

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException
from django.utils.decorators import sync_and_async_middleware

from autosync.api.webhook import PATH as WEBHOOK

_ROOT = "/api"
# No endpoint reads a body; what is sent all the same is looked at, so that mistakes are named.
_LARGEST_BODY = 64 * 1024
_TYPES = {
    "", "application/json", "application/x-www-form-urlencoded", "multipart/form-data",
    "text/plain",
}  # fmt: skip
_WORDS = {
    400: "The request cannot be read.",
    403: "This is not allowed: send the page's CSRF token as X-CSRFToken, or a bearer token.",
    404: "No such endpoint; /api/docs lists them.",
    413: f"The body is too large: the limit is {_LARGEST_BODY // 1024} KiB, and none is needed.",
    415: "The body must be JSON or a form; none is needed.",
    500: "This is a defect of AutoSync; its log says where.",
    503: "The service cannot answer now; try again in a moment.",
}

Handler = Callable[[HttpRequest], Any]


@sync_and_async_middleware
def middleware(get_response: Handler) -> Handler:
    """The outermost of Django's middlewares, so that it sees the answers of all others."""
    if iscoroutinefunction(get_response):
        ask = cast("Callable[[HttpRequest], Awaitable[HttpResponse]]", get_response)

        async def whole_async(request: HttpRequest) -> HttpResponse:
            if not _concerns(request):
                return await ask(request)
            method = request.method or ""
            return _finished(request, method, _refusal(request) or await ask(request))

        return whole_async

    def whole(request: HttpRequest) -> HttpResponse:
        if not _concerns(request):
            return cast(HttpResponse, get_response(request))
        method = request.method or ""
        return _finished(request, method, _refusal(request) or get_response(request))

    return whole


def problem(error: str, status: int) -> HttpResponse:
    """`{"error": …}`, one line."""
    return JsonResponse({"error": " ".join(error.split())}, status=status)


def _concerns(request: HttpRequest) -> bool:
    return request.path == _ROOT or request.path.startswith(f"{_ROOT}/")


def _refusal(request: HttpRequest) -> HttpResponse | None:
    """Make HEAD a GET; refuse a body that cannot be what was meant."""
    if request.method == "HEAD":
        request.method = "GET"
    if request.method in ("GET", "OPTIONS") or request.path.rstrip("/") == WEBHOOK.rstrip("/"):
        return None
    if int(request.META.get("CONTENT_LENGTH") or 0) > _LARGEST_BODY:
        return problem(_WORDS[413], 413)
    try:
        body = request.body
    except (RequestDataTooBig, RawPostDataException):
        return problem(_WORDS[413], 413)
    if len(body) > _LARGEST_BODY:
        return problem(_WORDS[413], 413)
    if not body:
        return None
    if request.content_type not in _TYPES:
        return problem(f"{request.content_type} is not accepted. {_WORDS[415]}", 415)
    if request.content_type == "application/json":
        try:
            json.loads(body)
        except (ValueError, RecursionError):
            return problem(
                "The body is not JSON. None is needed: put parameters into the query, such as "
                "`?force=true`.",
                400,
            )
    return None


def _finished(request: HttpRequest, method: str, response: HttpResponse) -> HttpResponse:
    if method == "OPTIONS" and response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        found = HttpResponse(status=204)
        found["Allow"] = _allowed(response)
        return found
    if response.status_code >= 400 and not _is_json(response):
        response = _as_json(request, method, response)
    if method == "HEAD" and not response.streaming:
        length = str(len(response.content))
        response.content = b""
        response["Content-Length"] = length
    return response


def _is_json(response: HttpResponse) -> bool:
    return response.get("Content-Type", "").startswith("application/json")


def _as_json(request: HttpRequest, method: str, response: HttpResponse) -> HttpResponse:
    status = response.status_code
    if status == 500 and settings.DEBUG:
        return response  # Django's page for developers
    words = _WORDS.get(status) or f"{HTTPStatus(status).phrase}."
    if status == 405:
        allowed = _allowed(response).removesuffix(", OPTIONS")
        words = f"{method} is not allowed here; {allowed} {'are' if ',' in allowed else 'is'}."
    if status == 400:
        try:
            request.get_host()
        except DisallowedHost:
            words = "This host name is not allowed; AUTOSYNC_ALLOWED_HOSTS lists those that are."
    answer = problem(words, status)
    for name, value in response.headers.items():
        if name.lower() not in ("content-type", "content-length"):
            answer[name] = value
    if status == 405:
        answer["Allow"] = _allowed(response)
    answer.cookies = response.cookies
    return answer


def _allowed(response: HttpResponse) -> str:
    """The methods of Allow, with those that are answered everywhere."""
    methods = [one.strip() for one in response.get("Allow", "").split(",") if one.strip()]
    if "GET" in methods:
        methods.append("HEAD")
    return ", ".join([*dict.fromkeys(one for one in methods if one != "OPTIONS"), "OPTIONS"])
