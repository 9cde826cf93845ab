"""Kinds that others carry whole and that have no life of their own: the labels of an issue. Their
rows are made of the carrier's document and replaced with it: see `mirror.sets`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, ClassVar

import msgspec
from django.db import models
from django.db.models.base import ModelBase

from autosync.kinds._compile import CALLED, Rows, function
from autosync.kinds._derived import Derived, kind_of
from autosync.kinds._events import Carried
from autosync.kinds._kind import CARRIED, Kind, Within, declared, snake
from autosync.kinds._people import people
from autosync.kinds._shape import At, Shape, Way, written
from autosync.mirror import merge as merging
from autosync.mirror.models import Repository
from autosync.mirror.upsert import Merge, Row


class SetBase(ModelBase):
    """Fills in what every set's table has; `key` begins with what links a member to its carrier."""

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        attrs: dict[str, Any],
        key: tuple[str, ...] = (),
        **options: Any,
    ) -> Any:
        if not key:
            return super().__new__(mcs, name, bases, attrs, **options)
        own = attrs.pop("Meta", None)
        word = snake(name)
        unique = models.UniqueConstraint(
            fields=[one.removesuffix("_id") if one == SetOf.scope else one for one in key],
            name=f"{word}_key",
        )
        facts: dict[str, Any] = {"app_label": "mirror", "db_table": f"{word}s"}
        facts["constraints"] = getattr(own, "constraints", [unique])
        parents = (own,) if own else ()
        attrs["Meta"] = type("Meta", parents, facts)
        home: Any = copy.deepcopy(SetOf._meta.get_field("repository"))
        home._related_name = home.remote_field.related_name = f"{word}s"
        attrs.setdefault("repository", home)
        made: Any = super().__new__(mcs, name, bases, attrs, **options)
        made.identity = key
        CARRIED.append(made)
        return made


class SetOf(models.Model, metaclass=SetBase):
    """What objects of a repository carry whole. A member has no id, clock or tombstone."""

    github: ClassVar[Kind]
    identity: ClassVar[tuple[str, ...]]
    scope: ClassVar[str] = "repository_id"

    # The key begins with it.
    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, db_constraint=False, db_index=False
    )

    class Meta:
        abstract = True

    @classmethod
    def derived(cls) -> DerivedSet:
        """What follows from its declaration."""
        return set_of(cls)


class DerivedSet(Derived):
    """A declared set with everything that follows from its declaration."""

    model: Any

    @property
    def read(self) -> Within:
        """How its carriers have it."""
        read = self.declared.read
        assert isinstance(read, Within), self.name
        return read

    @cached_property
    def carriers(self) -> Sequence[Derived]:
        """The kinds whose objects carry it."""
        return tuple(kind_of(declared(name)) for name in self.read.of)

    @cached_property
    def merge(self) -> Merge:
        """How its table is known; rows are written with their carriers."""
        key = self.model.identity
        others = tuple(one.name for one in self.columns if one.name not in key)
        return Merge(self.model, key, others, clock=merging.Clock.NONE, people=people(self.columns))

    @cached_property
    def set_of(self) -> merging.SetOf:
        """The set as the merge of its carriers knows it."""
        scope = self.model.scope
        return merging.SetOf(self.name, self.merge, ((scope, scope), (self.read.number, "number")))

    @cached_property
    def carried(self) -> Carried:
        """The set as the engine knows it."""
        read, shape = self.read, Shape(self.name, "graphql")
        shape.pages((read.graph,), read.fields, read.first)
        keys = [each.key for each in read.lists]
        selection = written(shape.selection)
        return Carried(self.name, selection, read.one, keys, self.reader("rest"))

    def _compiled(
        self,
        way: Way,
        base: tuple[str, ...],
        *,
        listed: bool = False,
        reads: Mapping[str, Any] = {},
    ) -> Rows:
        if self.of_git:
            return super()._compiled(way, base, listed=listed, reads=reads)
        shape = Shape(f"{self.model.__name__}{way.title()}", "graphql" if way == "graphql" else way)
        known = {one.name: one for one in self.columns}
        expressions = {
            one.name: one.source(At(shape, one, known))
            for one in self.columns
            if self._path(one, way) is not None
        }
        struct = shape.struct()
        body = [f'        "{name}": {value},' for name, value in expressions.items()]
        lines = [f"    {line}" for line in shape.prologue("\n".join(body))]
        name = f"{self.name}_from_{way}"
        source = "\n".join([f"def {name}(it):", *lines, "    return {", *body, "    }", ""])
        make = function(name, source, {**CALLED, **shape.constants})
        said = {name for each in self.read.lists for name in each.says if way != "graphql"}
        gives = frozenset({*expressions, *said, self.model.scope, self.read.number})
        return Rows(struct, make, source, gives, self.read.fields, {})

    @staticmethod
    def _path(column: Any, way: Way) -> str | None:
        path: str | None = {"rest": column.rest, "graphql": column.graph, "event": column.event}[
            way
        ]
        return path

    @property
    def event_key(self) -> str:
        """Webhooks have it as REST has."""
        return self.read.lists[0].key

    def reader(self, way: Way) -> Callable[..., list[Row] | None]:
        """A function of the carrier's lists, one for each that the way has: the members, or None
        if one of them could not be read.
        """
        rows = self.graphql if way == "graphql" else self.rest
        # A struct, for msgspec looks at a type that is none of its own each time anew.
        items_of: Any = list[rows.struct | None]  # type: ignore[name-defined]
        listed = msgspec.defstruct("Listed", [("items", items_of)])
        mine: Any = rows.make
        key = [name for name in self.model.identity if name in rows.gives]
        key = [name for name in key if name not in (self.model.scope, self.read.number)]
        given = [{}] if way == "graphql" else [each.says for each in self.read.lists]

        def members(*lists: Any) -> list[Row] | None:
            found: list[Row] = []
            for says, items in zip(given, lists, strict=True):
                if items is None:
                    return None
                if not items:
                    continue
                try:
                    read: Any = msgspec.convert({"items": items}, listed, from_attributes=True)
                except msgspec.ValidationError:
                    return None
                found += [{**mine(one), **says} for one in read.items if one is not None]
            if any("" in map(row.get, key) for row in found):
                return None
            # An account that is gone has no number.
            found = [row for row in found if None not in map(row.get, key)]
            if len(found) > 1:  # their order says nothing
                found.sort(key=lambda row: [row[name] for name in key])
            return found

        return members

    def expression(self, shape: Shape, way: Way, base: tuple[str, ...]) -> str:
        """Python that gives the members, in the function that makes the carrier's row."""
        read = self.read
        name = f"{self.name}_members"
        shape.constants |= {name: self.reader(way), "inside": _inside}
        if way == "graphql":
            key = shape.pages((read.graph,), read.fields, read.first)
            value = shape.value((key, "nodes"), list[Any] | None, None, optional=True)
            if read.inside:
                value = f"inside({value}, {read.inside!r})"
            return f"{name}({value})"
        values = [
            shape.value((*base, each.key), list[Any] | None, None, optional=True)
            for each in read.lists
        ]
        return f"{name}({', '.join(values)})"


def _inside(nodes: Sequence[Any] | None, key: str) -> list[Any] | None:
    """What is inside each node; None if GitHub does not show one of them: it is there."""
    found = [one.get(key) if isinstance(one, dict) else None for one in nodes or ()]
    return None if nodes is None or None in found else found


@cache
def set_of(model: type[SetOf]) -> DerivedSet:
    """What is derived from a declared set, made once."""
    made: Any = model
    return DerivedSet(made)
