"""githubkit's core as AutoSync uses it: the App's JWT and one pool of connections per App.

Imported at the first request, not with `autosync.github`: githubkit takes half a second.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import httpx
from githubkit.auth import AppAuthStrategy
from githubkit.auth.app import AppAuth
from githubkit.cache.mem_cache import MemCacheStrategy
from githubkit.core import GitHubCore
from githubkit.throttling import LocalThrottler

from autosync import __version__
from autosync.github import answers
from autosync.github.credentials import AppCredentials
from autosync.github.rates import Strikes

# GitHub allows 100 requests at once to an installation, over all processes (secondary limits).
CONNECTIONS = 100
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


class Connection(GitHubCore[AppAuthStrategy]):
    """One GitHub, as one App, for all threads of the process.

    githubkit keeps its client in a context variable, so every thread would open connections of
    its own and close them after one request; here all share one client. Its retries, HTTP cache
    and installation tokens stay unused: see docs/decisions/0003-github-transport.md.
    """

    def __init__(self, credentials: AppCredentials) -> None:
        super().__init__(
            AppAuthStrategy(
                app_id=credentials.app_id or None,
                private_key=credentials.private_key,
                client_id=credentials.client_id or None,
                client_secret=credentials.client_secret or None,
            ),
            base_url=credentials.api_url,
            user_agent=f"autosync/{__version__}",
            follow_redirects=False,
            timeout=_TIMEOUT,
            transport=httpx.HTTPTransport(
                limits=httpx.Limits(
                    max_connections=CONNECTIONS,
                    max_keepalive_connections=CONNECTIONS // 2,
                    keepalive_expiry=30.0,
                )
            ),
            # Its own, because githubkit's shared one knows a JWT by the App's id alone.
            cache_strategy=MemCacheStrategy(),
            http_cache=False,
            auto_retry=False,
            throttler=LocalThrottler(CONNECTIONS),
        )
        self.strikes = Strikes()
        self._client = self._create_sync_client()
        self._client.headers["X-GitHub-Api-Version"] = credentials.version
        self._client.headers["Accept-Encoding"] = answers.PACKING

    @contextmanager
    def get_sync_client(self) -> Generator[httpx.Client, None, None]:
        yield self._client

    def jwt(self) -> str:
        """The App's JWT (RS256, issued a minute in the past), kept 8 of its 9 minutes ahead."""
        flow = self.auth.get_auth_flow(self)
        assert isinstance(flow, AppAuth)
        return flow.get_jwt()

    def forget_jwt(self) -> None:
        """GitHub refused it: sign another one."""
        self.config.cache_strategy.get_cache_storage().set(
            f"githubkit:auth:app:{self.auth.app_id or self.auth.client_id}:jwt", "", timedelta()
        )

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> httpx.Response:
        """One request as it is, one answer read whole; raises httpx.RequestError, and TooLarge."""
        request = self._client.build_request(method, url, headers=headers, content=content)
        with self.config.throttler.acquire(request):
            response = self._client.send(request, auth=None, stream=True)
            try:
                return answers.read(response)
            finally:
                response.close()


_connections: dict[AppCredentials, Connection] = {}
_guard = threading.Lock()
# Two processes must not write into one socket.
os.register_at_fork(after_in_child=_connections.clear)


def connection(credentials: AppCredentials) -> Connection:
    """The process's one connection for these credentials."""
    with _guard:
        found = _connections.get(credentials)
        if found is None:
            found = _connections[credentials] = Connection(credentials)
        return found
