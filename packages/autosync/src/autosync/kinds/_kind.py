"""The declaration of a kind: a Django model whose columns say where GitHub has them, and one `Kind`
that says how it is read and which events speak of it. `_derived.py` makes everything else of it.
"""

from __future__ import annotations

import copy
import enum
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from django.db import models
from django.db.backends.utils import truncate_name
from django.db.models.base import ModelBase

from autosync.github.files import Names
from autosync.kinds._columns import NodeId
from autosync.kinds._events import Handler
from autosync.kinds._union import Union
from autosync.mirror.models import MirroredModel, Repository

if TYPE_CHECKING:
    from autosync.kinds._derived import Derived


class Clock(enum.Enum):
    """What tells an older version of an object from a newer one."""

    UPDATED = "updated_at"
    ARRIVAL = "arrival"
    COMPLETE = "complete"
    """The content never changes once the column `complete` says that it was read."""


@dataclass(frozen=True)
class Connection:
    """Read through a connection of GraphQL's `Repository`.

    `since`: whether it can filter by update time. `type` is GraphQL's for the kind, unless that is
    the model's name.

    `newest` is a column with a moment that never changes: the connection is in that order, the
    columns are those of its edges and their nodes, and reading stops at what was read before.
    `edges`: the same of edges without such an order. They are read whole when their number is
    another, and a hundred of them are compared every night. `none_without`: a column of the
    repository; where it is 0 or empty there are none of these, and an import asks for none.
    `shown_to`: permissions, beyond those the kind needs, without which GitHub may not show it. The
    kind is then known by its events, and nobody is bothered with it.
    """

    name: str
    since: bool = False
    type: str = ""
    newest: str = ""
    edges: bool = False
    none_without: str = ""
    shown_to: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Nested:
    """Read through a connection of each parent, many parents a query, each parent's as a whole.

    `parent` may be several kinds of a repository, which have a connection of this name each.
    `first`: how many come with their parent; where there are more, the connection is read on.
    `edges`: the columns are of the connection's edges, which have the object as `node`; for kinds
    of an account. `silent`: people change them and move no clock at all, not even the parent's. The
    nightly audit asks for those that are here, a hundred a point. `unheard`: some come or go and
    move no clock of the parent. The nightly audit reads those of a share of the parents. `type` as
    for a connection of the repository; `union` says what its objects are if they are of several
    types, and which of them are asked for.
    """

    parent: type[OfScope] | tuple[type[OfScope], ...]
    name: str
    type: str = ""
    first: int = 50
    edges: bool = False
    silent: bool = False
    unheard: bool = False
    union: Union | None = None


@dataclass(frozen=True)
class Parent:
    """What an object belongs to; it is gone when that is gone.

    `number`: the column with the parent's number, or `key`: that with its key. `follows`: the
    parent's clock, which a change of the object moves; a kind of an account needs none. `model` may
    be several kinds that share their numbers. `counted`: their column that says of which things
    they have how many, apart from their clock; those without any are not asked.
    """

    model: type[OfScope] | tuple[type[OfScope], ...]
    number: str = ""
    follows: str = "updated_at"
    key: str = ""
    counted: str = ""

    @property
    def models(self) -> tuple[type[OfScope], ...]:
        """The kinds of which it may be."""
        return self.model if isinstance(self.model, tuple) else (self.model,)

    @property
    def link(self) -> Mapping[str, str]:
        """The child's column → the parent's."""
        if self.key:
            return {self.key: str(self.models[0]._meta.pk.attname)}
        return {"repository_id": "repository_id", self.number: "number"}


@dataclass(frozen=True)
class Rest:
    """Read through a list of REST's, whose path is given below that of the repository.

    `since`: the list can be read from a moment on, in order of that column, and is, once it was
    read whole; else it is read whole each time that there is news. `one` is the path of one object,
    with columns in braces, where GraphQL does not show all of its columns. `items`: the key under
    which an answer has the list, if it is not the answer itself. `newest`: its objects never change
    and never go, and the newest are first: once it was read whole, reading stops at what is known.
    """

    path: str
    since: bool = False
    one: str = ""
    type: str = ""
    items: str = ""
    among: str = ""
    newest: bool = False


