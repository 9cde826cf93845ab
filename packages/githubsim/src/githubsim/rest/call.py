"""One REST request and its answer, and how handlers say which route and permission they are for."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

import msgspec

from githubsim import jsontext
from githubsim.ailments import ailments, refusal
from githubsim.auth import (
    Auth,
    Caller,
    bad_credentials,
    may_read,
    need_app,
    need_installation,
)
from githubsim.clock import epoch, iso
from githubsim.errors import ApiError, Blocked, Moved, forbidden, not_found
from githubsim.gitrepos import GitRepos
from githubsim.limits import Limits
from githubsim.rest.versions import DEFAULT, as_of
from githubsim.shapes import Shapes
from githubsim.store import App, Installation, Repository, Store
from githubsim.webhooks import Webhooks

DEFAULT_PAGE = 30
MAX_PAGE = 100


@dataclass(frozen=True, slots=True)
class World:
    """All that a handler may need."""

    store: Store
    git: GitRepos
    auth: Auth
    limits: Limits
    webhooks: Webhooks
    # Fields and types that GraphQL does not know, as on an older Enterprise Server.
    lacking: set[str] = field(default_factory=set)
    # Fields of GraphQL that no App may see.
    withheld: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Answer:
    """What goes back. `body` is anything JSON; None sends none. `modified` is epoch seconds."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    modified: int | None = None
    media: str | None = None


