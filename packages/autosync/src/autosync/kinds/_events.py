"""The vocabulary of a resource: what an event changes, and how a resource is listed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from autosync import moments
from autosync.kinds._payload import Count, Id, IncompletePayload, Name, Word
from autosync.kinds._ways import Offer
from autosync.mirror.feed import FeedLine
from autosync.mirror.sets import KNOWN
from autosync.mirror.upsert import Key, Merge, Row, Rule

# A moment as it is written; `timestamp` and its like read it. A date that Python cannot hold would
# else cost the whole delivery.
When = str | int | float | None


class Owner(msgspec.Struct):
    """A user, bot or organisation as webhooks and REST show it. Null for ghosts."""

    login: Name = ""
    id: Id | None = None
    type: Annotated[str, msgspec.Meta(max_length=32)] = ""
    avatar_url: str = ""


def author_of(user: Owner | None) -> Owner:
    """Who wrote it. REST shows a deleted account as the user `ghost`, GraphQL as null: nobody."""
    return Owner() if user is None or user.login == "ghost" else user


def logins(users: Sequence[Owner | None]) -> list[str]:
    """Whose they are, sorted, so that their order never makes two equal versions differ."""
    return sorted({login for user in users if (login := author_of(user).login)})


class InstallationStub(msgspec.Struct):
    id: Id | None = None


class OrganizationStub(msgspec.Struct):
    id: Id | None = None


class LicensePayload(msgspec.Struct):
    """What GitHub takes a repository's licence for; `other` is one that it does not know."""

    key: Name = ""
    name: Name = ""
    spdx_id: Name | None = None


class RepositoryPayload(msgspec.Struct):
    """The `repository` of a payload: whole, or a stub of id, name, full_name and private."""

    id: Id
    name: Name = ""
    full_name: Annotated[str, msgspec.Meta(max_length=511)] = ""
    node_id: Name = ""
    private: bool | None = None
    owner: Owner | None = None
    description: str | None = None
    homepage: str | None = None
    language: Name | None = None
    topics: list[str] = []
    visibility: Word = ""
    fork: bool = False
    archived: bool = False
    disabled: bool = False
    has_issues: bool = True
    has_pull_requests: bool = True  # left out by GHES, which cannot switch them off
    default_branch: Name | None = None
    html_url: str = ""
    clone_url: str = ""
    license: LicensePayload | None = None
    size: Id = 0
    stargazers_count: Count = 0
    forks_count: Count = 0
    created_at: When = None  # push payloads carry seconds since 1970
    updated_at: When = None
    pushed_at: When = None


class Envelope(msgspec.Struct):
    """What almost every payload has."""

    action: str = ""
    installation: InstallationStub | None = None
    repository: RepositoryPayload | None = None
    sender: Owner | None = None
    organization: OrganizationStub | None = None


@dataclass(frozen=True)
class Event:
    """One delivery, its envelope decoded, its body still raw JSON.

    `account` is the one of its installation, for events that name no organisation.
    """

    name: str
    body: bytes
    envelope: Envelope
    received_at: datetime
    amiss: tuple[str, ...] = ()  # fields of the envelope that were not as GitHub describes them
    account: int | None = None

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
    def account_id(self) -> int | None:
        named = self.envelope.organization
        return named.id if named and named.id else self.account

    @property
    def installation_id(self) -> int | None:
        return self.envelope.installation.id if self.envelope.installation else None

    def home(self, scope: str) -> int | None:
        """The id of what the event is about, for a kind of that scope; None if it is of none."""
        return self.account_id if scope == "account_id" else self.repository_id


class FollowUp(NamedTuple):
    """Work to hand to a job once the change is committed."""

    task: str  # a key of sync.queue.FOLLOW_UPS
    target_id: int  # an installation's, a repository's or an account's id


@dataclass(frozen=True)
class Upsert:
    merge: Merge
    rows: Sequence[Row]
    rule: Rule = Rule.VERSIONED


