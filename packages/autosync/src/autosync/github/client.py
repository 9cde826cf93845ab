"""GitHub as one installation sees it, and as the App itself sees it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from autosync import moments
from autosync.github import dialect
from autosync.github.budget import Budget, Priority
from autosync.github.credentials import AppCredentials
from autosync.github.errors import (
    Forbidden,
    GitHubError,
    GraphQLError,
    GraphQLTooHeavy,
    InstallationSuspended,
    NotFound,
    Unreadable,
)
from autosync.github.hiccups import Error, is_hiccup
from autosync.github.price import MOST_NODES, price
from autosync.github.tokens import InstallationToken, token_cache
from autosync.github.transport import NO_PERMISSION, Reply, Transport, connection_of, fresh_pause

logger = logging.getLogger(__name__)

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
            yield from reply.items()
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
            items = [item for item in reply.items() if _is_delivery(item)]
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
        return self._send(method, self._url + path, body).fields()

    def _send(self, method: str, url: str, body: Any = None) -> Reply:
        return self._transport.send(method, url, json=body, priority=self._priority)

    def _authorization(self) -> str:
        return f"Bearer {connection_of(self.credentials).jwt()}"

    def _refused(self, _: str) -> None:
        connection_of(self.credentials).forget_jwt()


class InstallationClient:
    """What one installation may read, within its budget. Safe to share between threads."""

    def __init__(
        self,
        credentials: AppCredentials,
        installation_id: int,
        budget: Budget,
        priority: Priority = Priority.RECONCILE,
    ) -> None:
        self.installation_id = installation_id
        self._credentials = credentials
        self._budget = budget
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
            accepted=lambda sent: self._tokens.accept(
                installation_id, sent.removeprefix("Bearer ")
            ),
            fresh=lambda sent, status: self.may_be_too_fresh(sent.removeprefix("Bearer "), status),
        )

    @property
    def api_url(self) -> str:
        """The REST root, as the operator has set it."""
        return self._credentials.api_url

    def token(self) -> str:
        """A token good for at least ten minutes, for git over HTTPS too."""
        return self._tokens.get(
            self.installation_id, lambda: self._app.installation_token(self.installation_id)
        )

    def refuse_token(self, token: str) -> None:
        """This token was not accepted: the next one asked for is a new one."""
        self._tokens.refuse(self.installation_id, token)

    def may_be_too_fresh(self, token: str, status: int) -> bool:
        """Whether GitHub refused this token (401, 403) only because it was just made: try it again,
        for git too.
        """
        return self._tokens.may_be_too_fresh(self.installation_id, status, token)

    def get(self, path_or_url: str, params: Mapping[str, str | int] | None = None) -> Reply:
        """`GET`, always the whole answer.

        Never conditional: an ETag is good for one token only, and tokens change each hour
        (https://github.com/github/docs/issues/34689).
        """
        url = self._address(path_or_url, params)
        return self._transport.send("GET", url, priority=self._priority)

    def pages(
        self, path_or_url: str, params: Mapping[str, str | int] | None = None
    ) -> Iterator[Reply]:
        """Every page along `Link`."""
        url: str | None = self._address(path_or_url, params)
        while url:
            reply = self.get(url)
            yield reply
            url = reply.next_url

    def graphql(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        partial: bool = False,
        tolerated: Callable[[Error], bool] = lambda _: False,
    ) -> GraphQLReply:
        """Ask GraphQL. NOT_FOUND of single nodes is left in `errors`, their data is null.

        So are errors that are `tolerated`, whose nulls the caller understands. With `partial` so is
        FORBIDDEN: the caller looks there before it believes a null.

        Raises GraphQLTooHeavy (halve the page), QuotaExhausted, GraphQLError (a rejected query).
        What GitHub is sure to refuse as too large is not sent.
        """
        nodes = price(query, variables or {}).nodes
        if nodes > MOST_NODES:
            raise GraphQLTooHeavy(
                f"This query asks for up to {nodes} nodes; GitHub answers at most {MOST_NODES}.",
                installation_id=self.installation_id,
            )
        limits = waits = 0
        url = self._credentials.graphql_url
        while True:
            sent = dialect.priced(dialect.spoken(url, query))
            reply = self._transport.send(
                "POST",
                url,
                resource="graphql",
                priority=self._priority,
                json={"query": sent, "variables": dict(variables or {})},
            )
            document = self._decoded(reply)
            errors = [e for e in document.get("errors") or [] if isinstance(e, dict)]
            if dialect.learn(url, sent, errors):
                continue
            kinds = {_kind(error) for error in errors}
            if kinds & _LIMITED:
                # GraphQL says so with status 200. Read as the 403 it means.
                headers = {"x-ratelimit-remaining": "0", **reply.headers}
                self._transport.wait_if_limited(403, headers, reply.content, "graphql", limits)
                limits += 1
                continue
            if (
                "FORBIDDEN" in kinds
                and any(NO_PERMISSION in str(error.get("message")) for error in errors)
                and self._tokens.may_be_too_fresh(self.installation_id, 403)
            ):
                time.sleep(fresh_pause(waits))
                waits += 1
                continue
            if any(map(tolerated, errors)):
                serious = [error for error in errors if not tolerated(error)]
                kinds = {_kind(error) for error in serious}
                checked = self._checked(document, serious, kinds, partial)
                return replace(checked, errors=errors)
            return self._checked(document, errors, kinds, partial)

    def nodes(self, query: str, ids: Sequence[str], *, partial: bool = False) -> dict[str, Any]:
        """What `nodes(ids: $ids)` of `query` answers, by id: fewer at once while too heavy.

        With `partial`, what is forbidden is null, and no word about what is there.

        One that GitHub cannot answer for even alone is logged and left out; raises GraphQLTooHeavy
        if it answers for none.
        """
        found: dict[str, Any] = {}
        failed: dict[str, GraphQLTooHeavy] = {}
        groups = [list(ids)] if ids else []
        while groups:
            group = groups.pop()
            try:
                found |= self._aligned(group, self.graphql(query, {"ids": group}, partial=partial))
            except GraphQLTooHeavy as error:
                middle = len(group) // 2
                if middle:
                    groups += [group[middle:], group[:middle]]
                    continue
                failed[group[0]] = error
                if len(failed) > 1 and not found:
                    raise  # an outage: nobody asks a hundred times
        for node_id, failure in failed.items():
            if not found:
                raise failure
            logger.warning("%s could not be read: %s", node_id, failure)
        return found

    def _aligned(self, ids: Sequence[str], reply: GraphQLReply) -> dict[str, Any]:
        nodes = reply.data.get("nodes")
        if not isinstance(nodes, list) or len(nodes) != len(ids):
            raise GraphQLTooHeavy(
                "GitHub answered with other nodes than were asked for",
                installation_id=self.installation_id,
            )
        return dict(zip(ids, nodes, strict=True))

    def _decoded(self, reply: Reply) -> dict[str, Any]:
        try:
            document = reply.fields()
        except Unreadable as error:
            raise GraphQLTooHeavy(
                error.what, installation_id=self.installation_id, url=reply.url, status=reply.status
            ) from None
        if not isinstance(document.get("errors"), (list, type(None))):
            document["errors"] = None
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
        data = document.get("data")
        if isinstance(data, dict):
            data.pop("rateLimit", None)
        if kinds & _TOO_HEAVY or "timeout" in messages.lower():
            raise GraphQLTooHeavy(f"GraphQL could not finish the query: {messages}", **where)
        if kinds & _FAILING or is_hiccup(document, errors):
            # One object may be behind it, or none: fewer at once tell.
            what = f"GraphQL failed: {messages or 'neither data nor an error'}"
            raise GraphQLTooHeavy(what, **where)
        left = {"NOT_FOUND", "FORBIDDEN"} if partial else {"NOT_FOUND"}
        if not isinstance(data, dict) or kinds - left:
            # Any other error may hide behind a null that means nothing; null must mean gone.
            raise GraphQLError(
                f"GraphQL rejected the query: {messages or 'no data'}", errors, **where
            )
        return GraphQLReply(data, errors)

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
    document = reply.fields()
    value, ends = document.get("token"), document.get("expires_at")
    if not isinstance(value, str) or not value:
        raise Unreadable(
            "GitHub answered without the token that was asked for",
            url=reply.url,
            status=reply.status,
        )
    try:
        now = parsedate_to_datetime(reply.headers["date"])
    except (KeyError, ValueError):
        now = datetime.now(UTC)
    now = now if now.tzinfo else now.replace(tzinfo=UTC)
    hour = timedelta(hours=1)
    try:
        expires_at = _time(str(ends))
    except ValueError:
        expires_at = now + hour  # as GitHub's documentation says of every one
    lifetime = (expires_at - now).total_seconds()
    permissions = document.get("permissions")
    return InstallationToken(
        value,
        expires_at,
        min(max(lifetime, 0.0), hour.total_seconds()),
        permissions if isinstance(permissions, dict) else {},
    )


def _is_delivery(item: Any) -> bool:
    """Whether an item of the delivery log can be understood; else it is named and left out."""
    try:
        _time(item["delivered_at"])
        understood = isinstance(item["id"], int) and isinstance(item["guid"], str)
        understood = understood and isinstance(item["event"], str)
    except (KeyError, TypeError, ValueError, AttributeError):
        understood = False
    if not understood:
        name = item.get("id", "without an id") if isinstance(item, dict) else "that is no object"
        logger.warning("an item of GitHub's delivery log could not be read: %s", str(name)[:100])
    return understood


def _time(text: str) -> datetime:
    """Raises ValueError for what is no moment."""
    at = moments.moment(text)
    if at is None:
        raise ValueError(f"not a moment: {text!r}"[:100])
    return at.astimezone(UTC)
