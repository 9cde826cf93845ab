"""GitHub as one installation sees it, and as the App itself sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from autosync.github.budget import Budget, Priority
from autosync.github.credentials import AppCredentials
from autosync.github.errors import (
    Forbidden,
    GitHubError,
    GraphQLError,
    GraphQLTooHeavy,
    InstallationSuspended,
    NotFound,
    Unavailable,
    UnexpectedReply,
)
from autosync.github.tokens import InstallationToken, token_cache
from autosync.github.transport import Reply, Transport
from autosync.github.validators import Validator, ValidatorStore

_TOO_HEAVY = frozenset({"RESOURCE_LIMITS_EXCEEDED", "MAX_NODE_LIMIT_EXCEEDED", "TIMEOUT"})
_LIMITED = frozenset({"RATE_LIMITED", "RATE_LIMIT"})
_FAILING = frozenset({"INTERNAL", "SERVICE_UNAVAILABLE"})


@dataclass(frozen=True, slots=True)
class GraphQLReply:
    """`data` as asked; `errors` are those that leave the rest usable (NOT_FOUND of one node)."""

    data: dict[str, Any]
    errors: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """One page of GitHub's delivery log, newest first; `next_cursor` is None on the last one."""

    items: list[dict[str, Any]]
    next_cursor: str | None