@dataclass(frozen=True)
class Inside:
    """Read with the objects of another kind, which carry it whole, as REST has it under `key`.

    `link` is the column with the other's key. `counted` is GraphQL's connection of these on the
    other, whose count tells an audit what no clock does.
    """

    of: str
    key: str
    link: str
    type: str = ""
    counted: str = ""


@dataclass(frozen=True)
class Each:
    """One list of REST's and of webhooks, in the carrier's document under `key`; `says`: columns
    that are the same for all in it.
    """

    key: str
    says: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Within:
    """Read with the objects of the kinds `of`, which carry all of them; `number` is the column with
    the carrier's.

    `lists` are REST's. `graph` is GraphQL's connection, with `first` of its nodes and more where
    there are more; `fields` are asked of each node, which has it `inside` or is it. `one` is REST's
    path of a carrier, by its number, where GraphQL does not show all that it carries.
    """

    of: tuple[str, ...]
    number: str
    lists: tuple[Each, ...]
    graph: str
    fields: str
    first: int = 20
    inside: str = ""
    one: str = ""
    type: str = ""


@dataclass(frozen=True)
class Git:
    """Read from a clone of the repository after each fetch: no request, no point.

    `tells` is a function of the clone (`github.git.GitReader`); columns are attributes of what it
    gives. If `of` is empty it gives all that there is: what is not among it is gone. Two kinds are
    read otherwise. `history`: the commits that refs reach, `tells(clone, new, known)`, each once.
    `of` names the kind whose objects carry it, `link` the column with their key: what each of
    these has under `under`, `tells(clone, names)`, once.

    `picks` is for what a file of the default branch says: of the names in the folders that GitHub
    looks into it chooses the file's path, or None. `tells` is then a function of that file, of
    which `most` bytes are read: from the clone, or by GraphQL if that has no files.
    """

    tells: Callable[..., Iterable[Any]]
    history: bool = False
    of: str = ""
    link: str = ""
    under: str = ""
    picks: Callable[[Names], str | None] | None = None
    most: int = 0

    @property
    def whole(self) -> bool:
        """Whether it is read as a list that is whole."""
        return not (self.history or self.of)


@dataclass(frozen=True)
class Packed:
    """Its news are asked for in the query about a hundred repositories.

    A count alone costs nothing more; an edit that no webhook told of is then found by the audit.
    With `order` and `clock`, GraphQL's, the newest is asked for too: ten points per thousand.
    """

    connection: str
    order: str = ""
    clock: str = ""


@dataclass(frozen=True)
class Scalar:
    """A number of GraphQL's `Repository` says how many there are. It costs nothing, and is shown
    also to those who may not see the list.
    """

    name: str


@dataclass(frozen=True)
class With:
    """There is news of it whenever there is news of these kinds: they cost nothing."""

    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Numbered:
    """It belongs to one of `parents`, whose number is in `column`: when that is gone, it is gone
    too. `counted` is their column that says how many they have; `path`, with {} for the
    number, lists those of one. `moves_with`: what changes one of them may change its objects and
    move none of their clocks, so GitHub is asked for these by their ids, a hundred a point.
    """

    column: str
    parents: tuple[str, ...]
    counted: str = ""
    path: str = ""
    moves_with: bool = False


@dataclass(frozen=True)
class Line:
    """How the feed speaks of it: `key` and `title` are columns; without a title, that of what it
    belongs to says enough. `turns` has actions that read otherwise while a flag is true:
    {"closed": "merged"} with the column `merged`. `only` are the actions that are told, whatever
    they change; else all that change something.
    """

    kind: str
    key: str = "number"
    title: str = "title"
    turns: Mapping[str, str] = field(default_factory=dict)
    only: frozenset[str] | set[str] = frozenset()


