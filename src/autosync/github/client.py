"""GitHub as one installation sees it, and as the App itself sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from autosync.github.budget import Budget, Priority
from autosync.github.credentials import AppCredentials
from autosync.github.errors import (
    Forbidden,
    GraphQLError,
    GraphQLTooHeavy,
    InstallationSuspended,
    QuotaExhausted,
)
from autosync.github.tokens import InstallationToken, TokenCache, app_jwt
from autosync.github.transport import Reply, Transport
from autosync.github.validators import Validator, ValidatorStore

# One cache per process and App: threads of different clients share the installation's token.
_token_caches: dict[tuple[str, str], TokenCache] = {}
_TOO_HEAVY = frozenset({"RESOURCE_LIMITS_EXCEEDED", "MAX_NODE_LIMIT_EXCEEDED", "TIMEOUT"})


@dataclass(frozen=True, slots=True)
class GraphQLReply:
    """`data` as asked; `errors` are those that leave the rest usable (NOT_FOUND of one node)."""

    data: dict[str, Any]
    errors: list[dict[str, Any]] = field(default_factory=list)


class AppClient:
    """The App itself, signing with its JWT. Its quota is counted as installation 0."""

    def __init__(self, credentials: AppCredentials, budget: Budget) -> None:
        self.credentials = credentials
        self._url = credentials.api_url
        self._transport = Transport(
            self._url,
            0,
            budget,
            authorization=lambda: f"Bearer {app_jwt(credentials)}",
            refused=lambda _: None,
        )

    def app(self) -> dict[str, Any]:
        """`GET /app`: slug, permissions, events."""
        return self._json("GET", "/app")

    def installations(self) -> Iterator[dict[str, Any]]:
        """`GET /app/installations`, every page."""
        url: str | None = f"{self._url}/app/installations?per_page=100"
        while url:
            reply = self._transport.send("GET", url)
            yield from reply.json()
            url = reply.next_url

    def installation(self, installation_id: int) -> dict[str, Any]:
        """`GET /app/installations/{id}`; NotFound when it was deleted."""
        return self._json("GET", f"/app/installations/{installation_id}")

    def installation_token(self, installation_id: int) -> InstallationToken:
        """A new token (one hour). InstallationSuspended when GitHub refuses for that reason."""
        try:
            document = self._json("POST", f"/app/installations/{installation_id}/access_tokens")
        except Forbidden as error:
            raise InstallationSuspended(
                "GitHub gives no token", installation_id=installation_id, status=error.status
            ) from None
        expires_at = datetime.fromisoformat(document["expires_at"]).astimezone(UTC)
        return InstallationToken(document["token"], expires_at)

    def hook_config(self) -> dict[str, Any]:
        """`GET /app/hook/config`: url, content_type, insecure_ssl; the secret is masked."""
        return self._json("GET", "/app/hook/config")

    def set_hook_config(self, url: str, secret: str, content_type: str = "json") -> dict[str, Any]:
        """`PATCH /app/hook/config`."""
        config = {"url": url, "secret": secret, "content_type": content_type}
        return self._json("PATCH", "/app/hook/config", config)

    def deliveries(self, per_page: int = 100) -> Iterator[list[dict[str, Any]]]:
        """GitHub's own log of deliveries, newest first, page by page (about three days)."""
        url: str | None = f"{self._url}/app/hook/deliveries?per_page={per_page}"
        while url:
            reply = self._transport.send("GET", url)
            yield reply.json()
            url = reply.next_url

    def delivery(self, delivery_id: int) -> dict[str, Any]:
        """One delivery with its request (headers and payload) and response."""
        return self._json("GET", f"/app/hook/deliveries/{delivery_id}")

    def redeliver(self, delivery_id: int) -> None:
        """Ask GitHub to send a delivery again, under the same GUID."""
        self._transport.send("POST", f"{self._url}/app/hook/deliveries/{delivery_id}/attempts")

    def _json(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        document = self._transport.send(method, self._url + path, json=body).json()
        assert isinstance(document, dict)
        return document


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
        self._app = AppClient(credentials, budget)
        identity = (credentials.api_url, str(credentials.app_id or credentials.client_id))
        self._tokens = _token_caches.setdefault(identity, TokenCache())
        self._transport = Transport(
            credentials.api_url,
            installation_id,
            budget,
            authorization=lambda: f"Bearer {self.token()}",
            refused=lambda sent: self._tokens.refuse(installation_id, sent.removeprefix("Bearer ")),
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

    def get(
        self,
        path_or_url: str,
        params: Mapping[str, str | int] | None = None,
        *,
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
        *,
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

    def graphql(self, query: str, variables: Mapping[str, Any] | None = None) -> GraphQLReply:
        """Ask GraphQL. NOT_FOUND of single nodes is left in `errors`, their data is null.

        Raises GraphQLTooHeavy (halve the page), QuotaExhausted, GraphQLError (a rejected query).
        """
        for _ in range(2):
            reply = self._transport.send(
                "POST",
                self._credentials.graphql_url,
                resource="graphql",
                priority=self._priority,
                json={"query": query, "variables": dict(variables or {})},
            )
            document = reply.json()
            errors = document.get("errors") or []
            kinds = {str(e.get("type") or (e.get("extensions") or {}).get("code")) for e in errors}
            if "RATE_LIMITED" in kinds or "RATE_LIMIT" in kinds:
                self._rate_limited(reply)
                continue
            return self._checked(document, errors, kinds)
        raise QuotaExhausted(
            self.installation_id, "graphql", datetime.now(UTC), "GraphQL keeps refusing"
        )

    def _checked(
        self, document: dict[str, Any], errors: list[dict[str, Any]], kinds: set[str]
    ) -> GraphQLReply:
        messages = "; ".join(str(e.get("message")) for e in errors)[:500]
        where: dict[str, Any] = {
            "installation_id": self.installation_id,
            "url": self._credentials.graphql_url,
        }
        if kinds & _TOO_HEAVY or "timeout" in messages.lower():
            raise GraphQLTooHeavy(f"GraphQL gave up: {messages}", **where)
        data = document.get("data")
        if data is None or (errors and kinds != {"NOT_FOUND"}):
            raise GraphQLError(f"GraphQL rejected the query: {messages}", errors, **where)
        return GraphQLReply(data, errors)

    def _rate_limited(self, reply: Reply) -> None:
        """GraphQL says so with status 200; the headers say until when, and the budget waits."""
        reset = reply.headers.get("x-ratelimit-reset", "")
        if reply.headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
            return
        raise QuotaExhausted(
            self.installation_id,
            "graphql",
            datetime.fromtimestamp(int(reset), UTC) if reset.isdigit() else datetime.now(UTC),
            "GraphQL rate limit",
        )

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
            return Reply(304, reply.headers, b"", reply.url, next_url), lambda: None
        validator = Validator(
            reply.headers.get("etag"), reply.headers.get("last-modified"), reply.next_url
        )
        return reply, lambda: self._validators.put(self.installation_id, url, validator)

    def _address(self, path_or_url: str, params: Mapping[str, str | int] | None) -> str:
        url = (
            path_or_url
            if path_or_url.startswith(("http://", "https://"))
            else self._credentials.api_url + path_or_url
        )
        if not params:
            return url
        return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"
