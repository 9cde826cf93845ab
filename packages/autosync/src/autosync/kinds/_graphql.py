"""What GraphQL writes otherwise than REST, brought to the shape of REST."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from autosync.kinds._events import Owner, reactions
from autosync.kinds._payload import Id, IncompletePayload, Name

# REST and webhooks show the coding agent under another login (posit-dev/ark#1001); the id is one.
_LOGINS = {"copilot-swe-agent": "Copilot"}

LABEL_FIELDS = "node_id: id name color"
_NUMBERED = ("User", "Bot", "Mannequin", "Organization")
# Inside of what all actors have, so that it is asked of users alone as well.
ASSIGNEE_FIELDS = (
    "__typename ... on Actor { login "
    + " ".join(f"... on {kind} {{ databaseId }}" for kind in _NUMBERED)
    + " }"
)


class Actor(msgspec.Struct, rename={"typename": "__typename"}):
    """Null where the account was deleted."""

    login: Name = ""
    typename: str = ""
    databaseId: Id | None = None


def owner(actor: Actor | None) -> Owner | None:
    """An actor as REST shows it."""
    return (
        None
        if actor is None
        else Owner(login=login(actor.login, actor.typename), id=actor.databaseId)
    )


def owners(actors: Sequence[Actor | None]) -> list[Owner | None]:
    return [owner(one) for one in actors]


def login(name: str, typename: str) -> str:
    """A login as REST writes it: GraphQL leaves out the `[bot]` of an App's bot."""
    if typename != "Bot" or not name:
        return name
    if name in _LOGINS:
        return _LOGINS[name]
    return name if name.endswith("[bot]") else f"{name}[bot]"


def reaction_groups(groups: Sequence[Mapping[str, Any]] | None) -> dict[str, int] | None:
    """The counts of GraphQL's groups, of which there is one for each reaction, as REST has them."""
    if groups is None:
        return None
    named = {"THUMBS_UP": "+1", "THUMBS_DOWN": "-1"}
    counts = {
        named.get(one["content"], one["content"].lower()): one["reactors"]["totalCount"]
        for one in groups
    }
    return reactions(counts)


def number(full: str | int | None) -> int | None:
    """A BigInt, which is written as text; None if there is none."""
    try:
        return int(full or "")
    except ValueError:
        return None


def first_id(nodes: Sequence[Any] | None) -> int | None:
    """The number of the first in a list, if there is one."""
    first = nodes[0] if nodes else None
    return number(first.get("fullDatabaseId")) if isinstance(first, dict) else None


def database_id(full: str | int | None) -> int:
    """`fullDatabaseId`, a BigInt and so written as text."""
    try:
        return int(full or "")
    except ValueError:
        raise IncompletePayload("GraphQL left out the `fullDatabaseId` of an object.") from None
