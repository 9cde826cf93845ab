"""One request to GitHub: retried, redirected, paced, and its refusal turned into our errors."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qs, urljoin, urlsplit

import msgspec

from autosync.github import answers, dialect
from autosync.github.addresses import origin
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
    Unreadable,
    UnsupportedVersion,
)
from autosync.github.rates import read_limit, read_rate, retry_after_seconds

if TYPE_CHECKING:
    import httpx

    from autosync.github.connection import Connection

TRIES = 4
# Pauses until a token just made is tried again, up to the last and then that.
FRESH_PAUSES = (0.5, 1.0, 2.0, 3.0)
NO_PERMISSION = "Resource not accessible by integration"
# What these answer with is a document; a 202 or 204 need not.
_WITH_DOCUMENT = frozenset({200, 201})
_LIMITS_IN_A_ROW = 3
_HOPS = 5
_REDIRECTS = frozenset({301, 302, 307, 308})
_LONGEST_BACK_OFF = 30.0
# "'2019-01-01' is not a supported version"; of the 410 past a version's end no words are known.
_VERSION = re.compile(r"version.*\b(un)?support|\b(un)?support.*version", re.I)
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
    """An answer. `url` is where it came from in the end; `next_url` is Link's rel=next; `pages` the
    number of the page that rel=last names, which not every list has.

    `headers` are looked up without regard to case.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str
    next_url: str | None = None
    document: Any = None
    pages: int | None = None

    def json(self) -> Any:
        """The content decoded."""
        return self.document

    def items(self) -> list[Any]:
        """The content where it is a list; Unreadable where GitHub sent something else."""
        if not isinstance(self.document, list):
            self._fail("a list")
        return list(self.document)

    def fields(self) -> dict[str, Any]:
        """The content where it is an object; Unreadable where GitHub sent something else."""
        if not isinstance(self.document, dict):
            self._fail("an object")
        return dict(self.document)

    def listed(self, name: str) -> list[Any]:
        """The list under `name` of an object; Unreadable where GitHub sent something else."""
        found = self.fields().get(name)
        if not isinstance(found, list):
            self._fail(f"a list of {name}")
        return list(found)

    def _fail(self, expected: str) -> NoReturn:
        raise Unreadable(
            f"GitHub answered {self.status} with {answers.kind(self.document)} "
            f"instead of {expected}",
            url=self.url,
            status=self.status,
            request_id=self.headers.get("x-github-request-id", ""),
        )