class AppClient:
    """The App itself, signing with its JWT. Its quota is counted as installation 0.

    Safe to share between threads. Documents are GitHub's own JSON, decoded.
    """

    def __init__(
        self, credentials: AppCredentials, budget: Budget, priority: Priority = Priority.LIVE
    ) -> None:
        self.credentials = credentials
        self._url = credentials.api_url
        self._priority = priority
        self._transport = Transport(
            credentials, 0, budget, authorization=self._authorization, refused=self._refused
        )

    def app(self) -> dict[str, Any]:
        """`GET /app`: slug, permissions, events."""
        return self._document("GET", "/app")

    def installations(self) -> Iterator[dict[str, Any]]:
        """`GET /app/installations`, every page; suspended ones are listed too."""
        url: str | None = f"{self._url}/app/installations?per_page=100"
        while url:
            reply = self._send("GET", url)
            yield from reply.json()
            url = reply.next_url

    def installation(self, installation_id: int) -> dict[str, Any]:
        """`GET /app/installations/{id}`; NotFound when it was deleted."""
        return self._document("GET", f"/app/installations/{installation_id}")

    def repository_installation(self, repository_id: int) -> int:
        """Which installation has the repository; NotFound if none has."""
        return int(self._document("GET", f"/repositories/{repository_id}/installation")["id"])

    def installation_token(self, installation_id: int) -> InstallationToken:
        """A new token (one hour), for everything the installation was granted.

        Raises InstallationSuspended when GitHub refuses (403), NotFound when it was deleted.
        """
        url = f"{self._url}/app/installations/{installation_id}/access_tokens"
        try:
            reply = self._send("POST", url)
        except (Forbidden, NotFound) as error:
            suspended = isinstance(error, Forbidden)
            kind: type[GitHubError] = InstallationSuspended if suspended else NotFound
            raise kind(
                error.what,
                installation_id=installation_id,
                url=url,
                status=error.status,
                request_id=error.request_id,
            ) from None
        return _token(reply)

    def hook_config(self) -> dict[str, Any]:
        """`GET /app/hook/config`: url, content_type, insecure_ssl; the secret is masked."""
        return self._document("GET", "/app/hook/config")

    def set_hook_config(self, url: str, secret: str, content_type: str = "json") -> dict[str, Any]:
        """`PATCH /app/hook/config`."""
        config = {"url": url, "secret": secret, "content_type": content_type}
        return self._document("PATCH", "/app/hook/config", config)

    def deliveries(
        self, *, since: datetime | None = None, cursor: str | None = None, per_page: int = 100
    ) -> Iterator[DeliveryPage]:
        """GitHub's own log of deliveries (about three days), newest first, page by page.

        Ends with the page that reaches back before `since` (that page is given whole). `cursor`
        goes on behind a page read earlier.
        """
        query = {"per_page": str(per_page)} | ({"cursor": cursor} if cursor else {})
        url: str | None = f"{self._url}/app/hook/deliveries?{urlencode(query)}"
        while url:
            reply = self._send("GET", url)
            items = reply.json()
            following = parse_qs(urlsplit(reply.next_url or "").query).get("cursor", [None])[0]
            yield DeliveryPage(items, following)
            if since is not None and items and _time(items[-1]["delivered_at"]) < since:
                return
            url = reply.next_url

    def delivery(self, delivery_id: int) -> dict[str, Any]:
        """One delivery with its request (headers and whole payload) and response."""
        return self._document("GET", f"/app/hook/deliveries/{delivery_id}")

    def redeliver(self, delivery_id: int) -> None:
        """Ask GitHub to send a delivery again, under the same GUID."""
        self._send("POST", f"{self._url}/app/hook/deliveries/{delivery_id}/attempts")

    def _document(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        document = self._send(method, self._url + path, body).json()
        if not isinstance(document, dict):
            raise UnexpectedReply("The answer is not an object", installation_id=0, url=path)
        return document

    def _send(self, method: str, url: str, body: Any = None) -> Reply:
        return self._transport.send(method, url, json=body, priority=self._priority)

    def _authorization(self) -> str:
        from autosync.github.connection import connection

        return f"Bearer {connection(self.credentials).jwt()}"

    def _refused(self, _: str) -> None:
        from autosync.github.connection import connection

        connection(self.credentials).forget_jwt()


class InstallationClient:
    """What one installation may read, within its budget. Safe to share between threads."""

    def __init__(
        self,
        credentials: AppCredentials,
        installation_id: int,
        budget: Budget,
        validators: ValidatorStore,
        priority: Priority = Priority.RECONCILE,
    ) -> None:
        self.installation_id = installation_id
        self._credentials = credentials
        self._budget = budget
        self._validators = validators
        self._priority = priority
        # A token is one request an hour and nothing moves without it: no reserve is above it.
        self._app = AppClient(credentials, budget, Priority.LIVE)
        self._tokens = token_cache(credentials)
        self._transport = Transport(
            credentials,
            installation_id,
            budget,
            authorization=lambda: f"Bearer {self.token()}",
            refused=lambda sent: self.refuse_token(sent.removeprefix("Bearer ")),
        )

    def with_priority(self, priority: Priority) -> InstallationClient:
        """The same installation, asking with another priority."""
        return InstallationClient(
            self._credentials, self.installation_id, self._budget, self._validators, priority
        )

    def token(self) -> str:
        """A token good for at least ten minutes, for git over HTTPS too."""
        return self._tokens.get(
            self.installation_id, lambda: self._app.installation_token(self.installation_id)
        )

    def refuse_token(self, token: str) -> None:
        """This token was not accepted: the next one asked for is a new one."""
        self._tokens.refuse(self.installation_id, token)

    def get(
        self,
        path_or_url: str,
        params: Mapping[str, str | int] | None = None,
        conditional: bool = False,
    ) -> Reply:
        """`GET`. With `conditional` a stored validator is sent: 304 costs nothing.

        The new validator is stored in any case; a caller that may be killed before it has taken
        in the content must not ask conditionally next time.
        """
        reply, remember = self._get(self._address(path_or_url, params), conditional)
        remember()
        return reply

    def pages(
        self,
        path_or_url: str,
        params: Mapping[str, str | int] | None = None,
        conditional: bool = False,
    ) -> Iterator[Reply]:
        """Every page along `Link`; over a 304 it goes on to the page that followed last time.

        A page's validator is stored when the next page is asked for, after the caller took it in.
        """
        url: str | None = self._address(path_or_url, params)
        while url:
            reply, remember = self._get(url, conditional)
            yield reply
            remember()
            url = reply.next_url

    def graphql(
        self, query: str, variables: Mapping[str, Any] | None = None, *, partial: bool = False
    ) -> GraphQLReply:
        """Ask GraphQL. NOT_FOUND of single nodes is left in `errors`, their data is null.

        With `partial` so is FORBIDDEN: the caller looks there before it believes a null.

        Raises GraphQLTooHeavy (halve the page), QuotaExhausted, GraphQLError (a rejected query).
        """
        limits = 0
        while True:
            reply = self._transport.send(
                "POST",
                self._credentials.graphql_url,
                resource="graphql",
                priority=self._priority,
                json={"query": query, "variables": dict(variables or {})},
            )
            document = self._decoded(reply)
            errors = [e for e in document.get("errors") or [] if isinstance(e, dict)]
            kinds = {_kind(error) for error in errors}
            if kinds & _LIMITED:
                # GraphQL says so with status 200. Read as the 403 it means.
                headers = {"x-ratelimit-remaining": "0", **reply.headers}
                self._transport.wait_if_limited(403, headers, reply.content, "graphql", limits)
                limits += 1
                continue
            return self._checked(document, errors, kinds, partial)

    def _decoded(self, reply: Reply) -> dict[str, Any]:
        document = reply.json()
        if not isinstance(document, dict):
            raise UnexpectedReply(
                "GraphQL answered with no object",
                installation_id=self.installation_id,
                url=reply.url,
            )
        return document

    def _checked(
        self,
        document: dict[str, Any],
        errors: list[dict[str, Any]],
        kinds: set[str],
        partial: bool,
    ) -> GraphQLReply:
        messages = "; ".join(str(e.get("message")) for e in errors)[:500]
        where: dict[str, Any] = {
            "installation_id": self.installation_id,
            "url": self._credentials.graphql_url,
        }
        # A time-out has no type, only words: "This may be the result of a timeout, or …".
        if kinds & _TOO_HEAVY or "timeout" in messages.lower():
            raise GraphQLTooHeavy(f"GraphQL gave up: {messages}", **where)
        if kinds & _FAILING:
            raise Unavailable(f"GraphQL failed: {messages}", **where)
        data = document.get("data")
        if data is None or kinds - ({"NOT_FOUND", "FORBIDDEN"} if partial else {"NOT_FOUND"}):
            # Any other error may hide behind a null that means nothing; null must mean gone.
            raise GraphQLError(
                f"GraphQL rejected the query: {messages or 'no data'}", errors, **where
            )
        return GraphQLReply(data, errors)

    def _get(self, url: str, conditional: bool) -> tuple[Reply, Any]:
        known = self._validators.get(self.installation_id, url) if conditional else None
        headers: dict[str, str] = {}
        if known is not None and known.etag:
            headers["If-None-Match"] = known.etag
        elif known is not None and known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        reply = self._transport.send("GET", url, headers=headers, priority=self._priority)
        if reply.not_modified:
            next_url = known.next_url if known is not None else None
            # Where the 304 repeats the Link header, that one is newer than our memory of it.
            return replace(reply, content=b"", next_url=reply.next_url or next_url), lambda: None
        validator = Validator(
            reply.headers.get("etag"), reply.headers.get("last-modified"), reply.next_url
        )
        return reply, lambda: self._validators.put(self.installation_id, url, validator)

    def _address(self, path_or_url: str, params: Mapping[str, str | int] | None) -> str:
        url = path_or_url
        if not url.startswith(("http://", "https://")):
            url = f"{self._credentials.api_url}/{url.lstrip('/')}"
        if not params:
            return url
        return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"


def _kind(error: dict[str, Any]) -> str:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return str(error.get("type") or code or "")


def _token(reply: Reply) -> InstallationToken:
    """The token with its lifetime by GitHub's own clock, where the answer tells that."""
    document = reply.json()
    expires_at = _time(document["expires_at"])
    try:
        now = parsedate_to_datetime(reply.headers["date"])
    except (KeyError, ValueError):
        now = datetime.now(UTC)
    lifetime = (expires_at - (now if now.tzinfo else now.replace(tzinfo=UTC))).total_seconds()
    return InstallationToken(
        document["token"],
        expires_at,
        min(max(lifetime, 0.0), timedelta(hours=1).total_seconds()),
        document.get("permissions") or {},
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
