"""What is derived from a declared kind: rows by every way, queries, handlers. Row functions are
compiled (`_compile.py`); `kinds show` prints their source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from autosync.kinds import _git
from autosync.kinds._columns import Column
from autosync.kinds._compile import Rows, compiled, function
from autosync.kinds._events import (
    Handler,
    Listing,
    Resource,
    RestList,
    Riding,
    Signal,
    Stream,
    Under,
)
from autosync.kinds._kind import (
    CARRIED,
    DECLARED,
    Clock,
    Connection,
    Git,
    Inside,
    Kind,
    Nested,
    Numbered,
    OfScope,
    Packed,
    Parent,
    Rest,
    Scalar,
    With,
    Within,
    declared,
    snake,
    version_of,
)
from autosync.kinds._nest import Nest
from autosync.kinds._offers import offers
from autosync.kinds._payload import IncompletePayload, read
from autosync.kinds._people import people, prose
from autosync.kinds._rules import Around, Moves, Pair, Whole
from autosync.kinds._shape import At, Shape, Way, steps, written
from autosync.mirror import merge as merging
from autosync.mirror.children import Family
from autosync.mirror.sets import KNOWN
from autosync.mirror.upsert import Group, Merge, Row

if TYPE_CHECKING:
    from autosync.kinds._sets import DerivedSet

_CLOCKS: Mapping[Clock | None, merging.Clock] = {
    Clock.UPDATED: merging.Clock.UPDATED_AT,
    Clock.ARRIVAL: merging.Clock.ARRIVAL,
    Clock.COMPLETE: merging.Clock.COMPLETE,
    None: merging.Clock.NONE,
}


class Derived:
    """A declared kind with everything that follows from its declaration."""

    def __init__(self, model: type[OfScope]) -> None:
        # Not as OfScope: type checkers would not see the columns of its own.
        self.model: type[Any] = model
        self.declared: Kind = model.github
        self.name = snake(model.__name__)

    def __repr__(self) -> str:
        return f"<kind {self.name}>"

    @property
    def singular(self) -> str:
        """What people call one of it."""
        return self.declared.called or self.name.replace("_", " ")

    @property
    def plural(self) -> str:
        """What people call many of it."""
        called = self.declared.called
        return f"{called}s" if called else self.merge.table.replace("_", " ")

    @cached_property
    def columns(self) -> Sequence[Column[Any, Any]]:
        """What comes from GitHub, in the declared order, the key first."""
        found = [one for one in self.model._meta.local_fields if isinstance(one, Column)]
        return sorted(found, key=lambda one: one.name not in self.model.identity)

    @cached_property
    def merge(self) -> Merge:
        """How its rows are merged into its table."""
        key, scope = self.model.identity, self.model.scope
        read, clock = self.declared.read, self.declared.clock
        # What git does not tell is filled in afterwards, by whoever asks for it.
        written = _git.told(self.columns) if isinstance(read, Git) else self.columns
        others = [one.name for one in written if one.name not in key]
        if isinstance(read, Inside):
            others.append(read.link)
        if self.sets:
            others.append(KNOWN)
        apart: dict[str, tuple[str, ...]] = {}
        for one in self.columns:
            if one.apart:
                apart[one.apart] = (*apart.get(one.apart, ()), one.name)
        return Merge(
            self.model,
            key,
            (*others, *([scope] if scope not in key else ())),
            clock=_CLOCKS[clock],
            quiet=frozenset(one.name for one in self.columns if one.quiet)
            | frozenset({KNOWN} if self.sets else ()),
            groups=tuple(Group(*group) for group in apart.items()),
            # What several columns identify is a fact about two objects, which may come true again.
            returns=len(key) > 1 and clock is not Clock.COMPLETE,
            sets=tuple(one.set_of for one in self.sets),
            inherits=self.declared.under is not None or isinstance(read, Inside),
            people=people(self.columns),
            prose=prose(self.columns) if clock is not Clock.COMPLETE else (),
            version=self.version,
            added=tuple(
                (one.name, one.added) for one in self.columns if one.added > 1 and not one.apart
            ),
        )

    @cached_property
    def version(self) -> int:
        """Its version; mirrors of an older one are read again."""
        return version_of(self.declared, self.columns)

    @cached_property
    def sets(self) -> Sequence[DerivedSet]:
        """The sets that its objects carry whole."""
        reads = ((one, one.github.read) for one in CARRIED)
        return tuple(
            one.derived() for one, by in reads if isinstance(by, Within) and self.name in by.of
        )

    @property
    def by_git(self) -> Git:
        """How git tells of it."""
        read = self.declared.read
        assert isinstance(read, Git), self.name
        return read

    @property
    def of_git(self) -> bool:
        """Whether git tells of it, and not GitHub's API."""
        return isinstance(self.declared.read, Git)

    @property
    def home(self) -> str:
        """The way from a row to the id of what it belongs to, along an index, as Django has it."""
        read = self.declared.read
        carried = isinstance(read, Git) and read.link
        return f"{carried.removesuffix('_id')}__{self.model.scope}" if carried else self.model.scope

    @property
    def of_account(self) -> bool:
        """Whether it belongs to an account, and not to a repository."""
        return bool(self.model.scope == "account_id")

    @property
    def under(self) -> Parent:
        """What it belongs to, for a kind that is read with it."""
        under = self.declared.under
        assert isinstance(under, Parent), self.name
        return under

    @property
    def parent(self) -> Derived:
        """The kind of what it belongs to, or the first of several."""
        return self.nests[0].parent

    @property
    def family(self) -> Family:
        """Its objects and what they belong to, as tables; of several the first."""
        return self.nests[0].family

    @property
    def is_nested(self) -> bool:
        """Whether its objects are read with their parents, of a repository."""
        return isinstance(self.declared.read, Nested) and not self.of_account

    @cached_property
    def guised(self) -> Derived:
        """The kind whose objects are shown as of this one too: see `Guise`."""
        assert self.declared.unless
        return kind_of(declared(self.declared.unless.of))

    @cached_property
    def only_read(self) -> bool:
        """Whether no event brings any of it: what is new is here once it is read."""
        return all(isinstance(one, Around | Moves) for one in self.declared.events.values())

    @cached_property
    def nests(self) -> Sequence[Nest]:
        """It with each kind of what it belongs to."""
        return tuple(Nest(self, kind_of(model)) for model in self.under.models)

    @property
    def graphql_type(self) -> str:
        """GraphQL's name of the kind."""
        read = self.declared.read
        return ("" if read is None or isinstance(read, Git) else read.type) or self.model.__name__

    # Ways.

    @cached_property
    def rest(self) -> Rows:
        """An object as REST shows it."""
        return self._compiled("rest", ())

    @cached_property
    def rest_list(self) -> Rows:
        """An item of a list of REST's."""
        return self._compiled("rest", (), listed=True)

    @cached_property
    def graphql(self) -> Rows:
        """A node of GraphQL."""
        return self._compiled("graphql", ())

    @cached_property
    def graphql_list(self) -> Rows:
        """A node of GraphQL in a list of many: without what is `deep`."""
        return self._compiled("graphql", (), listed=True) if self.deep else self.graphql

    @cached_property
    def deep(self) -> Sequence[Column[Any, Any]]:
        """The columns that are asked for by node ids alone."""
        return [one for one in self.columns if one.deep]

    @cached_property
    def deep_fields(self) -> str:
        """What to ask of a node of GraphQL for these."""
        shape = Shape(self.model.__name__, "graphql")
        known = {one.name: one for one in self.columns}
        for one in self.deep:
            one.source(At(shape, one, known))
        return written(shape.selection)

    @cached_property
    def git(self) -> Rows:
        """What git tells of one."""
        columns, name = _git.told(self.columns), f"{self.name}_from_git"
        body = [f'        "{one.name}": {one.from_git()},' for one in columns]
        body = [f'        "{self.model.scope}": scope,', *body]
        source = "\n".join([f"def {name}(it, scope):", "    return {", *body, "    }", ""])
        given = frozenset({self.model.scope, *(one.name for one in columns)})
        return Rows(_git.Nothing, function(name, source, {}), source, given, "", {})

    def listed_in_event(self, reads: Mapping[str, Any]) -> Rows:
        """An item of a list in a payload, with these fields too, each with its type."""
        return self._compiled("event", (), reads=reads)

    def event(self, key: str) -> Rows:
        """A payload that has the object whole under `key`, or at its root if that is empty."""
        if key not in self._by_event:
            self._by_event[key] = self._compiled("event", (key,) if key else ())
        return self._by_event[key]

    @cached_property
    def _by_event(self) -> dict[str, Rows]:
        return {}

    @cached_property
    def event_key(self) -> str | None:
        """Where the first event that shows the object whole has it; None if none does."""
        for rule in self.declared.events.values():
            if isinstance(rule, Whole | Pair):
                return rule.key if isinstance(rule, Whole) else ""
        return None

    @cached_property
    def ways(self) -> Mapping[str, Rows]:
        """Way → how rows are made by it."""
        if self.of_git:
            told = any(steps(one, "event") for one in _git.told(self.columns))
            found = {"git": self.git}
            found |= {"graphql": self.graphql} if self.node_fields else {}
            return found | ({"event": self.event("")} if told else {})
        found = {"rest": self.rest, "rest_list": self.rest_list, "graphql": self.graphql}
        return found | ({} if self.event_key is None else {"event": self.event(self.event_key)})

    @cached_property
    def gives(self) -> Mapping[str, frozenset[str]]:
        """Way → the columns that it can give."""
        return {way: rows.gives for way, rows in self.ways.items()}

    def ways_of(self, column: str) -> frozenset[str]:
        """The ways that give a column."""
        return frozenset(way for way, given in self.gives.items() if column in given)

    @property
    def node_fields(self) -> str:
        """What to ask of a node of GraphQL."""
        return self.graphql.selection

    def from_rest(self, document: Mapping[str, Any], scope: int) -> Row | None:
        """A row from REST's object or an item of its list, which has fewer columns; None if it is
        of another kind. Raises IncompletePayload if what is essential is missing.
        """
        it = read(document, self.rest.struct).value
        unless = self.declared.unless
        if unless is not None and not unless.told and unless.test(it):
            return None
        listed = self._only_whole and self._only_whole.isdisjoint(document)
        return (self.rest_list if listed else self.rest).make(it, scope)

    def from_graph(self, node: Mapping[str, Any], scope: int) -> Row:
        """A row from a node of GraphQL. Raises IncompletePayload if its id is missing."""
        return self.graphql.make(read(node, self.graphql.struct).value, scope)

    def from_graph_list(self, node: Mapping[str, Any], scope: int) -> Row:
        """A row from a node in a list of many, without what is `deep`."""
        return self.graphql_list.make(read(node, self.graphql_list.struct).value, scope)

    def deep_of(self, node: Mapping[str, Any]) -> Row:
        """Of a row only what is `deep`."""
        row = self.graphql.make(read(node, self.graphql.struct).value, 0)
        return {one.name: row[one.name] for one in self.deep}

    def from_event(self, payload: Mapping[str, Any], scope: int) -> Row | None:
        """A row from the payload of an event that shows the object whole; None as for REST."""
        key = self.event_key or ""
        rows = self.event(key)
        it = read(payload, rows.struct).value
        return None if key and self.left_out(getattr(it, key)) else rows.make(it, scope)

    def from_told(self, document: Mapping[str, Any], scope: int) -> Row | None:
        """The same from the object alone, as it is in the payload of an event."""
        it = read(document, self.rest.struct).value
        return None if self.left_out(it) else self.rest.make(it, scope)

    @property
    def owner(self) -> Derived:
        """The kind whose objects carry those of this one."""
        read = self.declared.read
        assert isinstance(read, Inside)
        return kind_of(declared(read.of))

    def from_parent(self, document: Mapping[str, Any], parent: Row) -> list[Row]:
        """Rows of those that an object of another kind carries; what cannot be read is left out."""
        read = self.declared.read
        assert isinstance(read, Inside)
        link = {read.link: parent[self.owner.merge.key[0]]}
        found: list[Row] = []
        items = document.get(read.key)
        for item in items if isinstance(items, list) else ():
            with suppress(IncompletePayload, msgspec.ValidationError):
                row = self.from_rest(item, parent[self.model.scope])
                found += [{**row, **link}] if row is not None else []
        return found

    def left_out(self, it: Any) -> bool:
        """Whether what an event shows is no object of this kind."""
        unless = self.declared.unless
        return unless is not None and unless.test(it)

    @cached_property
    def _only_whole(self) -> frozenset[str]:
        """Keys that REST's lists leave out."""
        found = (steps(one, "rest") for one in self.columns if not one.listed)
        return frozenset(path[0] for path in found if path)

    def _compiled(
        self,
        way: Way,
        base: tuple[str, ...],
        *,
        listed: bool = False,
        reads: Mapping[str, Any] = {},
    ) -> Rows:
        return compiled(self, way, base, listed=listed, reads=reads)

    # Events and lists.

    @cached_property
    def handlers(self) -> Mapping[str, Handler]:
        """Event → what it changes."""
        return {event: rule.handler(self) for event, rule in self.declared.events.items()}

    @cached_property
    def listing(self) -> Listing | None:
        """How GraphQL lists it."""
        read = self.declared.read
        if not isinstance(read, Connection) or self.of_account or read.newest or read.edges:
            return None
        return Listing(read.name, self.node_fields, self.from_graph, since=read.since)

    @cached_property
    def stream(self) -> Stream | None:
        """How GraphQL lists what comes as edges."""
        read = self.declared.read
        if not isinstance(read, Connection) or not (read.newest or read.edges):
            return None
        order = read.newest.upper()
        return Stream(
            read.name,
            self.node_fields,
            self.from_graph,
            read.newest,
            order,
            read.shown_to,
            read.none_without,
        )

    @cached_property
    def rest_listing(self) -> RestList | None:
        """How REST lists it."""
        read = self.declared.read
        if not isinstance(read, Rest) or self.of_account:
            return None
        riding = []
        for one in map(kind_of, DECLARED):
            inside = one.declared.read
            if isinstance(inside, Inside) and inside.of == self.name:
                riding.append(
                    Riding(inside.key, one.resource, one.from_parent, inside.link, inside.counted)
                )
        return RestList(
            read.path,
            self.from_rest,
            read.since,
            read.one,
            riding,
            read.items,
            newest=read.newest,
        )

    @cached_property
    def also(self) -> RestList | None:
        """How REST lists what GraphQL's connection does."""
        also = self.declared.also
        if also is None:
            return None
        return RestList(also.path, self.from_rest, also.since, items=also.items, among=also.among)

    @cached_property
    def resource(self) -> Resource:
        """The kind as the engine knows it."""
        said = self.declared
        return Resource(
            self.name,
            self.merge,
            self.handlers,
            self.listing,
            self.graphql_type,
            rest=self.rest_listing,
            stream=self.stream,
            also=self.also,
            offers=offers(self),
            node_fields=self.node_fields,
            from_graph=self.from_graph,
            lists=self.graphql.lists,
            sets=[one.carried for one in self.sets],
            news=self._signal(),
            follows=said.news.kinds if isinstance(said.news, With) else (),
            under=self._under(),
            inside={said.read.of: said.read.link} if isinstance(said.read, Inside) else {},
            switch=said.switch,
            permission=next(iter(said.needs), ""),
            scope=self.model.scope,
        )

    def _signal(self) -> Signal | None:
        news, read = self.declared.news, self.declared.read
        if isinstance(news, Packed):
            return Signal(news.connection, news.order, news.clock)
        if isinstance(news, Scalar):
            return Signal("", scalar=news.name)
        if news is None and isinstance(read, Connection):
            return Signal(read.name, "UPDATED_AT", "updatedAt")
        return None

    def _under(self) -> Under | None:
        under, read, scope = self.declared.under, self.declared.read, self.model.scope
        if isinstance(read, Inside):
            owner = kind_of(declared(read.of)).merge
            return Under([owner], {read.link: owner.key[0]})
        if isinstance(under, Parent):
            return Under([one.parent.merge for one in self.nests], under.link)
        if under is None:
            return None
        parents = [kind_of(declared(name)).merge for name in under.parents]
        link = {scope: scope, under.column: "number"}
        return Under(
            parents, link, under.counted, under.column, under.path, moves_with=under.moves_with
        )

    @cached_property
    def after(self) -> frozenset[str]:
        """The kinds that are written before it, and purged after it."""
        under, read = self.declared.under, self.declared.read
        inside = {read.of} if isinstance(read, Inside) else set()
        if isinstance(under, Parent):
            return frozenset(one.parent.name for one in self.nests)
        return frozenset(inside | set(under.parents if under else ()))

    @property
    def rests_on(self) -> Sequence[frozenset[str]]:
        """Of each of these groups one kind at least is kept up, or this one cannot be."""
        under, news = self.declared.under, self.declared.news
        either: frozenset[str] = frozenset()
        if isinstance(under, Numbered) or (isinstance(under, Parent) and len(under.models) > 1):
            either = self.after
        groups = [frozenset({name}) for name in sorted(self.after - either)]
        told = frozenset(news.kinds) if isinstance(news, With) else frozenset()
        return [*groups, *filter(None, (either, told))]


@cache
def kind_of(model: type[OfScope]) -> Derived:
    """What is derived from a declared kind, made once."""
    return Derived(model)
