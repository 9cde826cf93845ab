"""What one way reads of GitHub's document: the struct it is decoded into, and the GraphQL it needs.

Columns ask for values by their path; what they asked for, all together, is the shape.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from autosync.kinds._columns import Column

Way = Literal["rest", "graphql", "event"]
Path = tuple[str, ...]
# A step of a GraphQL path: `labels(first: 100)`, `assignees: assignedActors`.
_STEP = re.compile(r"(?:(?P<alias>\w+)\s*:\s*)?(?P<field>\w+)\s*(?P<arguments>\(.*\))?")
_REQUIRED: Final[Any] = msgspec.NODEFAULT
_PAGE = "pageInfo { hasNextPage endCursor }"
Selection: TypeAlias = "dict[str, Selection]"


@dataclass
class _Leaf:
    kind: Any
    default: Any
    optional: bool  # its object may be null without anything being amiss


@dataclass
class _Object:
    fields: dict[str, _Leaf | _Object] = field(default_factory=dict)
    required: bool = False

    @property
    def optional(self) -> bool:
        return not self.required and all(one.optional for one in self.fields.values())


@dataclass
class Shape:
    """The shape of one way of one kind. `base` is where the object is in the document."""

    name: str
    way: Way
    base: Path = ()
    selection: Selection = field(default_factory=dict)
    lists: dict[str, tuple[str, str]] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._root = _Object()
        node = self._root
        for step in self.base:
            node = self._inside(node, step)
            node.required = True

    def value(self, path: Path, kind: Any, default: Any, *, optional: bool) -> str:
        """Python that gives the value at `path` in a function made with `prologue`."""
        node = self._root
        for step in path[:-1]:
            node = self._inside(node, step)
            node.required = node.required or default is _REQUIRED
        node.fields.setdefault(path[-1], _Leaf(kind, default, optional))
        return f"{_local(path[:-1])}.{_attribute(path[-1])}"

    def _inside(self, node: _Object, step: str) -> _Object:
        found = node.fields.setdefault(step, _Object())
        if not isinstance(found, _Object):
            raise TypeError(f"{self.name}: one column reads `{step}`, another what is inside it")
        return found

    def select(self, steps: Path) -> None:
        """Let GraphQL's selection have this."""
        node = self.selection
        for step in steps:
            node = node.setdefault(step, {})

    def pages(self, path: Path, fields: str, first: int) -> str:
        """A connection is at `path`: ask for its first nodes, and for more elsewhere; its key."""
        *before, last = path
        found = _STEP.fullmatch(last)
        assert found is not None, last
        named = last.removesuffix(found["arguments"] or "")
        arguments = found["arguments"] or f"(first: {first})"
        self.select((*before, f"{named}{arguments}", _PAGE))
        self.select((*before, f"{named}{arguments}", f"nodes {{ {fields} }}"))
        key = found["alias"] or found["field"]
        self.lists[key] = (named, fields)
        return key

    def struct(self) -> type[msgspec.Struct]:
        """The struct into which msgspec decodes a document, with all that columns read."""
        return self._struct(self._root, ())

    def _struct(self, node: _Object, path: Path) -> type[msgspec.Struct]:
        fields: list[Any] = []
        for key, one in node.fields.items():
            attribute = _attribute(key)
            if isinstance(one, _Leaf):
                fields.append((attribute, one.kind, msgspec.field(name=key, **_default(one))))
                continue
            inner = self._struct(one, (*path, key))
            if one.required:
                fields.append((attribute, inner, msgspec.field(name=key)))
            elif one.optional:
                kind: Any = inner | None
                fields.append((attribute, kind, msgspec.field(name=key, default=None)))
            else:
                made = msgspec.field(name=key, default_factory=inner)
                fields.append((attribute, inner, made))
            if not one.required:
                # Stands in for an object that is null; only ever read.
                self.constants[f"NO_{_local((*path, key))}"] = inner()
        title = "".join(step.title().replace("_", "") for step in path)
        return msgspec.defstruct(f"{self.name}{title}", fields, kw_only=True)

    def prologue(self, used: str) -> Iterator[str]:
        """Assignments of the objects inside the document to the names that `value` gives."""
        yield from self._assignments(self._root, (), used)

    def _assignments(self, node: _Object, path: Path, used: str) -> Iterator[str]:
        for key, one in node.fields.items():
            if isinstance(one, _Object):
                here = _local((*path, key))
                if not re.search(rf"\b{here}(_|\b)", used):
                    continue
                otherwise = f" or NO_{here}" if one.optional else ""
                yield f"{here} = {_local(path)}.{_attribute(key)}{otherwise}"
                yield from self._assignments(one, (*path, key), used)


