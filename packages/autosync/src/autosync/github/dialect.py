"""What older GitHub Enterprise Servers lack of GraphQL, and what stands in for it.

A server that refuses a query for it is asked again without it, and from then on only so: a field in
its older form; of a union, where a query names the members that it wants, a member or one of a
member's fields not at all. An object of a type that a server does not know cannot be there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# Refused name → its nearest older field. GraphQL has had `assignedActors` since 3.19; before that
# a bot could not be assigned: https://docs.github.com/enterprise-server@3.19/graphql/reference/interfaces
_OLDER: Mapping[str, str] = {"assignedActors": "assignees"}
# Names without which a query is as good: what an older server does not have is then not in its
# answers. https://docs.github.com/graphql/overview/changelog of 2025
_DISPENSABLE = frozenset({"blockedBy", "issueDependenciesSummary", "subIssues", "subIssuesSummary"})
# GraphQL address → fields, types and `Type.fields` that it refused, for the life of the process.
_refused: dict[str, frozenset[str]] = {}


def spoken(url: str, query: str) -> str:
    """`query` without what the server at `url` has refused."""
    for name in sorted(_refused.get(url, ())):
        query = _spared(query, name)
    return query


def _spared(query: str, name: str) -> str:
    """`query` without the field, type or `Type.field` of this name, or with the older form of it.

    Unchanged if the query does not ask for it or cannot do without it.
    """
    type_, _, field = name.partition(".")
    if name in _OLDER:
        return query.replace(f" {name}(", f" {_OLDER[name]}(")
    if name in _DISPENSABLE:
        while (shorter := _without_field(query, name)) != query:
            query = shorter
        return query
    if _is_member(type_, query):
        return _without_field_of(query, type_, field) if field else _without_member(query, type_)
    return query


def priced(query: str) -> str:
    """`query`, which also asks what it costs; that costs nothing.

    https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
    """
    head, brace, rest = query.partition("{")
    return f"{head}{brace} rateLimit {{ cost }} {rest}" if head.startswith("query") else query


def cost(document: Any) -> int:
    """What the answer to a `priced` query says; 0 without a limit (GHES), or without a word."""
    try:
        return int(document["data"]["rateLimit"]["cost"])
    except (LookupError, TypeError, ValueError):
        return 0


def learn(url: str, sent: str, errors: Sequence[Mapping[str, Any]]) -> bool:
    """Whether `url` refused something of the query it was sent that can be left out or said in an
    older way.
    """
    new = {name for name in _lacking(errors) if _spared(sent, name) != sent}
    if new:
        _refused[url] = _refused.get(url, frozenset()) | new
    return bool(new)


def _lacking(errors: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The codes are those of the library that GitHub uses:
    https://github.com/rmosolgo/graphql-ruby/tree/master/lib/graphql/static_validation/rules
    """
    for error in errors:
        said = error.get("extensions")
        if isinstance(said, dict) and said.get("code") == "undefinedField":
            yield str(said.get("fieldName"))
            yield f"{said.get('typeName')}.{said.get('fieldName')}"
        elif isinstance(said, dict) and said.get("code") == "undefinedType":
            yield str(said.get("typeName"))


def _word(type_: str) -> str:
    """By which an argument names a member of a union."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type_).upper()


def _is_member(type_: str, query: str) -> bool:
    chosen = re.search(rf"\[[A-Z_ ]*\b{re.escape(_word(type_))}\b", query)
    return chosen is not None and f"... on {type_} {{" in query


def _without_member(query: str, type_: str) -> str:
    query = re.sub(rf"\b{_word(type_)}\b ?(?=[A-Z_ ]*\])", "", query)
    while (start := query.find(f"... on {type_} {{")) >= 0:
        query = query[:start] + query[_end(query, query.index("{", start)) :].lstrip()
    return query


def _without_field_of(query: str, type_: str, field: str) -> str:
    """The fragments of a type without a field of it."""
    start = -1
    while (start := query.find(f"... on {type_} {{", start + 1)) >= 0:
        end = _end(query, query.index("{", start))
        query = query[:start] + _without_field(query[start:end], field) + query[end:]
    return query


def _without_field(query: str, name: str) -> str:
    """`query` without the first field of this name, its alias, its arguments and its selection."""
    field = re.compile(rf"(?:\w+\s*:\s*)?\b{re.escape(name)}\b\s*(?:\([^()]*\)\s*)?(\{{)?")
    found = field.search(query)
    if found is None:
        return query
    after = _end(query, found.start(1)) if found[1] else found.end()
    return query[: found.start()] + query[after:].lstrip()


def _end(query: str, brace: int) -> int:
    """The place after the bracket that closes the one at `brace`."""
    depth = 0
    for place in range(brace, len(query)):
        depth += (query[place] == "{") - (query[place] == "}")
        if not depth:
            return place + 1
    raise ValueError("a query without an end")