class Transport:
    """Sends requests of one identity (an installation, or the App as 0) within its budget.

    `authorization` gives the header's value; `refused` hears of one that GitHub answered with
    401, `accepted` of one that it took. `fresh` says whether GitHub may refuse one (with that
    status) only because it was just made. Safe to share between threads.
    """

    def __init__(
        self,
        credentials: AppCredentials,
        identity: int,
        budget: Budget,
        authorization: Callable[[], str],
        refused: Callable[[str], None],
        accepted: Callable[[str], None] = lambda _: None,
        fresh: Callable[[str, int], bool] = lambda *_: False,
    ) -> None:
        self._credentials = credentials
        self._identity = identity
        self._budget = budget
        self._authorization = authorization
        self._refused = refused
        self._accepted = accepted
        self._fresh = fresh

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
        """One request; up to four tries on 5xx, network errors and 200 with what is not JSON, with
        backoff and jitter; a token just made is tried until GitHub should know it.

        Raises the errors of `autosync.github.errors`. A GraphQL answer of 502 or 504, or one that
        is too large or not JSON, is raised at once as GraphQLTooHeavy: each costs extra points, so
        the caller halves its page.
        """
        content = None if json is None else msgspec.json.encode(json)
        given = {**(headers or {}), **({} if json is None else _JSON)}
        failures = limits = hops = waits = 0
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
            except answers.TooLarge:
                self._account(resource, None)
                self._too_large(resource, url)
            except answers.NoAnswer as error:
                failures += 1
                if failures >= TRIES:
                    self._lost(error, url)
                _back_off(failures)
                continue
            status = response.status_code
            if 200 <= status < 300:
                self._connection().strikes.forgive(self._identity, datetime.now(UTC))
                self._accepted(authorization)
                try:
                    reply = _reply(response, url)
                except answers.NotJSON as error:
                    self._account(resource, None)
                    what = f"GitHub answered {status} with {error} instead of JSON"
                else:
                    self._account(resource, reply.document)
                    return reply
                if resource == "graphql":
                    self._fail(GraphQLTooHeavy, what, response, url)
                failures += 1
                if failures >= TRIES:
                    self._fail(Unreadable, what, response, url)
                _back_off(failures)
                continue
            self._account(resource, None)
            if status in _REDIRECTS and hops < _HOPS and "location" in response.headers:
                url = urljoin(url, response.headers["location"])
                hops += 1
            elif status == 401 and self._fresh(authorization, 401):
                time.sleep(fresh_pause(waits))
                waits += 1
            elif status == 401 and not refreshed:
                refreshed = True
                self._refused(authorization)
            elif status in (403, 429) and self.wait_if_limited(
                status, response.headers, response.content, resource, limits
            ):
                limits += 1
            elif (
                status == 403
                and NO_PERMISSION in _message(response)
                and self._fresh(authorization, 403)
            ):
                time.sleep(fresh_pause(waits))
                waits += 1
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
        return connection_of(self._credentials)

    def _check_host(self, url: str) -> None:
        """A token goes to the API's own host only, whatever a Link or a redirect says."""
        if origin(url) is None or origin(url) != origin(self._credentials.api_url):
            raise ForeignURL(
                "GitHub pointed to another host", installation_id=self._identity, url=url[:500]
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

    def _account(self, resource: Resource, document: Any) -> None:
        """What a request cost: a point of REST; of GraphQL what its answer says, if it says so."""
        points = 1 if resource == "core" else dialect.cost(document)
        self._budget.account(self._identity, resource, points)

    def _refuse(self, response: httpx.Response, url: str) -> NoReturn:
        kind, what = _REFUSALS.get(
            response.status_code, (UnexpectedReply, "GitHub rejected the request")
        )
        message = _message(response)
        if kind is Forbidden and "suspended" in message.lower():
            kind = InstallationSuspended
        if response.status_code in (400, 410) and _VERSION.search(message):
            kind, what = UnsupportedVersion, "GitHub refuses this version of its REST API"
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

    def _too_large(self, resource: Resource, url: str) -> NoReturn:
        raise (GraphQLTooHeavy if resource == "graphql" else Unreadable)(
            f"GitHub's answer is larger than the {answers.MOST_BYTES >> 20} MB that AutoSync reads",
            installation_id=self._identity,
            url=url,
        )

    def _lost(self, error: answers.NoAnswer, url: str) -> NoReturn:
        raise Unavailable(
            f"No {'whole ' if error.broken else ''}answer from GitHub ({error})",
            installation_id=self._identity,
            url=url,
        ) from None


_JSON = {"Content-Type": "application/json"}


def connection_of(credentials: AppCredentials) -> Connection:
    """The process's one connection for these credentials."""
    from autosync.github.connection import connection  # noqa: PLC0415 (start-up time)

    return connection(credentials)


def fresh_pause(waits: int) -> float:
    """How long to wait before a token just made is tried again, after as many waits."""
    return FRESH_PAUSES[min(waits, len(FRESH_PAUSES) - 1)]


def _reply(response: httpx.Response, url: str) -> Reply:
    link = response.links.get("next", {}).get("url")
    next_url = urljoin(url, link) if link else None
    status, content = response.status_code, response.content
    document = None
    if status in _WITH_DOCUMENT:
        document = answers.document(content)
    last = urlsplit(response.links.get("last", {}).get("url", "")).query
    number = parse_qs(last).get("page", [""])[0]
    pages = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else None
    return Reply(status, response.headers, content, url, next_url, document, pages)


def _message(response: httpx.Response) -> str:
    try:
        document = answers.document(response.content)
    except answers.NotJSON:
        return response.reason_phrase
    message = document.get("message") if isinstance(document, dict) else None
    return str(message)[:300] if message else response.reason_phrase


def _back_off(failures: int, at_least: float = 0.0) -> None:
    # Jitter around 0.5, 1, 2 s: many workers must not come back in step.
    pause = 0.5 * 2 ** (failures - 1) * random.uniform(0.5, 1.5)
    time.sleep(min(max(pause, at_least), _LONGEST_BACK_OFF))
