"""Connections: first/last between 1 and 100, opaque cursors, and pages that load when looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from githubsim import cursors
from githubsim.clock import epoch
from githubsim.cursors import encode as encode
from githubsim.graphql.context import Info
from githubsim.graphql.errors import Problem

MOST = 100


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which part of a connection is asked for; `size` None where only its totalCount is."""

    size: int | None
    backward: bool
    after: str | None
    before: str | None

    @classmethod
    def of(cls, info: Info, args: Mapping[str, Any]) -> Bounds:
        """From a connection's arguments. Problem where GitHub would not page."""
        name = info.field_name
        first, last = args.get("first"), args.get("last")
        if first is not None and last is not None:
            raise Problem(
                "INVALID_PAGINATION_BOUNDARIES",
                f"Passing both `first` and `last` to paginate the `{name}` connection is not "
                "supported.",
            )
        size, word = (first, "first") if first is not None else (last, "last")
        if size is None:
            if _asks_for_items(info):
                raise Problem(
                    "MISSING_PAGINATION_BOUNDARIES",
                    f"You must provide a `first` or `last` value to properly paginate the "
                    f"`{name}` connection.",
                )
        elif size > MOST:
            raise Problem(
                "EXCESSIVE_PAGINATION",
                f"Requesting {size} records on the `{name}` connection exceeds the `{word}` "
                f"limit of {MOST} records.",
            )
        elif size < 0 or (size == 0 and _asks_for_items(info)):
            # Of none the count may be asked: connectors ask for `first: 0` so.
            raise Problem(
                "INVALID_PAGINATION_BOUNDARIES",
                f"`{word}` on the `{name}` connection must be between 1 and {MOST}.",
            )
        return cls(size, last is not None, args.get("after"), args.get("before"))


@dataclass(frozen=True, slots=True)
class Edge:
    """A node with its cursor, or what becomes one: of most edges nobody asks for it."""

    key: str | tuple[Any, ...]
    node: Any

    @property
    def cursor(self) -> str:
        return self.key if isinstance(self.key, str) else encode(*self.key)


@dataclass(frozen=True, slots=True)
class Part:
    """What a page holds once it is loaded."""

    edges: Sequence[Edge]
    has_next: bool
    has_previous: bool


class Page:
    """A connection as its resolvers see it: neither its nodes nor its count are read unasked."""

    def __init__(self, load: Callable[[], Part], count: Callable[[], int]) -> None:
        self._load = load
        self._count = count

    @cached_property
    def part(self) -> Part:
        return self._load()

    @cached_property
    def total(self) -> int:
        return self._count()


def decode(cursor: str, size: int) -> list[Any]:
    """The key of `size` parts in a cursor, or Problem."""
    try:
        return cursors.decode(cursor, size)
    except ValueError as error:
        raise bad_cursor(cursor) from error


def bad_cursor(cursor: str) -> Problem:
    """What GitHub says of a cursor that it did not make."""
    return Problem("INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor.")


def when(text: str) -> int:
    """A DateTime of the arguments as epoch seconds, or Problem."""
    try:
        return epoch(text)
    except ValueError as error:
        raise Problem("INVALID_TIMESTAMP", f"'{text}' is not a valid DateTime.") from error


def of_list(info: Info, items: Sequence[Any], args: Mapping[str, Any]) -> Page:
    """A page of a list that is at hand as a whole."""
    bounds = Bounds.of(info, args)
    start = 0 if bounds.after is None else _place(bounds.after)
    end = len(items) if bounds.before is None else min(len(items), _place(bounds.before) - 1)

    def load() -> Part:
        size = bounds.size or 0
        low, high = (max(start, end - size), end) if bounds.backward else (start, start + size)
        high = min(high, end)
        edges = [Edge((low + i + 1,), one) for i, one in enumerate(items[low:high])]
        return Part(edges, high < len(items), low > 0)

    return Page(load, lambda: len(items))


def _place(cursor: str) -> int:
    (place,) = decode(cursor, 1)
    if not isinstance(place, int) or place < 0:
        raise bad_cursor(cursor)
    return place


def _asks_for_items(info: Info) -> bool:
    """Whether anything but the count of a connection is selected."""

    def asks(selections: SelectionSetNode | None) -> bool:
        for one in selections.selections if selections else ():
            if isinstance(one, FieldNode):
                if one.name.value not in ("totalCount", "__typename"):
                    return True
            elif isinstance(one, InlineFragmentNode):
                if asks(one.selection_set):
                    return True
            elif isinstance(one, FragmentSpreadNode):
                fragment = info.fragments[one.name.value]
                if asks(fragment.selection_set):
                    return True
        return False

    return any(asks(node.selection_set) for node in info.field_nodes)


Resolvers = dict[str, Callable[..., Any]]


CONNECTION: Resolvers = {
    "edges": lambda page, _: page.part.edges,
    "nodes": lambda page, _: [edge.node for edge in page.part.edges],
    "pageInfo": lambda page, _: page.part,
    "totalCount": lambda page, _: page.total,
}
EDGE: Resolvers = {
    "cursor": lambda edge, _: edge.cursor,
    "node": lambda edge, _: edge.node,
}
PAGE_INFO: Resolvers = {
    "startCursor": lambda part, _: part.edges[0].cursor if part.edges else None,
    "endCursor": lambda part, _: part.edges[-1].cursor if part.edges else None,
    "hasNextPage": lambda part, _: part.has_next,
    "hasPreviousPage": lambda part, _: part.has_previous,
}