@dataclass(frozen=True)
class Tombstone:
    """Rows that are gone: their ids, or whole keys of several columns."""

    merge: Merge
    ids: Sequence[Any]
    at: datetime

    @property
    def keys(self) -> list[Key]:
        """Their whole keys."""
        return [one if isinstance(one, tuple) else (one,) for one in self.ids]


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

    merge: Merge
    where: Mapping[str, Any]


@dataclass(frozen=True)
class Reread:
    """Something changed in a parent: its children of this kind are read again. `link` is what a
    child of it has in the columns that name the parent.
    """

    merge: Merge
    link: Mapping[str, Any]


@dataclass(frozen=True)
class Move:
    """The one column of a row beside its key went from `before` (None: the row was not) to `after`
    (None: it is no more).
    """

    merge: Merge
    key: Key
    before: Any
    after: Any


@dataclass(frozen=True)
class News:
    """A feed line that is published only if the row it speaks of really changed."""

    line: FeedLine
    table: str = ""
    key: Key = ()


@dataclass
class Changes:
    """What an event does to the mirror. Pure data; `sync.changes` carries it out."""

    upserts: list[Upsert] = field(default_factory=list)
    tombstones: list[Tombstone] = field(default_factory=list)
    patches: list[Patch] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    rereads: list[Reread] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    followups: set[FollowUp] = field(default_factory=set)


Handler = Callable[[Event], Changes]


@dataclass(frozen=True)
class Listing:
    """How GraphQL lists a resource of one repository, 100 a page and one to two points a page.

    Backfill runs in creation order, which updates do not disturb. `since` says whether the
    connection can filter by update time; if not, reading newest first stops at the watermark.
    """

    connection: str
    node_fields: str
    normalise: Callable[[Mapping[str, Any], int], Row]
    since: bool


@dataclass(frozen=True)
class Stream:
    """How GraphQL lists what comes as edges: in the order of `moment`, a column that never changes
    and that GraphQL calls `order`, or in none. The others as for `kinds._kind.Connection`.
    """

    connection: str
    fields: str
    normalise: Callable[[Mapping[str, Any], int], Row]
    moment: str
    order: str
    shown_to: Mapping[str, str]
    none_without: str = ""


@dataclass(frozen=True)
class RestList:
    """How REST lists a resource: see `kinds._kind.Rest`. `normalise` gives None for an object that
    is of another kind. `among`: GraphQL's connection of those.
    """

    path: str
    normalise: Callable[[Mapping[str, Any], int], Row | None]
    since: bool = False
    one: str = ""
    riding: Sequence[Riding] = ()
    items: str = ""
    among: str = ""
    newest: bool = False


@dataclass(frozen=True)
class Riding:
    """Objects whole inside those of another kind: the list under `key` in each of them."""

    key: str
    resource: Resource
    rows: Callable[[Mapping[str, Any], Row], list[Row]]  # of a parent's document and row
    link: str  # the column with the parent's key
    counted: str = ""  # GraphQL's connection of these on the parent


@dataclass(frozen=True)
class Carried:
    """A set that objects carry, named `name` in their rows; `selection` is GraphQL for it. Where
    GraphQL does not show all of it, the object is at REST's `path`, with its number in the place of
    {}, and has it under `keys`.
    """

    name: str
    selection: str
    path: str
    keys: Sequence[str]
    rows: Callable[..., list[Row] | None]


@dataclass(frozen=True)
class Signal:
    """What tells that a list has news: a connection of GraphQL's `Repository`, of which only the
    count is asked, and of the first by `order` the `clock`. Ten points per thousand repositories.
    """

    connection: str
    order: str = ""
    clock: str = ""
    scalar: str = ""  # instead: a number of `Repository` that is the count


@dataclass(frozen=True)
class Under:
    """Rows that go with their parents: `link` is the child's column → the parent's. `counted` is
    the parent's column that says how many there are; those of the parent whose number is in
    `column` are listed at `path`. `moves_with`: those of a parent that changed are asked for.
    """

    parents: Sequence[Merge]
    link: Mapping[str, str]
    counted: str = ""
    column: str = ""
    path: str = ""
    moves_with: bool = False


