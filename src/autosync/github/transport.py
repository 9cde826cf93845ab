"""One HTTP exchange with GitHub: retried, redirected, paced and turned into our errors."""

from __future__ import annotations

import email.utils
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

from autosync import __version__
from autosync.github.budget import Budget, Priority
from autosync.github.errors import (
    Conflict,
    Forbidden,
    ForeignURL,
    Gone,
    GraphQLTooHeavy,
    NotFound,
    Resource,
    Unauthorized,
    Unavailable,
    UnexpectedReply,
)

API_VERSION = "2022-11-28"
TRIES = 4
_REDIRECTS = {301, 302, 307, 308}
_SECONDARY_WAIT = timedelta(seconds=60)
_clients: dict[str, httpx.Client] = {}
_clients_guard = threading.Lock()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `url` is where it came from in the end; `next_url` is Link's rel=next."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str
    next_url: str | None = None

    @property
    def not_modified(self) -> bool:
        return self.status == 304

    def json(self) -> Any:
        return msgspec.json.decode(self.content)


def _client(api_url: str) -> httpx.Client:
    """A pool of kept connections per GitHub, shared by all threads of the process."""
    with _clients_guard:
        if api_url not in _clients:
            _clients[api_url] = httpx.Client(
                timeout=httpx.Timeout(30.0, connect=10.0),
                limits=httpx.Limits(max_connections=100, max_keepalive_connections=40),
                headers={
                    "User-Agent": f"autosync/{__version__}",
                    "Accept": "application/vnd.github+json",
                    "X-GitHub-Api-Version": API_VERSION,
                },
                follow_redirects=False,
            )
        return _clients[api_url]


class Transport:
    """Sends requests of one identity (an installation, or the App as 0) within its budget."""

    def __init__(
        self,
        api_url: str,
        identity: int,
        budget: Budget,
        authorization: Callable[[], str],
        refused: Callable[[str], None],
    ) -> None:
        self._api_url = api_url
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
        refreshed = False
        limited = failures = hops = 0
        while True:
            self._same_host(url)
            authorization = self._authorization()
            try:
                with self._budget.acquire(self._identity, resource, priority):
                    response = _client(self._api_url).request(
                        method,
                        url,
                        headers={**(headers or {}), "Authorization": authorization},
                        content=None if json is None else msgspec.json.encode(json),
                    )
                    self._record(response, resource)
            except httpx.TransportError as error:
                failures += 1
                if failures >= TRIES:
                    raise Unavailable(
                        f"No answer from GitHub ({type(error).__name__})",
                        installation_id=self._identity,
                        url=url,
                    ) from None
                _back_off(failures)
                continue
            status = response.status_code
            if status == 304 or 200 <= status < 300:
                return _reply(response, url)
            if status in _REDIRECTS and hops < 5 and "location" in response.headers:
                url = urljoin(url, response.headers["location"])
                hops += 1
                continue
            if status == 401 and not refreshed:
                refreshed = True
                self._refused(authorization)
                continue
            if status in (403, 429) and self._limited(response, limited):
                limited += 1
                continue
            if status >= 500:
                if resource == "graphql" and status in (502, 504):
                    self._fail(GraphQLTooHeavy, "GraphQL gave up on the query", response, url)
                failures += 1
                if failures >= TRIES:
                    self._fail(Unavailable, "GitHub keeps failing", response, url)
                _back_off(failures)
                continue
            self._refuse(response, url)

    def _same_host(self, url: str) -> None:
        """A token goes to the API's own host only, whatever a Link or a redirect says."""
        ours, theirs = urlsplit(self._api_url), urlsplit(url)
        if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
            raise ForeignURL(
                "GitHub pointed to another host", installation_id=self._identity, url=url
            )

    def _record(self, response: httpx.Response, resource: Resource) -> None:
        named = response.headers.get("x-ratelimit-resource", resource)
        if named not in ("core", "graphql"):
            return
        reset = _number(response, "x-ratelimit-reset")
        self._budget.record(
            self._identity,
            "graphql" if named == "graphql" else "core",
            _number(response, "x-ratelimit-limit"),
            _number(response, "x-ratelimit-remaining"),
            _number(response, "x-ratelimit-used"),
            datetime.fromtimestamp(reset, UTC) if reset is not None else None,
            datetime.now(UTC),
        )

    def _limited(self, response: httpx.Response, times: int) -> bool:
        """Whether this 403/429 is a limit. If so the budget knows how long to wait.

        Order of GitHub's advice: `retry-after`, then the reset if nothing remains, then a minute,
        doubling.
        """
        now = datetime.now(UTC)
        retry_after = response.headers.get("retry-after")
        if retry_after is not None:
            self._budget.block(self._identity, _after(retry_after, now), "GitHub said retry-after")
            return True
        if response.headers.get("x-ratelimit-remaining") == "0":
            return True  # recorded already: the next acquire waits for the reset
        message = response.text[:2000].lower()
        if response.status_code == 429 or "rate limit" in message or "abuse" in message:
            until = now + _SECONDARY_WAIT * 2**times
            self._budget.block(self._identity, until, "secondary rate limit")
            return True
        return False

    def _refuse(self, response: httpx.Response, url: str) -> NoReturn:
        status = response.status_code
        message = _message(response)
        if status == 401:
            self._fail(Unauthorized, f"GitHub refused the credentials: {message}", response, url)
        if status in (403, 451):
            self._fail(Forbidden, f"GitHub forbids it: {message}", response, url)
        if status == 404:
            self._fail(NotFound, "Not found", response, url)
        if status == 409:
            self._fail(Conflict, f"Conflict: {message}", response, url)
        if status == 410:
            self._fail(Gone, f"Gone: {message}", response, url)
        self._fail(UnexpectedReply, f"GitHub rejected it: {message}", response, url)

    def _fail(self, kind: Any, what: str, response: httpx.Response, url: str) -> NoReturn:
        raise kind(
            what,
            installation_id=self._identity,
            url=url,
            status=response.status_code,
            request_id=response.headers.get("x-github-request-id", ""),
        )


def _reply(response: httpx.Response, url: str) -> Reply:
    link = response.links.get("next", {}).get("url")
    return Reply(response.status_code, response.headers, response.content, url, link)


def _message(response: httpx.Response) -> str:
    try:
        return str(msgspec.json.decode(response.content)["message"])[:300]
    except (msgspec.DecodeError, KeyError, TypeError):
        return response.reason_phrase


def _number(response: httpx.Response, name: str) -> int | None:
    value = response.headers.get(name, "")
    return int(value) if value.isdigit() else None


def _after(value: str, now: datetime) -> datetime:
    """`retry-after` as seconds or as an HTTP date."""
    if value.isdigit():
        return now + timedelta(seconds=int(value))
    try:
        return email.utils.parsedate_to_datetime(value)
    except ValueError:
        return now + _SECONDARY_WAIT


def _back_off(failures: int) -> None:
    # Full jitter around 0.5, 1, 2 s: many workers must not come back in step.
    time.sleep(0.5 * 2 ** (failures - 1) * random.uniform(0.5, 1.5))
