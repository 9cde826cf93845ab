"""Fields of GraphQL that older GitHub Enterprise Servers do not have, and what stands in for them.

A server that refuses one is asked again without it, and from then on only so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

# Refused name → its nearest older field. GraphQL has had `assignedActors` since 3.19; before that
# a bot could not be assigned: https://docs.github.com/enterprise-server@3.19/graphql/reference/interfaces
_OLDER: Mapping[str, str] = {"assignedActors": "assignees"}
# Names without which a query is as good: what an older server does not have is then not in its
# answers. https://docs.github.com/graphql/overview/changelog of 2025
_DISPENSABLE = frozenset({"blockedBy", "issueDependenciesSummary", "subIssues", "subIssuesSummary"})
_KNOWN = _OLDER.keys() | _DISPENSABLE
# GraphQL address → names that it refused, for the life of the process.
_refused: dict[str, frozenset[str]] = {}


def spoken(url: str, query: str) -> str:
    """`query` without what the server at `url` has refused."""
    for name in _refused.get(url, ()):
        if name in _DISPENSABLE:
            query = _without(query, name)
        else:
            query = query.replace(f" {name}(", f" {_OLDER[name]}(")
    return query


def _without(query: str, name: str) -> str:
    """`query` without this field, its other name and all that is asked of it."""
    while found := re.search(rf"(?:\w+\s*:\s*)?\b{name}\b\s*(?:\([^()]*\))?\s*\{{", query):
        depth, end = 1, found.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(query[end], 0)
            end += 1
        query = query[: found.start()] + query[end:]
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
    """Whether `url` refused a name of the query it was sent that can be said in an older way."""
    names = {
        str(extensions.get("fieldName"))
        for error in errors
        if isinstance(extensions := error.get("extensions"), dict)
        and extensions.get("code") == "undefinedField"
    }
    new = {name for name in names & _KNOWN if re.search(rf"\b{name}\b", sent)}
    if new:
        _refused[url] = _refused.get(url, frozenset()) | new
    return bool(new)
