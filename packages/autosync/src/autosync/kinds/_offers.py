"""The ways that a kind declares, with what a page of each costs: what `_ways.plan` chooses from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autosync.github.price import MOST_NODES, price
from autosync.kinds._kind import Connection, Inside, Nested, Rest, Within
from autosync.kinds._ways import PAGE, Offer, Way

if TYPE_CHECKING:
    from autosync.kinds._derived import Derived


def offers(kind: Derived) -> tuple[Offer, ...]:
    """The declared way first; none for a kind that is read by a way of its own."""
    read, also = kind.declared.read, kind.declared.also
    if isinstance(read, Connection):
        way = Way.STREAM if kind.stream is not None else Way.CONNECTION
        items = "edges" if kind.stream is not None else "nodes"
        points = _points(f"page: {read.name}(first: {PAGE}) {{ {items} {{ {kind.node_fields} }} }}")
        first = Offer(way, PAGE, points, since=read.since, counts=True, compared=True)
        return (first, *([_rest(kind, also, compared=True)] if also else []))
    if isinstance(read, Rest):
        return (_rest(kind, read, compared=False),)
    if isinstance(read, Nested):
        parents = min(PAGE, MOST_NODES // (1 + read.first))
        fields = kind.graphql_list.selection
        query = f"ids(ids: $ids) {{ {read.name}(first: {read.first}) {{ nodes {{ {fields} }} }} }}"
        return (Offer(Way.NESTED, parents, _points(query, parents)),)
    if isinstance(read, Inside | Within):
        return (Offer(Way.RIDING, PAGE, 0),)
    return ()


def _rest(kind: Derived, read: Rest, *, compared: bool) -> Offer:
    lacks = kind.graphql.gives - kind.rest_list.gives if compared else frozenset[str]()
    return Offer(Way.REST, PAGE, 1, since=read.since, compared=compared, lacks=lacks)


def _points(selection: str, ids: int = 1) -> int:
    return price(f"query($ids: [ID!]!) {{ {selection} }}", {"ids": [""] * ids}).points
