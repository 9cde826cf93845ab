"""What a query costs, before it is sent: points, and the largest number of nodes it could return.

https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api: each list
is a request for every object it may hang on, a hundred requests are a point, a query is at least
one, and one that could return more than 500,000 nodes is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

MOST_NODES = 500_000
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\.\.\.|\$?\w+|[^\s,]')
_CLOSED_BY = {"(": ")", "[": "]", "{": "}"}


class Price(NamedTuple):
    """`requests` as GitHub counts them: one for each time a list is filled."""

    requests: int = 0
    nodes: int = 0

    @property
    def points(self) -> int:
        return max(1, (self.requests + 50) // 100)

    def plus(self, other: Price) -> Price:
        return Price(self.requests + other.requests, self.nodes + other.nodes)


class _Field(NamedTuple):
    """`size` and `ids`: a number or list as written, or the name of a variable; else None."""

    size: int | str | None
    ids: int | str | None
    inside: tuple[_Field | str, ...]


# The fields of a selection, and names of fragments that are in it.
_Selection = Sequence[_Field | str]


def price(query: str, variables: Mapping[str, Any]) -> Price:
    """The price of a document with one query in it."""
    selection, fragments = _parsed(query)
    return _sum(selection, 1, variables, fragments)


def _sum(
    selection: _Selection,
    parents: int,
    variables: Mapping[str, Any],
    fragments: Mapping[str, _Selection],
) -> Price:
    total = Price()
    for one in selection:
        if isinstance(one, str):
            total = total.plus(_sum(fragments[one], parents, variables, fragments))
            continue
        inside = parents
        size = variables.get(one.size) if isinstance(one.size, str) else one.size
        ids = variables.get(one.ids) if isinstance(one.ids, str) else one.ids
        if isinstance(size, int):
            inside = parents * size
            total = total.plus(Price(parents, inside))
        elif ids is not None:
            inside = ids if isinstance(ids, int) else len(ids)
            total = total.plus(Price(1, inside))
        total = total.plus(_sum(one.inside, inside, variables, fragments))
    return total


@lru_cache(maxsize=256)
def _parsed(query: str) -> tuple[_Selection, Mapping[str, _Selection]]:
    """What the query selects, and the fragments by their names."""
    tokens = iter(_TOKEN.findall(query))
    found: _Selection = ()
    fragments: dict[str, _Selection] = {}
    fragment = ""
    for token in tokens:
        if token == "fragment":
            fragment = next(tokens)
        elif token == "(":
            list(_until(")", tokens))  # what variables there are
        elif token == "{" and fragment:
            fragments[fragment], fragment = _selection(tokens), ""
        elif token == "{":
            found = _selection(tokens)
    return found, fragments


def _selection(tokens: Iterator[str]) -> _Selection:
    """The fields up to the end of this selection; those of inline fragments are among them."""
    fields: list[_Field | str] = []
    size: int | str | None = None
    ids: int | str | None = None
    named = False
    for token in tokens:
        if token == "(":
            size, ids = _arguments(list(_until(")", tokens)))
        elif token == "{":
            inside = _selection(tokens)
            fields += [_Field(size, ids, tuple(inside))] if named else inside
            size = ids = None
            named = False
        elif token == "}":
            return fields
        elif token == "...":
            name = next(tokens)
            if name == "on":
                next(tokens)
            else:
                fields.append(name)
            named = False
        elif token != ":":
            named = True
    raise ValueError("a query without an end")


def _arguments(tokens: Sequence[str]) -> tuple[int | str | None, int | str | None]:
    """How many of a list are wanted, or which nodes."""
    size: int | str | None = None
    ids: int | str | None = None
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token in _CLOSED_BY) - (token in _CLOSED_BY.values())
        if depth or tokens[place + 1 : place + 2] != [":"]:
            continue
        value = tokens[place + 2]
        if token in ("first", "last"):
            size = value[1:] if value.startswith("$") else int(value)
        elif token == "ids":
            listed = tokens[place + 3 :]
            ids = value[1:] if value.startswith("$") else listed.index("]")
    return size, ids


def _until(end: str, tokens: Iterator[str]) -> Iterator[str]:
    """The tokens before the bracket that ends here."""
    depth = 0
    for token in tokens:
        if token == end and not depth:
            return
        depth += (token in _CLOSED_BY) - (token in _CLOSED_BY.values())
        yield token
    raise ValueError(f"no {end}")
