"""Who may call: a bearer token with the scope, or a signed-in user."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from autosync import config
from autosync.api import tokens

Scope = Literal["read", "sync"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who called, for the log and for routes that show more to those who may see it."""

    name: str


class Bearer(HttpBearer):
    """`Authorization: Bearer as_…` with the scope the route needs."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        super().__init__()

    def authenticate(self, request: HttpRequest, token: str) -> Caller:
        try:
            found = tokens.find(token.strip())
        except tokens.TokenExpired as error:
            raise HttpError(401, str(error)) from None
        if found is None:
            # Never fall back to the session: whoever sends a token means the token.
            raise HttpError(
                401,
                "Unknown or revoked token: create one with "
                f"`{config.command('token create NAME')}`.",
            )
        if self.scope not in found.scopes:
            raise HttpError(
                403,
                f"Token {found.name!r} lacks the scope {self.scope!r}: create one with "
                f"`{config.command(f'token create NAME --scope {self.scope}')}`.",
            )
        return Caller(f"token {found.name}")


class Session(APIKeyCookie):
    """A signed-in user of the dashboard; the scope sync needs a staff user.

    Changes need Django's CSRF token too, since a browser sends the cookie by itself.
    """

    param_name = "sessionid"

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        super().__init__(csrf=True)

    def __call__(self, request: HttpRequest) -> Caller | None:
        return self.authenticate(request, None)

    def authenticate(self, request: HttpRequest, key: str | None) -> Caller | None:
        user = request.user
        if not user.is_authenticated:
            return None
        if check_csrf(request) is not None:
            raise HttpError(
                403, "CSRF check failed: send the page's token as X-CSRFToken, or a bearer token."
            )
        if self.scope == "sync" and not user.is_staff:
            raise HttpError(
                403,
                f"{user.get_username()} is not a staff user; only staff users may start a sync.",
            )
        return Caller(f"user {user.get_username()}")


class DemoVisitor:
    """In a demo, which holds nothing real: whoever sits at this machine, without a token.

    Not what a page of another site has a browser send, and nothing that came through a proxy.
    """

    def __call__(self, request: HttpRequest) -> Caller | None:
        if not config.load().is_demo or not _from_this_machine(request):
            return None
        return Caller("visitor of the demo")


_LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]"}
_OF_PROXIES = (
    "HTTP_FORWARDED", "HTTP_X_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP", "HTTP_X_CLIENT_IP",
    "HTTP_X_ORIGINAL", "HTTP_TRUE_CLIENT_IP", "HTTP_CF_", "HTTP_X_ENVOY", "HTTP_NGROK",
)  # fmt: skip


def _from_this_machine(request: HttpRequest) -> bool:
    try:
        client = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    mapped = getattr(client, "ipv4_mapped", None)
    if not (mapped or client).is_loopback:
        return False
    if any(name.startswith(_OF_PROXIES) for name in request.META):
        return False
    # A foreign name that was made to point here (DNS rebinding) stays foreign.
    host = request.get_host()
    if host.rpartition(":")[0] not in _LOCAL_NAMES and host not in _LOCAL_NAMES:
        return False
    here = f"{request.scheme}://{host}"
    origin = request.headers.get("Origin")
    referer = request.headers.get("Referer")
    return (
        origin in (None, here)
        and (referer is None or referer == here or referer.startswith(f"{here}/"))
        and request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
    )


def may(scope: Scope) -> list[Bearer | Session | DemoVisitor]:
    """The `auth=` of a route that needs `scope`."""
    return [Bearer(scope), Session(scope), DemoVisitor()]


def caller(request: HttpRequest, scope: Scope) -> Caller | None:
    """Who calls a route that is open to all; None for a stranger. Raises as the routes do."""
    for way in may(scope):
        found = way(request)
        if isinstance(found, Caller):
            return found
    return None
