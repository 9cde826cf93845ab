"""Row functions, generated as source: a webhook costs no more than by one written by hand."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from autosync.kinds import _events, _graphql, _union
from autosync.kinds._columns import Column
from autosync.kinds._kind import Clock
from autosync.kinds._shape import At, Selection, Shape, Way, clock_of, steps, written
from autosync.mirror.people import held
from autosync.mirror.sets import KNOWN
from autosync.mirror.upsert import Merge

if TYPE_CHECKING:
    from autosync.kinds._derived import Derived

# What the source of row functions calls.
CALLED: Final = {
    "beginning": _events.beginning,
    "carrying": _events.carrying,
    "clock": _events.clock,
    "labels": _events.labels,
    "logins": _events.logins,
    "timestamp": _events.timestamp,
    "database_id": _graphql.database_id,
    "first_id": _graphql.first_id,
    "member": _union.member,
    "login": _graphql.login,
    "needed": _events.needed,
    "number": _graphql.number,
    "number_in": _events.number_in,
    "owners": _graphql.owners,
    "reaction_groups": _graphql.reaction_groups,
    "reactions": _events.reactions,
}


@dataclass(frozen=True)
class Rows:
    """One way compiled: what is decoded, and what makes a row of it."""

    struct: type[msgspec.Struct]
    make: Callable[[Any, int], dict[str, Any]]
    source: str
    gives: frozenset[str]
    selection: str
    lists: Mapping[str, tuple[str, str]]
    tree: Selection = field(default_factory=dict)


def compiled(
    kind: Derived,
    way: Way,
    base: tuple[str, ...],
    *,
    listed: bool,
    reads: Mapping[str, Any],
) -> Rows:
    """How a row is made of an object that is at `base` of what comes by `way`; `listed`: with what
    lists have of it alone. `reads`: fields that are decoded too, each with its type.
    """
    model, unless = kind.model, kind.declared.unless
    shape = Shape(f"{model.__name__}{way.title()}", way, base)
    known = {one.name: one for one in kind.columns}
    expressions, absent = {model.scope: "scope"}, {}

    def expression(column: Column[Any, Any]) -> str:
        found = column.source(At(shape, column, known))
        if column.name in kind.model.identity and not column.primary_key:
            return f"needed({found}, {column.name!r})"
        if not column.when:
            return found
        return f"({found}) if ({expression(known[column.when])}) else {column.get_default()!r}"

    for column in kind.columns:
        if kind.of_git and (way == "graphql") is bool(column.git):
            continue  # GraphQL is asked for what git does not tell
        if steps(column, way) and not (listed and column.deep):
            expressions[column.name] = expression(column)
        elif kind.of_git and column.git:
            absent[column.name] = repr(column.get_default())
    for path, what in reads.items():
        shape.value((*base, *path.split(".")), what, "", optional=False)
    if kind.declared.clock is Clock.UPDATED:
        expressions["updated_at"] = f"clock({clock_of(shape)})"
    for key, what in (unless.reads if unless and way != "graphql" else {}).items():
        shape.value((*base, key), what, None, optional=True)
    if listed and way == "rest":
        for column in kind.columns:
            if not column.listed:
                expressions.pop(column.name, None)
    begin, end = "    return {", ["    }"]
    if kind.sets:
        expressions[KNOWN] = "True"
        begin = "    return carrying({"
        lists = {one.name: one.expression(shape, way, base) for one in kind.sets}
        sets = [f'            "{name}": {value},' for name, value in lists.items()]
        end = ["    }, {", *sets, "    })"]
    struct = shape.struct()
    values = {**expressions, **absent}
    body = [f'        "{name}": {value},' for name, value in values.items()]
    lines = [f"    {line}" for line in shape.prologue("\n".join([*body, *end]))]
    name = f"{kind.name}_from_{way}{'_list' if listed else ''}"
    source = "\n".join([f"def {name}(it, scope):", *lines, begin, *body, *end, ""])
    make = function(name, source, {**CALLED, **shape.constants})
    if kind.merge.people and not kind.of_git:  # of which whole histories come at once
        make = _without_forgotten(make, kind.merge)
    union = getattr(kind.declared.read, "union", None) if way == "graphql" else None
    selection = union.written(shape.selection) if union else written(shape.selection)
    gives = frozenset(expressions)
    return Rows(struct, make, source, gives, selection, shape.lists, shape.selection)


def _without_forgotten(
    make: Callable[[Any, int], dict[str, Any]], merge: Merge
) -> Callable[[Any, int], dict[str, Any]]:
    """Rows as they are stored, so that whoever compares them compares like with like."""

    def made(it: Any, scope: int) -> dict[str, Any]:
        row = make(it, scope)
        forgotten = held()
        return cast(dict[str, Any], forgotten.row(merge, row)) if forgotten.known else row

    return made


def function(name: str, source: str, known: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """The function that the source defines; it may call what is `known`."""
    place = f"<generated: {name}>"
    exec(compile(source, place, "exec"), known)
    # So that a traceback shows the line.
    linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
    made: Callable[..., dict[str, Any]] = known[name]
    return made
