"""What issues and pull requests have in common in GraphQL, brought to the shape of REST.

Both ways then give a row by the same function, so a column cannot depend on the way it came.
"""

from __future__ import annotations

from typing import Any

import msgspec

from autosync.kinds._events import Owner
from autosync.kinds._payload import Count, Id, IncompletePayload, Name

# REST and webhooks show the coding agent under another login (posit-dev/ark#1001); the id is one.
_LOGINS = {"copilot-swe-agent": "Copilot"}

# Who may act: https://docs.github.com/graphql/reference/interfaces#actor. An
# EnterpriseUserAccount has no number.
ACTOR_FIELDS = (
    "__typename login ... on User { databaseId } ... on Bot { databaseId } "
    "... on Organization { databaseId } ... on Mannequin { databaseId }"
)
LABEL_FIELDS = "node_id: id name color"
ASSIGNEE_FIELDS = "__typename ... on Actor { login }"
_PAGE = "pageInfo { hasNextPage endCursor }"
# An issue has up to 100 labels (actions/labeler#115) and 10 assignees; whoever reads these asks
# on where there is a next page. `assignees` leaves out bots, `assignedActors` has them:
# https://docs.github.com/graphql/reference/interfaces#assignable
SHARED_FIELDS = f"""
id fullDatabaseId number title body state locked createdAt updatedAt closedAt url
author {{ {ACTOR_FIELDS} }}
labels(first: 100) {{ {_PAGE} nodes {{ {LABEL_FIELDS} }} }}
assignees: assignedActors(first: 20) {{ {_PAGE} nodes {{ {ASSIGNEE_FIELDS} }} }}
milestone {{ number title }}
comments {{ totalCount }}
"""
# By the name they have in SHARED_FIELDS: the field with its arguments, and what each item has.
LISTS = {
    "labels": ("labels", LABEL_FIELDS),
    "assignees": ("assignees: assignedActors", ASSIGNEE_FIELDS),
}


class Actor(msgspec.Struct, rename={"typename": "__typename", "database_id": "databaseId"}):
    """Null where the account was deleted."""

    login: Name = ""
    typename: str = ""
    database_id: Id | None = None


class Labels(msgspec.Struct):
    nodes: list[dict[str, Any] | None] = []


class Assignees(msgspec.Struct):
    nodes: list[Actor | None] = []


class Counted(msgspec.Struct, rename="camel"):
    total_count: Count = 0


def owner(actor: Actor | None) -> Owner | None:
    """An actor as REST shows it."""
    return None if actor is None else Owner(login=login(actor), id=actor.database_id)


def owners(assignees: Assignees | None) -> list[Owner | None]:
    return [owner(one) for one in assignees.nodes] if assignees else []


def login(actor: Actor) -> str:
    """A login as REST writes it: GraphQL leaves out the `[bot]` of an App's bot."""
    if actor.typename != "Bot" or not actor.login:
        return actor.login
    if actor.login in _LOGINS:
        return _LOGINS[actor.login]
    return actor.login if actor.login.endswith("[bot]") else f"{actor.login}[bot]"


def database_id(full: str | int | None) -> int:
    """`fullDatabaseId`, a BigInt and so written as text."""
    try:
        return int(full or "")
    except ValueError:
        raise IncompletePayload("GraphQL left out the `fullDatabaseId` of an object.") from None
