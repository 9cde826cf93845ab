"""Who may call: a bearer token with the scope, or a signed-in user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

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
                401, "Unknown or revoked token: make one with `autosync token create NAME`."
            )
        if self.scope not in found.scopes:
            raise HttpError(
                403,
                f"Token {found.name!r} lacks the scope {self.scope!r}: make one with "
                f"`autosync token create NAME --scope {self.scope}`.",
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
                403, f"{user.get_username()} is not a staff user, which starting a sync needs."
            )
        return Caller(f"user {user.get_username()}")


def may(scope: Scope) -> list[Bearer | Session]:
    """The `auth=` of a route that needs `scope`."""
    return [Bearer(scope), Session(scope)]


def caller(request: HttpRequest, scope: Scope) -> Caller | None:
    """Who calls a route that is open to all; None for a stranger. Raises as the routes do."""
    for way in may(scope):
        found = way(request)
        if isinstance(found, Caller):
            return found
    return None
