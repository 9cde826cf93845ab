"""The App's JWT and one pool of connections per App.

Why not a library for GitHub: docs/decisions/0017-github-transport.md.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping

from autosync import __version__
from autosync.app_key import rsa_key
from autosync.errors import ConfigurationError
from autosync.github.answers import NoAnswer
from autosync.github.bodies import PACKING, read
from autosync.github.credentials import AppCredentials
from autosync.github.plain_httpx import NO_PROXY, certificates, httpx
from autosync.github.rates import Strikes

# GitHub allows 100 requests at once, over REST and GraphQL together
# (https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api).
CONNECTIONS = 100
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_LIMITS = httpx.Limits(
    max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS // 2, keepalive_expiry=30.0
)
# A minute in the past, for a clock that is ahead of GitHub's; GitHub takes no more than ten minutes
# (https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app).
_JWT_ISSUED_AGO = 60
_JWT_LASTS = 9 * 60
_JWT_KEPT = 8 * 60


class Connection:
    """One GitHub, as one App, for all threads of the process: they share one pool.

    `clock` counts seconds.
    """

    def __init__(
        self, credentials: AppCredentials, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.strikes = Strikes()
        self._credentials = credentials
        self._places = threading.Semaphore(CONNECTIONS)
        self._guard = threading.Lock()
        self._jwt = ""
        self._jwt_until = 0.0
        self._clock = clock
        self._client = _client(credentials)

    def jwt(self) -> str:
        """The App's JWT (RS256, issued a minute in the past), kept 8 of its 9 minutes ahead."""
        with self._guard:
            if not self._jwt or self._clock() >= self._jwt_until:
                self._jwt = _signed(self._credentials)
                self._jwt_until = self._clock() + _JWT_KEPT
            return self._jwt

    def forget_jwt(self) -> None:
        """GitHub refused it: sign another one."""
        with self._guard:
            self._jwt = ""

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> httpx.Response:
        """One request as it is, one answer read whole; raises NoAnswer and TooLarge.

        A redirect is an answer like others: who asked decides where a credential goes.
        """
        request = self._client.build_request(method, url, headers=headers, content=content)
        try:
            with self._places:
                response = self._client.send(request, auth=None, stream=True)
                try:
                    return read(response)
                finally:
                    response.close()
        except httpx.RequestError as error:
            broken = isinstance(error, httpx.DecodingError)
            raise NoAnswer(type(error).__name__, broken=broken) from None


def _client(credentials: AppCredentials) -> httpx.Client:
    """A client that follows nothing, with the proxies and certificates of the environment
    (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE, SSL_CERT_DIR).
    """
    headers = {
        "Accept": "application/vnd.github+json",
        "Accept-Encoding": PACKING,
        "Cache-Control": "no-cache",  # a proxy on the way has to ask GitHub
        "User-Agent": f"autosync/{__version__}",
        "X-GitHub-Api-Version": credentials.version,
    }
    try:
        return httpx.Client(
            headers=headers,
            timeout=_TIMEOUT,
            limits=_LIMITS,
            verify=certificates(),
            mounts=NO_PROXY,
            follow_redirects=False,
        )
    except (ImportError, ValueError, httpx.InvalidURL):
        # A SOCKS proxy needs a package of its own. What is raised may quote the proxy's password.
        raise ConfigurationError(
            "The proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names cannot be used. Example: "
            "http://proxy.example.org:3128. AutoSync knows http:// and https:// proxies."
        ) from None


def _signed(credentials: AppCredentials) -> str:
    # Deferred: PyJWT brings cryptography, and a worker is ready before it first asks GitHub.
    import jwt  # noqa: PLC0415 (start-up time)

    issued = int(time.time()) - _JWT_ISSUED_AGO
    claims = {
        # PyJWT refuses a number here.
        "iss": str(credentials.app_id or credentials.client_id),
        "iat": issued,
        "exp": issued + _JWT_ISSUED_AGO + _JWT_LASTS,
    }
    return jwt.encode(claims, rsa_key(credentials.private_key), algorithm="RS256")


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
