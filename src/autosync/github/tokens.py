"""App JWTs and installation tokens: fresh, one fetch at a time, in memory only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import jwt

from autosync.github.credentials import AppCredentials

# A token lives an hour; it is replaced at 50 minutes, so that no long request outlives it.
EARLY = timedelta(minutes=10)
_JWT_LIFE = timedelta(minutes=9)
_DRIFT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class InstallationToken:
    """`value` is opaque: 40 characters or a long stateless form."""

    value: str = field(repr=False)
    expires_at: datetime

    def is_fresh(self, now: datetime) -> bool:
        return now < self.expires_at - EARLY


def app_jwt(credentials: AppCredentials) -> str:
    """A JWT as GitHub wants it: RS256, issued 60 s ago against drift, at most 10 minutes ahead."""
    now = datetime.now(UTC)
    claims = {
        "iat": int((now - _DRIFT).timestamp()),
        "exp": int((now + _JWT_LIFE).timestamp()),
        "iss": str(credentials.app_id or credentials.client_id),
    }
    return jwt.encode(claims, credentials.private_key, algorithm="RS256")


class TokenCache:
    """One token per installation; threads that need a new one wait for a single fetch."""

    def __init__(self) -> None:
        self._tokens: dict[int, InstallationToken] = {}
        self._locks: dict[int, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, installation_id: int, fetch: Callable[[], InstallationToken]) -> str:
        """The token's value; calls `fetch` when there is none or it is old."""
        token = self._tokens.get(installation_id)
        if token is not None and token.is_fresh(datetime.now(UTC)):
            return token.value
        with self._guard:
            lock = self._locks.setdefault(installation_id, threading.Lock())
        with lock:
            token = self._tokens.get(installation_id)
            if token is None or not token.is_fresh(datetime.now(UTC)):
                token = fetch()
                self._tokens[installation_id] = token
            return token.value

    def refuse(self, installation_id: int, value: str) -> None:
        """GitHub answered 401 to `value`: forget it, unless somebody already replaced it."""
        with self._guard:
            token = self._tokens.get(installation_id)
            if token is not None and token.value == value:
                del self._tokens[installation_id]