@dataclass(frozen=True)
class Guise:
    """Objects of another kind that GitHub shows as this one: no row, and a question about theirs.

    `test` is given the object as decoded, with what columns read and the fields in `reads` (and
    their types); it is `of` the kind of that name if true. `told`: lists show only what is stored,
    and only an event may show another.
    """

    of: str
    test: Callable[[Any], bool]
    reads: Mapping[str, Any] = field(default_factory=dict)
    told: bool = False


@dataclass(frozen=True)
class List:
    """How users list it: by the API, on a repository's page and in the admin. All are columns.

    `order` is the first order (`-`: descending), `orders` has more. Each of `filters` has a value;
    one of `search` holds the text. `columns` are those of tables on pages: a few, the first is the
    link to GitHub; if none is named, all that are short.
    """

    order: str
    filters: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


class EventRule(Protocol):
    """What an event means for a kind: see `_rules.py`."""

    def handler(self, kind: Derived) -> Handler: ...


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How a kind is read, and what speaks of it.

    `news`: how it is known that there is something to read; a connection tells it. `under`: what
    it belongs to, beside the repository. `needs`: permissions of the App and their level, the
    reading one first. `switch`: the repository's flag by which its owner has the kind.
    `also`: another list of the same objects, taken where that costs less: see `_ways.plan`.
    `default=False`: it costs much, and is kept up only if `AUTOSYNC_KINDS` adds it. `version`: a
    higher one has mirrors of lower ones read the kind again, in the background; columns that were
    `added` since raise it too. `called`: what people call one of it, if not by the words of its
    name.
    """

    read: Connection | Rest | Inside | Nested | Within | Git | None = None
    also: Rest | None = None
    news: Packed | Scalar | With | None = None
    under: Numbered | Parent | None = None
    events: Mapping[str, EventRule] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    switch: str = ""
    feed: Line | None = None
    clock: Clock | None = Clock.UPDATED
    unless: Guise | None = None
    api: List | None = None
    default: bool = True
    version: int = 1
    called: str = ""


def version_of(kind: Kind, columns: Iterable[models.Field[Any, Any]]) -> int:
    """The version of a kind with these columns."""
    return max([kind.version, *(getattr(one, "added", 1) for one in columns)])


# Every declared kind, in the order in which their modules were loaded; and every set: `_sets.py`.
DECLARED: list[type[OfScope]] = []
CARRIED: list[Any] = []


def declared(name: str) -> type[OfScope]:
    """The kind of that name."""
    return next(one for one in DECLARED if snake(one.__name__) == name)


class KindBase(ModelBase):
    """Fills in what every kind's table has: its name, its place among the tables, its indexes.

    `key` names the columns that identify a row where that is no number of GitHub's. The table then
    has a number of its own, and these are unique (see docs/decisions/0026-pairs.md), by a
    constraint of the class's own where one of them is too long for an index. Without
    `node_id` among them, the object has no node id of its own.
    """

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        attrs: dict[str, Any],
        key: tuple[str, ...] = (),
        **options: Any,
    ) -> Any:
        if "github" not in attrs:  # abstract: what several kinds have in common
            return super().__new__(mcs, name, bases, attrs, **options)
        own = attrs.pop("Meta", None)
        word = snake(name)
        table = getattr(own, "db_table", f"{word}s")
        inherited = [one for base in bases for one in _columns_of(base)]
        numbered = "number" in attrs or any(one.name == "number" for one in inherited)
        home = "repository" if _scope(attrs, bases) == "repository_id" else "account_id"
        facts: dict[str, Any] = {"app_label": "mirror", "abstract": False, "db_table": table}
        facts["indexes"] = list(getattr(own, "indexes", ()))
        if not isinstance(attrs["github"].read, Git):  # which nobody asks GitHub about, or counts
            facts["indexes"] += _indexes(word, home, numbered)
        columns = {**{one.name: one for one in inherited}, **attrs}
        facts["indexes"] += _index_of_list(word, columns, attrs["github"].api, facts["indexes"])
        if key:
            links = {one.attname: one.name for one in inherited if one.is_relation}
            fields = [links.get(one, one) for one in key]
            unique = models.UniqueConstraint(fields=fields, name=f"{word}_key")
            facts["constraints"] = list(getattr(own, "constraints", ())) or [unique]
            if "node_id" not in key:
                attrs.setdefault("node_id", None)
        parents = (own, MirroredModel.Meta) if own else (MirroredModel.Meta,)
        attrs["Meta"] = type("Meta", parents, facts)
        for one in inherited:
            if isinstance(one, models.ForeignKey):
                attrs.setdefault(one.name, _home(one, table))
        declared_columns = [one for one in attrs.values() if isinstance(one, models.Field)]
        if version_of(attrs["github"], [*inherited, *declared_columns]) > 1:
            # Null: from before there were versions, so that no row is written for the upgrade.
            attrs["kind_version"] = models.SmallIntegerField(null=True, editable=False)
        made: Any = super().__new__(mcs, name, bases, attrs, **options)
        made.identity = key or (made._meta.pk.attname,)
        DECLARED.append(made)
        return made


def _columns_of(base: Any) -> list[models.Field[Any, Any]]:
    about = getattr(base, "_meta", None)
    return list(about.local_fields) if about and about.abstract else []


def _home(inherited: models.ForeignKey[Any, Any], table: str) -> Any:
    """The link to what it belongs to, which finds it back by the name of its table."""
    link: Any = copy.deepcopy(inherited)
    link._related_name = link.remote_field.related_name = table
    return link


def _scope(attrs: Mapping[str, Any], bases: tuple[type, ...]) -> Any:
    return attrs.get("scope") or next(getattr(base, "scope", "") for base in bases)


def _named(word: str, what: str) -> str:
    """The name of an index; Django allows thirty letters, so a long one ends in a digest."""
    return truncate_name(f"{word}_{what}", models.Index.max_name_length, hash_len=6)


def _indexes(word: str, home: str, numbered: bool) -> list[models.Index]:
    indexes = [
        models.Index(
            fields=["dirty_at"],
            name=_named(word, "in_doubt"),
            condition=models.Q(dirty_at__isnull=False),
        ),
        # For the counts that each sync compares: from the index alone.
        models.Index(
            fields=[home],
            name=_named(word, "alive"),
            condition=models.Q(deleted_at__isnull=True),
        ),
    ]
    if numbered:
        indexes.append(models.Index(fields=[home, "number"], name=_named(word, "by_number")))
    return indexes


def _index_of_list(
    word: str, columns: Mapping[str, Any], listed: List | None, known: Sequence[models.Index]
) -> list[models.Index]:
    """For the first order of the kind's list, over all repositories, unless there is one."""
    if listed is None or listed.order.lstrip("-") not in {"updated_at", *columns}:
        return []
    if any(one.fields[0] == listed.order and one.condition is None for one in known if one.fields):
        return []
    keys = (name for name, one in columns.items() if getattr(one, "primary_key", False))
    sign = "-" if listed.order.startswith("-") else ""
    fields = [listed.order, f"{sign}{next(keys, 'id')}"]
    return [models.Index(fields=fields, name=_named(word, "by_list"))]


class OfScope(MirroredModel, metaclass=KindBase):
    """What all kinds have in common. `scope` is the column with the id of what they belong to.

    The first column is the `Key`, unless the class names several columns, or another one:
    `class It(OfRepository, key=(…))`.
    """

    github: ClassVar[Kind]
    identity: ClassVar[tuple[str, ...]]
    scope: ClassVar[str]

    node_id = NodeId(about="GitHub's global id of the object, by which GraphQL is asked for it.")

    class Meta(MirroredModel.Meta):
        abstract = True


class OfRepository(OfScope):
    """A kind of object that belongs to a repository."""

    scope = "repository_id"

    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, db_constraint=False)

    class Meta(MirroredModel.Meta):
        abstract = True


class OfAccount(OfScope):
    """A kind of object that belongs to an organisation, whichever installation shows it.

    The key is the account's id: reinstalling the App changes the installation's.
    """

    scope = "account_id"

    account_id = models.BigIntegerField()

    class Meta(MirroredModel.Meta):
        abstract = True


def snake(name: str) -> str:
    """CheckRun → check_run."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
