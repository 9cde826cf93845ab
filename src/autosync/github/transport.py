"""One request to GitHub: retried, redirected, paced, and its refusal turned into our errors."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

from autosync.github.budget import Budget, Priority
from autosync.github.credentials import AppCredentials
from autosync.github.errors import (
    Conflict,
    Forbidden,
    ForeignURL,
    GitHubError,
    Gone,
    GraphQLTooHeavy,
    InstallationSuspended,
    NotFound,
    QuotaExhausted,
    Resource,
    Unauthorized,
    Unavailable,
    UnexpectedReply,
)
from autosync.github.rates import read_limit, read_rate, retry_after_seconds

if TYPE_CHECKING:
    from autosync.github.connection import Connection

TRIES = 4
_LIMITS_IN_A_ROW = 3
_HOPS = 5
_REDIRECTS = frozenset({301, 302, 307, 308})
_LONGEST_BACK_OFF = 30.0
_REFUSALS: dict[int, tuple[type[GitHubError], str]] = {
    401: (Unauthorized, "GitHub refused the credentials"),
    403: (Forbidden, "GitHub forbids it"),
    404: (NotFound, "GitHub shows nothing there"),
    409: (Conflict, "GitHub cannot do that now"),
    410: (Gone, "It is gone at GitHub"),
    451: (Forbidden, "GitHub withholds it for legal reasons"),
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `url` is where it came from in the end; `next_url` is Link's rel=next.

    `headers` are looked up without regard to case.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str
    next_url: str | None = None

    def json(self) -> Any:
        """The content decoded; UnexpectedReply where it is not JSON."""
        try:
            return msgspec.json.decode(self.content)
        except msgspec.DecodeError:
            raise UnexpectedReply(
                "The answer is not JSON", url=self.url, status=self.status
            ) from None


class Transport:
    """Sends requests of one identity (an installation, or the App as 0) within its budget.

    `authorization` gives the header's value; `refused` hears of one that GitHub answered with
    401. Safe to share between threads.
    """

    def __init__(
        self,
        credentials: AppCredentials,
        identity: int,
        budget: Budget,
        authorization: Callable[[], str],
        refused: Callable[[str], None],
    ) -> None:
        self._credentials = credentials
        self._identity = identity
        self._budget = budget
        self._authorization = authorization
        self._refused = refused

    def send(
        self,
        method: str,
        url: str,
        *,
        resource: Resource = "core",
        priority: Priority = Priority.LIVE,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Reply:
        """One request; up to four tries on 5xx and network errors, with backoff and jitter.

        Raises the errors of `autosync.github.errors`. A GraphQL answer of 502 or 504 is raised at
        once as GraphQLTooHeavy: each costs extra points, so the caller halves its page.
        """
        content = None if json is None else msgspec.json.encode(json)
        given = {**(headers or {}), **({} if json is None else _JSON)}
        failures = limits = hops = 0
        refreshed = False
        while True:
            self._check_host(url)
            authorization = self._authorization()
            try:
                with self._budget.acquire(self._identity, resource, priority):
                    response = self._connection().exchange(
                        method, url, {**given, "Authorization": authorization}, content
                    )
                    self._record(response, resource)
            except httpx.RequestError as error:
                failures += 1
                if failures >= TRIES:
                    self._lost(error, url)
                _back_off(failures)
                continue
            status = response.status_code
            if 200 <= status < 300:
                self._connection().strikes.forgive(self._identity, datetime.now(UTC))
                return _reply(response, url)
            if status in _REDIRECTS and hops < _HOPS and "location" in response.headers:
                url = urljoin(url, response.headers["location"])
                hops += 1
            elif status == 401 and not refreshed:
                refreshed = True
                self._refused(authorization)
            elif status in (403, 429) and self.wait_if_limited(
                status, response.headers, response.content, resource, limits
            ):
                limits += 1
            elif status >= 500:
                if resource == "graphql" and status in (502, 504):
                    self._fail(GraphQLTooHeavy, "GraphQL gave up on the query", response, url)
                failures += 1
                if failures >= TRIES:
                    self._fail(Unavailable, "GitHub keeps failing", response, url)
                _back_off(failures, retry_after_seconds(response.headers, datetime.now(UTC)))
            else:
                self._refuse(response, url)

    def wait_if_limited(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        resource: Resource,
        limits: int,
    ) -> bool:
        """Whether this answer is a limit. If so the budget knows, and the next acquire waits.

        `limits` is how many this call has met; one too many raises QuotaExhausted, so that no
        budget, however lenient, lets a request spin.
        """
        now = datetime.now(UTC)
        strikes = self._connection().strikes
        limit = read_limit(status, headers, body, now, strikes.before(self._identity, now))
        if limit is None:
            return False
        if limit.primary and "x-ratelimit-limit" in headers:
            rate = read_rate(headers, resource, now)
            if rate is not None:
                self._budget.record(
                    self._identity, rate.resource, rate.limit, 0, rate.used, limit.until, now
                )
        elif limit.primary:
            raise QuotaExhausted(self._identity, resource, limit.until, limit.reason)
        else:
            strikes.add(self._identity, limit.until, now)
            self._budget.block(self._identity, limit.until, limit.reason)
        if limits + 1 >= _LIMITS_IN_A_ROW:
            until = max(limit.until, now + timedelta(minutes=1))
            raise QuotaExhausted(self._identity, resource, until, limit.reason)
        return True

    def _connection(self) -> Connection:
        from autosync.github.connection import connection

        return connection(self._credentials)

    def _check_host(self, url: str) -> None:
        """A token goes to the API's own host only, whatever a Link or a redirect says."""
        ours, theirs = urlsplit(self._credentials.api_url), urlsplit(url)
        if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
            raise ForeignURL(
                "GitHub pointed to another host", installation_id=self._identity, url=url
            )

    def _record(self, response: httpx.Response, resource: Resource) -> None:
        now = datetime.now(UTC)
        rate = read_rate(response.headers, resource, now)
        if rate is None or (rate.limit is None and response.status_code >= 400):
            # A failing proxy's page without rate headers does not mean that limits are off.
            return
        self._budget.record(
            self._identity,
            rate.resource,
            rate.limit,
            rate.remaining,
            rate.used,
            rate.reset_at,
            now,
        )

    def _refuse(self, response: httpx.Response, url: str) -> NoReturn:
        kind, what = _REFUSALS.get(
            response.status_code, (UnexpectedReply, "GitHub rejected the request")
        )
        message = _message(response)
        if kind is Forbidden and "suspended" in message.lower():
            kind = InstallationSuspended
        self._fail(kind, f"{what}: {message}" if message else what, response, url)

    def _fail(
        self, kind: type[GitHubError], what: str, response: httpx.Response, url: str
    ) -> NoReturn:
        raise kind(
            what,
            installation_id=self._identity,
            url=url,
            status=response.status_code,
            request_id=response.headers.get("x-github-request-id", ""),
        )

    def _lost(self, error: httpx.RequestError, url: str) -> NoReturn:
        raise Unavailable(
            f"No answer from GitHub ({type(error).__name__})",
            installation_id=self._identity,
            url=url,
        ) from None


_JSON = {"Content-Type": "application/json"}


def _reply(response: httpx.Response, url: str) -> Reply:
    link = response.links.get("next", {}).get("url")
    next_url = urljoin(url, link) if link else None
    return Reply(response.status_code, response.headers, response.content, url, next_url)


def _message(response: httpx.Response) -> str:
    try:
        document = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return response.reason_phrase
    message = document.get("message") if isinstance(document, dict) else None
    return str(message)[:300] if message else response.reason_phrase


def _back_off(failures: int, at_least: float = 0.0) -> None:
    # Jitter around 0.5, 1, 2 s: many workers must not come back in step.
    pause = 0.5 * 2 ** (failures - 1) * random.uniform(0.5, 1.5)
    time.sleep(min(max(pause, at_least), _LONGEST_BACK_OFF))
