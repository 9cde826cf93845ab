"""The vocabulary of a resource: what an event changes, and how a resource is listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from autosync.mirror.feed import FeedLine
from autosync.mirror.models import MirroredModel
from autosync.mirror.upsert import Key, Merge, Row, Rule


class Owner(msgspec.Struct):
    """A user, bot or organisation as webhooks and REST show it. Null for ghosts."""

    login: str = ""
    id: int | None = None
    type: str = ""
    avatar_url: str = ""


def author_of(user: Owner | None) -> Owner:
    """Who wrote it. REST shows a deleted account as the user `ghost`, GraphQL as null: nobody."""
    return Owner() if user is None or user.login == "ghost" else user


class InstallationStub(msgspec.Struct):
    id: int


class RepositoryPayload(msgspec.Struct):
    """The `repository` of a payload: whole, or a stub of id, name, full_name and private."""

    id: int
    name: str
    full_name: str
    node_id: str = ""
    private: bool = False
    owner: Owner | None = None
    description: str | None = None
    homepage: str | None = None
    language: str | None = None
    topics: list[str] = []
    visibility: str = ""
    fork: bool = False
    archived: bool = False
    disabled: bool = False
    has_issues: bool = True
    has_pull_requests: bool = True  # left out by GHES, which cannot switch them off
    default_branch: str | None = None
    html_url: str = ""
    clone_url: str = ""
    size: int = 0
    stargazers_count: int = 0
    forks_count: int = 0
    created_at: datetime | int | None = None  # push payloads carry seconds since 1970
    updated_at: datetime | None = None
    pushed_at: datetime | int | None = None


class Envelope(msgspec.Struct):
    """What almost every payload has."""

    action: str = ""
    installation: InstallationStub | None = None
    repository: RepositoryPayload | None = None
    sender: Owner | None = None


@dataclass(frozen=True)
class Event:
    """One delivery, its envelope decoded, its body still raw JSON."""

    name: str
    body: bytes
    envelope: Envelope
    received_at: datetime

    @property
    def action(self) -> str:
        return self.envelope.action

    @property
    def actor(self) -> str:
        return self.envelope.sender.login if self.envelope.sender else ""

    @property
    def repository_id(self) -> int | None:
        return self.envelope.repository.id if self.envelope.repository else None

    @property
    def installation_id(self) -> int | None:
        return self.envelope.installation.id if self.envelope.installation else None


class FollowUp(NamedTuple):
    """Work to hand to a job once the change is committed."""

    task: str  # import_installation, refresh_installation, sync_git, sync_repository, refetch
    target_id: int  # an installation's or a repository's id


@dataclass(frozen=True)
class Upsert:
    merge: Merge
    rows: Sequence[Row]
    rule: Rule = Rule.VERSIONED


@dataclass(frozen=True)
class Tombstone:
    merge: Merge
    ids: Sequence[int]
    at: datetime


@dataclass(frozen=True)
class Patch:
    """Set AutoSync's own columns of rows: membership, suspension."""

    merge: Merge
    ids: Sequence[int]
    values: Mapping[str, Any]
    where: Mapping[str, Any] = field(default_factory=dict)  # only rows like this


@dataclass(frozen=True)
class Doubt:
    """Rows the event changed without showing them: ask GitHub for these."""

    model: type[MirroredModel]
    where: Mapping[str, Any]


@dataclass(frozen=True)
class RefMove:
    """A push moved a ref. `before`/`after` None: it was created/deleted."""

    repository_id: int
    kind: str
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class News:
    """A feed line that is published only if the row it speaks of really changed."""

    line: FeedLine
    table: str = ""
    key: Key = ()


@dataclass
class Changes:
    """What an event does to the mirror. Pure data; `sync.apply` carries it out."""

    upserts: list[Upsert] = field(default_factory=list)
    tombstones: list[Tombstone] = field(default_factory=list)
    patches: list[Patch] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    refs: list[RefMove] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    followups: set[FollowUp] = field(default_factory=set)


Handler = Callable[[Event], Changes]


@dataclass(frozen=True)
class Listing:
    """How GraphQL lists a resource of one repository, 100 a page and one to two points a page.

    Backfill runs in creation order, which updates do not disturb. `since` says whether the
    connection can filter by update time; if not, reading newest first stops at the watermark.
    `switch` is the repository's field that says whether its owner has this kind switched on,
    `permission` what the App needs to read it.
    """

    connection: str
    node_fields: str
    normalise: Callable[[Mapping[str, Any], int], Row]
    since: bool
    switch: str = ""
    permission: str = ""


@dataclass(frozen=True)
class Resource:
    """One kind of GitHub object: its table, the events that touch it, how it is listed."""

    name: str
    merge: Merge
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    listing: Listing | None = None
    graphql_type: str = ""


def timestamp(value: datetime | int | str | None) -> datetime | None:
    """GitHub's three ways to write a moment: RFC 3339, seconds since 1970, null."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value
    if isinstance(value, int):
        return msgspec.convert(value, datetime, strict=False)
    return datetime.fromisoformat(value)


def labels(items: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Labels by name, so that their order never makes two equal versions differ.

    `node_id` tells one that was renamed from another that took its name; "" where it was not told.
    """
    known = [
        {"name": str(i["name"])} | {k: str(i.get(k) or "") for k in ("color", "node_id")}
        for i in items
        if i
    ]
    return sorted(known, key=lambda label: label["name"])


def graphql_login(actor: Mapping[str, Any] | None) -> str:
    """A login as REST writes it: GraphQL leaves out the `[bot]` of an App's bot."""
    if not actor:
        return ""
    login = str(actor.get("login") or "")
    if actor.get("__typename") == "Bot" and not login.endswith("[bot]"):
        return f"{login}[bot]"
    return login


ACTOR_FIELDS = (
    "__typename login ... on User { databaseId } ... on Bot { databaseId } "
    "... on Organization { databaseId }"
)