class At:
    """What a column is given to say, as Python source, how its value is made by one way."""

    def __init__(self, shape: Shape, column: Column[Any, Any], columns: Mapping[str, Any]) -> None:
        self.way = shape.way
        self._shape, self._column, self._columns = shape, column, columns
        self._steps = steps(column, shape.way)

    def __call__(self, kind: Any, default: Any, inside: str = "", *, select: bool = True) -> str:
        """The value at the column's path, or `inside` it; as declared: NULL, essential, …"""
        column, path = self._column, self._place(self._steps)
        if inside:
            optional = column.none or column.null or self.way == "graphql"
            return self._value((*self._steps, inside), kind, default, optional, select)
        if column.essential and (self.way != "graphql" or column.primary_key):
            if self.way == "graphql":
                return self._value(self._steps, kind, default, False, select)
            return self._value(self._steps, kind, _REQUIRED, False, select)
        if column.null:
            return self._value(self._steps, kind | None, None, True, select)
        if column.none and len(path) == len(self._shape.base) + 1:
            value = self._value(self._steps, kind | None, None, True, select)
            return f"({value} or {default!r})"
        return self._value(self._steps, kind, default, column.none, select)

    def has(self, name: str) -> bool:
        """Whether the kind has this column."""
        return name in self._columns

    def raw(self, name: str, kind: Any, default: Any) -> str:
        """What GitHub has for a column, whatever that makes of it."""
        found = steps(self._columns[name], self.way)
        return self._value(found, kind, default, True, True) if found else repr(default)

    def clock(self) -> str:
        """When GitHub says that the object changed last, as it is written."""
        return clock_of(self._shape)

    def given(self, name: str, value: Any) -> str:
        """A constant for the source."""
        self._shape.constants[f"{self._column.name}_{name}"] = value
        return f"{self._column.name}_{name}"

    def beside(self, key: str) -> str:
        """Whatever the object has under `key`, which a union's selection asks for; or None."""
        return self._value((key,), Any, None, True, False)

    def select(self, *inside: str) -> None:
        """Ask GraphQL for this too, inside the column's path."""
        self._shape.select((*self._steps, *inside))

    def pages(self, fields: str, first: int) -> None:
        """The column's path is a connection: ask for its first nodes, and for more elsewhere."""
        self._shape.pages(self._steps, fields, first)

    def _value(self, path: Path, kind: Any, default: Any, optional: bool, select: bool) -> str:
        if select and self.way == "graphql":
            self._shape.select(path)
        return self._shape.value(self._place(path), kind, default, optional=optional)

    def _place(self, path: Path) -> Path:
        if path[:1] == ("$",):
            return path[1:]
        return (*self._shape.base, *(_key(step) for step in path))


def clock_of(shape: Shape) -> str:
    """Python that gives the object's clock as it is written."""
    # A moment as it is written: see `_events.When`.
    kind = str | int | float | None
    step = "updatedAt" if shape.way == "graphql" else "updated_at"
    if shape.way == "graphql":
        shape.select((step,))
    return shape.value((*shape.base, step), kind, None, optional=True)


def steps(column: Column[Any, Any], way: Way) -> Path:
    """Where a way has the column; empty if it has not."""
    path = {"rest": column.rest, "graphql": column.graph, "event": column.event}[way]
    return tuple(path.split(".")) if path else ()


def written(selection: Selection) -> str:
    """A selection as GraphQL has it."""
    return " ".join(
        f"{step} {{ {written(inside)} }}" if inside else step for step, inside in selection.items()
    )


def _default(leaf: _Leaf) -> dict[str, Any]:
    if leaf.default is _REQUIRED:
        return {}
    if isinstance(leaf.default, list | dict):
        return {"default_factory": type(leaf.default)}
    return {"default": leaf.default}


def _key(step: str) -> str:
    found = _STEP.fullmatch(step)
    return (found["alias"] or found["field"]) if found else step


def _attribute(key: str) -> str:
    name = re.sub(r"\W", "_", key).lstrip("_")
    return f"{name}_" if keyword.iskeyword(name) else name


def _local(path: Path) -> str:
    """The name that an object has in the generated source."""
    return "_".join(["its", *map(_attribute, path)]) if path else "it"
