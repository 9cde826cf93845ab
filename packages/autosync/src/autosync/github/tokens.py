"""Installation tokens: fresh, one fetch at a time, in memory only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeGuard

from autosync.github.credentials import AppCredentials
from autosync.github.errors import QuotaExhausted, Unavailable
from autosync.killpoints import reached

# A token lives an hour and is replaced after 50 minutes of it, so that no long request outlives
# it; one that GitHub gives a shorter life is replaced after the same share of it.
EARLY_SHARE = 1 / 6
# While a replacement cannot be had, an old token is used up to here.
_LAST_SECONDS = 30.0
# A token just made is not known to all of GitHub yet, and may be refused for some seconds
# (octokit/auth-app.js#65, which waits five).
FRESH = 20.0
# Its permissions may come later too (octokit/auth-app.js#589). Shorter, for mostly a 403 means what
# it says: a permission that was not granted.
FRESH_PERMISSIONS = 8.0


@dataclass(frozen=True, slots=True)
class InstallationToken:
    """`value` is opaque: 40 characters or a long stateless form (since 2026-04-27).

    `lifetime` is in seconds from now by GitHub's clock, so that ours may be wrong.
    """

    value: str = field(repr=False)
    expires_at: datetime
    lifetime: float = 3600.0
    permissions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Kept:
    value: str = field(repr=False)
    made_at: float  # on the cache's clock, like those below
    ages_at: float
    dies_at: float


class TokenCache:
    """One token per installation; threads that need a new one wait for a single fetch.

    A thread that finds an ageing but valid token while another one replaces it goes on with it.
    `clock` counts seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[int, _Kept] = {}
        self._accepted: dict[int, str] = {}
        self._locks: dict[int, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, installation_id: int, fetch: Callable[[], InstallationToken]) -> str:
        """The token's value; calls `fetch` when there is none or it has ten minutes left."""
        kept = self._kept.get(installation_id)
        if self._is_young(kept):
            return kept.value
        with self._guard:
            lock = self._locks.setdefault(installation_id, threading.Lock())
        usable = self._is_usable(kept)
        if not lock.acquire(blocking=not usable):
            assert kept is not None
            return kept.value
        try:
            kept = self._kept.get(installation_id)
            if self._is_young(kept):
                return kept.value
            started = self._clock()
            try:
                token = fetch()
            except (Unavailable, QuotaExhausted):
                if self._is_usable(kept):
                    return kept.value
                raise
            reached("token: made, not used")
            self._kept[installation_id] = _Kept(
                token.value,
                self._clock(),
                started + token.lifetime * (1 - EARLY_SHARE),
                started + token.lifetime,
            )
            return token.value
        finally:
            lock.release()

    def refuse(self, installation_id: int, value: str) -> None:
        """GitHub answered 401 to `value`: forget it, unless somebody already replaced it."""
        with self._guard:
            kept = self._kept.get(installation_id)
            if kept is not None and kept.value == value:
                del self._kept[installation_id]

    def accept(self, installation_id: int, value: str) -> None:
        """GitHub took `value`: a later 401 means that it is no longer good."""
        self._accepted[installation_id] = value

    def may_be_too_fresh(self, installation_id: int, status: int, value: str = "") -> bool:
        """Whether a refusal (401, 403) may only mean that GitHub does not know `value` everywhere
        yet: the same one is then tried again. Without `value`, of the token in use.
        """
        kept = self._kept.get(installation_id)
        if kept is None or (value and value != kept.value):
            return False
        if status == 401 and self._accepted.get(installation_id) == kept.value:
            return False
        return self._clock() < kept.made_at + (FRESH if status == 401 else FRESH_PERMISSIONS)

    def _is_young(self, kept: _Kept | None) -> TypeGuard[_Kept]:
        return kept is not None and self._clock() < kept.ages_at

    def _is_usable(self, kept: _Kept | None) -> TypeGuard[_Kept]:
        return kept is not None and self._clock() < kept.dies_at - _LAST_SECONDS


_caches: dict[AppCredentials, TokenCache] = {}


def token_cache(credentials: AppCredentials) -> TokenCache:
    """One cache per process and App: all its clients and threads share the tokens."""
    return _caches.setdefault(credentials, TokenCache())