@dataclass(slots=True)
class Call:
    """A request as handlers see it. `path` is without GHES's prefix."""

    world: World
    shapes: Shapes
    caller: Caller
    method: str
    path: str
    url: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes
    params: dict[str, str] = field(default_factory=dict)
    _repository: Repository | None = None

    @property
    def store(self) -> Store:
        return self.world.store

    @property
    def git(self) -> GitRepos:
        return self.world.git

    @property
    def repository(self) -> Repository:
        """The repository in the path; only in routes that have one."""
        if self._repository is None:
            raise not_found()
        return self._repository

    @property
    def app(self) -> App:
        return need_app(self.caller)

    @property
    def installation(self) -> Installation:
        return need_installation(self.caller)

    @property
    def acting_id(self) -> int:
        """Who writes; 401 for strangers."""
        found = self.caller.acting_id
        if found is None:
            raise ApiError(401, "Requires authentication")
        return found

    def wants(self, media: str) -> bool:
        """Whether it is asked for in this form, as in `application/vnd.github.v3.diff`.

        https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api#media-types
        """
        kinds = self.headers.get("accept", "").split("vnd.github.")[1:]
        return any(media in re.split(r"[.+;, ]", one) for one in kinds)

    def list_may_fail(self) -> None:
        """502 where this repository's lists do."""
        if ailments(self.store, self.repository).lists_fail:
            raise ApiError(502, "Server Error")

    def number(self, name: str) -> int:
        """A number in the path, 404 if it is none."""
        text = self.params[name]
        if not text.isdecimal() or len(text) > 18:
            raise not_found()
        return int(text)

    def json(self) -> dict[str, Any]:
        """The body; empty counts as {}. ApiError 400 if it is no JSON object."""
        if not self.raw:
            return {}
        try:
            found = msgspec.json.decode(self.raw)
        except msgspec.DecodeError as error:
            raise ApiError(400, "Problems parsing JSON") from error
        if not isinstance(found, dict):
            raise ApiError(400, "Body should be a JSON object")
        return found

    def when(self, name: str) -> int | None:
        """A time in the query, as epoch seconds; 422 if it is none."""
        text = self.query.get(name)
        if not text:
            return None
        try:
            # A + that was not encoded arrives as a space.
            return epoch(text.strip().replace(" ", "+"))
        except ValueError as error:
            raise ApiError(422, f"Invalid value for parameter {name}.") from error

    @property
    def per_page(self) -> int:
        return min(MAX_PAGE, max(1, _int(self.query.get("per_page"), DEFAULT_PAGE)))

    @property
    def page(self) -> int:
        return max(1, _int(self.query.get("page"), 1))

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.per_page

    def paged(self, body: Any, total: int) -> Answer:
        """A page of a list with `total` items, with its Link header."""
        last = max(1, -(-total // self.per_page))
        pages: dict[str, int] = {}
        if self.page > 1:
            pages["prev"] = min(self.page - 1, last)
        if self.page < last:
            pages["next"] = self.page + 1
            pages["last"] = last
        if self.page > 1:
            pages["first"] = 1
        links = {rel: self._page_url({"page": str(page)}) for rel, page in pages.items()}
        return Answer(body, headers=link_header(links))

    def rows(
        self, kind: str, ids: Sequence[int], shapes: Callable[[list[int]], list[Any]]
    ) -> list[msgspec.Raw]:
        """Rows of the store as this version has them, by their ids. Their shapes depend on nothing
        but the store: those of one kind are kept until something changes there.
        """
        version = self.headers.get("x-github-api-version", DEFAULT)

        def render(missing: list[int]) -> list[bytes]:
            return [jsontext.encode(as_of(version, one)) for one in shapes(missing)]

        found = self.store.rendered_rows((kind, self.shapes.api, version), ids, render)
        return [msgspec.Raw(one) for one in found]

    def whole(self, items: Sequence[Any], shape: Callable[[Any], Any]) -> Answer:
        """The wanted page of a list that is at hand as a whole."""
        part = items[self.offset : self.offset + self.per_page]
        return self.paged([shape(one) for one in part], len(items))

    def cursor_url(self, cursor: str) -> str:
        """This URL with another `cursor`."""
        return self._page_url({"cursor": cursor})

    def turned(self, **cursors: str | None) -> str:
        """This URL with other cursors."""
        return self._page_url(cursors)

    def beside(self, page: int, *, after: str | None = None, before: str | None = None) -> str:
        """The URL of a neighbouring page where cursors say which it is."""
        return self._page_url({"after": after, "before": before, "page": str(page)})

    def _page_url(self, change: Mapping[str, str | None]) -> str:
        path = self.path
        if self._repository is not None:
            # GitHub's Link headers name repositories by id.
            rest = path.split("/", 4)[4:] if path.startswith("/repos/") else path.split("/", 3)[3:]
            path = f"/repositories/{self._repository.id}" + "".join(f"/{one}" for one in rest)
        elif path.startswith("/orgs/"):
            path = self._by_ids(path)
        query = {key: value for key, value in {**self.query, **change}.items() if value is not None}
        return f"{self.shapes.api}{path}?{urlencode(query)}"

    def _by_ids(self, path: str) -> str:
        """So do those of organisations and of teams: pksunkara/octonode#114."""
        _, _, login, *rest = path.split("/")
        organization = self.store.account_by_login(login)
        if organization is None:
            return path
        if rest[:1] == ["teams"] and rest[1:]:
            team = self.store.team_by_slug(organization.id, rest[1])
            rest = rest if team is None else ["team", str(team.id), *rest[2:]]
        return "/".join(["", "organizations", str(organization.id), *rest])


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A handler's place: method, path template, and what it needs of the caller."""

    method: str
    path: str
    needs: str
    handler: Handler


def route(method: str, path: str, needs: str = "") -> Callable[[Handler], Handler]:
    """Mark a handler. `needs` is `app`, `installation`, `user`, a permission such as
    `issues:write` (of the repository in the path; `|` between alternatives), or nothing.
    """

    def mark(handler: Handler) -> Handler:
        marked: list[Route] = getattr(handler, "routes", [])
        handler.routes = [*marked, Route(method, path, needs, handler)]  # type: ignore[attr-defined]
        return handler

    return mark


class Router:
    """All routes, found by method and number of path segments."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._by_shape: dict[int, list[tuple[re.Pattern[str], Route]]] = {}
        self._open_ended: list[tuple[re.Pattern[str], Route]] = []
        for one in routes:
            for path in _aliases(one.path):
                pattern = re.compile(_pattern(path))
                if "...}" in path:
                    self._open_ended.append((pattern, one))
                else:
                    self._by_shape.setdefault(path.count("/"), []).append((pattern, one))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route and its path parameters, or ApiError 404."""
        method = "GET" if method == "HEAD" else method
        for pattern, one in [*self._by_shape.get(path.count("/"), ()), *self._open_ended]:
            if one.method == method and (found := pattern.fullmatch(path)):
                return one, {key: unquote(value) for key, value in found.groupdict().items()}
        raise not_found()


def admit(call: Call, needs: str) -> None:
    """Check the caller against what a route needs and find its repository."""
    if "organization_id" in call.params:
        named = call.store.account(call.number("organization_id"))
        if named is None:
            raise not_found()
        call.params["login"] = named.login
    if needs == "app":
        need_app(call.caller)
        return
    if needs == "installation":
        need_installation(call.caller)
        _not_refused(call, None)
        return
    if call.caller.kind == "app":
        raise bad_credentials()
    if needs == "user" and call.caller.kind == "anonymous":
        raise ApiError(401, "Requires authentication")
    in_path = "repo" in call.params or "repository_id" in call.params
    if in_path:
        call._repository = find_repository(call)
        if _is_of_pulls(call.path) and ailments(call.store, call._repository).pulls_off:
            raise not_found()
    permission, _, level = needs.partition(":")
    if not permission or permission == "user":
        return
    level = level or "read"
    if level != "read" and call.caller.kind == "anonymous":
        raise ApiError(401, "Requires authentication")
    if level != "read" and in_path and not call.caller.covers(call.repository):
        raise forbidden()
    if not call.caller.allows(permission, level):
        raise forbidden()
    if level != "read" and in_path and call.repository.archived and permission != "administration":
        raise ApiError(403, "Repository was archived so is read-only.")


def find_repository(call: Call) -> Repository:
    """The repository in the path; Moved for an old name, 404 for what the caller may not see."""
    if "repository_id" in call.params:
        return _open(
            call, may_read(call.caller, call.store.repository(call.number("repository_id")))
        )
    owner, name = call.params["owner"], call.params["repo"]
    found = call.store.repository_by_name(owner, name)
    if found is None:
        found = may_read(call.caller, call.store.repository_by_old_name(owner, name))
        if not call.path.startswith("/repos/"):
            return _open(call, found)
        rest = call.path.split("/", 4)[4:]
        url = f"{call.shapes.api}/repositories/{found.id}" + "".join(f"/{one}" for one in rest)
        raise Moved(url + (f"?{urlencode(call.query)}" if call.query else ""))
    return _open(call, may_read(call.caller, found))


def _open(call: Call, repository: Repository) -> Repository:
    """The repository, or Blocked if GitHub withholds it, or 403 if its organisation does."""
    _not_refused(call, repository)
    block = call.store.block(repository.id)
    if block is not None:
        reason, at = block
        raise Blocked(reason, iso(at))
    return repository


def _not_refused(call: Call, repository: Repository | None) -> None:
    refused = refusal(call.store, repository, call.caller.installation)
    if refused is not None:
        raise refused


def _is_of_pulls(path: str) -> bool:
    parts = path.split("/")
    return parts[4 if parts[1] == "repos" else 3 :][:1] == ["pulls"]


def link_header(links: Mapping[str, str]) -> dict[str, str]:
    """`Link` with its rels, or nothing."""
    if not links:
        return {}
    return {"Link": ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links.items())}


def _aliases(path: str) -> list[str]:
    # The same by ids, as GitHub's own links have it.
    for prefix, by_id in (
        ("/repos/{owner}/{repo}", "/repositories/{repository_id}"),
        ("/orgs/{login}/teams/{slug}", "/organizations/{organization_id}/team/{team_id}"),
        ("/orgs/{login}", "/organizations/{organization_id}"),
    ):
        if path.startswith(prefix):
            return [path, by_id + path.removeprefix(prefix)]
    return [path]


def _pattern(path: str) -> str:
    parts = re.split(r"(\{[^}]+\})", path)
    found = []
    for part in parts:
        if part.startswith("{") and part.endswith("...}"):
            found.append(f"(?P<{part[1:-4]}>.+)")
        elif part.startswith("{"):
            found.append(f"(?P<{part[1:-1]}>[^/]+)")
        else:
            found.append(re.escape(part))
    return "".join(found)


def _int(text: str | None, default: int) -> int:
    try:
        return int(text) if text else default
    except ValueError:
        return default
