"""Fields of GraphQL that older GitHub Enterprise Servers do not have, and what stands in for them.

A server that refuses one is asked again without it, and from then on only so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Refused name → its nearest older field. GraphQL has had `assignedActors` since 3.19; before that
# a bot could not be assigned: https://docs.github.com/enterprise-server@3.19/graphql/reference/interfaces
_OLDER: Mapping[str, str] = {"assignedActors": "assignees"}
# GraphQL address → names that it refused, for the life of the process.
_refused: dict[str, frozenset[str]] = {}


def spoken(url: str, query: str) -> str:
    """`query` without what the server at `url` has refused."""
    for name in _refused.get(url, ()):
        query = query.replace(f" {name}(", f" {_OLDER[name]}(")
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
    new = {name for name in names & _OLDER.keys() if f" {name}(" in sent}
    if new:
        _refused[url] = _refused.get(url, frozenset()) | new
    return bool(new)