@dataclass(frozen=True)
class Resource:
    """One kind of GitHub object: its table, the events that touch it, how it is listed.

    `switch` is the repository's field that says whether its owner has this kind switched on,
    `permission` what the App needs to read it. `follows` are the resources whose news are also
    news of this one. `offers` are the ways it can be read: see `_ways.plan`; `also` is REST's list
    of what `listing` is for.
    """

    name: str
    merge: Merge
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    listing: Listing | None = None
    graphql_type: str = ""
    rest: RestList | None = None
    stream: Stream | None = None
    also: RestList | None = None
    offers: Sequence[Offer] = ()
    # One object as GraphQL shows it by its node id; without its number where GraphQL has none.
    node_fields: str = ""
    from_graph: Callable[[Mapping[str, Any], int], Row] | None = None
    # Lists inside a node, which may have more pages: field, GraphQL for it, what each item has.
    lists: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    sets: Sequence[Carried] = ()
    news: Signal | None = None
    follows: Sequence[str] = ()
    under: Under | None = None
    # Those that carry it whole → the column with their key.
    inside: Mapping[str, str] = field(default_factory=dict)
    switch: str = ""
    permission: str = ""
    scope: str = "repository_id"


def timestamp(value: When) -> datetime | None:
    """GitHub's three ways to write a moment: RFC 3339, seconds since 1970, null."""
    return moments.moment(value)


def beginning(*values: When) -> datetime:
    """A moment that every object has: the first readable one, else 1970-01-01 as for a commit."""
    return next(filter(None, map(moments.moment, values)), moments.EPOCH)


def clock(value: When) -> datetime:
    """`updated_at`. An unreadable one is as unbelievable as one far ahead: see `mirror.upsert`."""
    return moments.moment(value) or moments.LATEST


def needed(value: Any, name: str) -> Any:
    """A value that identifies the object. Raises IncompletePayload if there is none."""
    if value is None or value == "":
        raise IncompletePayload(f"GitHub left out the {name}, by which the object is known.")
    return value


def carrying(row: dict[str, Any], sets: dict[str, list[Row] | None]) -> dict[str, Any]:
    """The row with what it carries. A set that could not be read is left out, and said to be."""
    row["sets"] = sets
    if None in sets.values():
        row["sets"] = {name: members for name, members in sets.items() if members is not None}
        del row[KNOWN]
    return row


# https://docs.github.com/rest/reactions/reactions#about-reactions
REACTIONS: Final = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")
_NUMBER = re.compile(r"/(?:issues|pulls?)/(\d{1,9})(?=#|$)")


def number_in(address: str) -> int:
    """The number of the issue or pull request in the address of it or of a comment."""
    found = _NUMBER.search(address)
    if found is None:
        raise IncompletePayload("GitHub left out the address of the issue, which names its number.")
    return int(found[1])


def reactions(counts: Mapping[str, Any] | None) -> dict[str, int] | None:
    """The counts of a rollup (https://docs.github.com/rest/reactions) that are not zero."""
    if counts is None:
        return None
    return {
        name: counts[name] for name in REACTIONS if type(counts.get(name)) is int and counts[name]
    }


def labels(items: Sequence[Any]) -> list[dict[str, str]]:
    """Labels by name, so that their order never makes two equal versions differ.

    `node_id` tells one that was renamed from another that took its name; "" if there is none.
    A label may be its name alone (OpenAPI schema `issue`); one without a name is none.
    """
    named = [{"name": i} if isinstance(i, str) else i for i in items]
    known = [
        {k: str(i.get(k) or "") for k in ("name", "color", "node_id")}
        for i in named
        if isinstance(i, dict) and i.get("name")
    ]
    return sorted(known, key=lambda label: label["name"])
