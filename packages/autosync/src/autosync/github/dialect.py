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
        type_, _, field = name.partition(".")
        if name in _OLDER:
            query = query.replace(f" {name}(", f" {_OLDER[name]}(")
        elif name in _DISPENSABLE:
            query = _without(query, name)
        elif _is_member(type_, query):
            query = _without_field(query, type_, field) if field else _without_member(query, type_)
    return query


def _without(query: str, name: str) -> str:
    """`query` without this field, its other name and all that is asked of it."""
    while found := re.search(rf"(?:\w+\s*:\s*)?\b{name}\b\s*(?:\([^()]*\))?\s*\{{", query):
        query = query[: found.start()] + query[_end(query, found.end() - 1) :]
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
    new = {
        name
        for name in _lacking(errors)
        if (
            f" {name}(" in sent
            if name in _OLDER
            else re.search(rf"\b{name}\b", sent)
            if name in _DISPENSABLE
            else _is_member(name.partition(".")[0], sent)
        )
    }
    if new:
        _refused[url] = _refused.get(url, frozenset()) | new
    return bool(new) and spoken(url, sent) != sent


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


def _without_field(query: str, type_: str, field: str) -> str:
    """The fragment without a field that it has under a name of its own."""
    start = -1
    while (start := query.find(f"... on {type_} {{", start + 1)) >= 0:
        end = _end(query, query.index("{", start))
        found = re.compile(rf"(?:\w+: )?\b{field}\b ?(?={{)?").search(query, start, end)
        if found is None:
            continue
        after = found.end()
        if query[after : after + 1] == "{":
            after = _end(query, after)
        query = query[: found.start()] + query[after:].lstrip()
    return query


def _end(query: str, brace: int) -> int:
    """The place after the bracket that closes the one at `brace`."""
    depth = 0
    for place in range(brace, len(query)):
        depth += (query[place] == "{") - (query[place] == "}")
        if not depth:
            return place + 1
    raise ValueError("a query without an end")
