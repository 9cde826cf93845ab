"""Users, bots and organisations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from githubsim.clock import iso
from githubsim.graphql.context import Context, Info
from githubsim.graphql.errors import Problem
from githubsim.graphql.organizations import ORGANIZATION
from githubsim.graphql.pages import Page, Resolvers, of_list
from githubsim.store import Account, Repository

_ORDERS = {
    "CREATED_AT": "created_at",
    "NAME": "name",
    "PUSHED_AT": "pushed_at",
    "STARGAZERS": "stargazers",
    "UPDATED_AT": "updated_at",
}


def repositories(account: Account, info: Info, **args: Any) -> Page:
    """The repositories of an owner that the caller may see."""
    return shown(info.context.store.repositories(account.id), info, args)


def shown(found: list[Repository], info: Info, args: Mapping[str, Any]) -> Page:
    """Those of a list that the caller may see, as the arguments want them."""
    context = info.context
    found = [one for one in found if context.caller.sees(one)]
    wanted = {
        "has_issues": args.get("hasIssuesEnabled"),
        "archived": args.get("isArchived"),
        "fork": args.get("isFork"),
    }
    if args.get("isLocked"):
        found = []
    visibility = args.get("visibility") or args.get("privacy")
    if visibility:
        wanted["private"] = visibility != "PUBLIC"
    for name, value in wanted.items():
        if value is not None:
            found = [one for one in found if getattr(one, name) == value]
    order = args.get("orderBy")
    if order:
        column = _ORDERS[order["field"]]
        found.sort(
            key=lambda one: (getattr(one, column), one.id), reverse=order["direction"] == "DESC"
        )
    return of_list(info, [_listed(one, context) for one in found], args)


def _listed(repository: Repository, context: Context) -> Repository | Problem | None:
    """One of a list: a withheld one leaves a gap there, and an error that tells why."""
    try:
        return context.seen(repository)
    except Problem as problem:
        return problem


def repository(
    account: Account, info: Info, name: str, followRenames: bool = True
) -> Repository | None:
    """One repository of an owner, or None."""
    return find_repository(info.context, account.login, name, followRenames)


def find_repository(context: Context, owner: str, name: str, renames: bool) -> Repository | None:
    """A repository by its present or (`renames`) an earlier name, if the caller may see it."""
    found = context.store.repository_by_name(owner, name)
    if found is None and renames:
        found = context.store.repository_by_old_name(owner, name)
    return context.seen(found)


def _avatar(account: Account, info: Info, size: int | None = None) -> str:
    url = f"{info.context.web}/avatars/u/{account.id}?v=4"
    return url if size is None else f"{url}&s={size}"


def _path(account: Account) -> str:
    if account.type == "Bot":
        return f"/apps/{quote(account.slug)}"
    return f"/{quote(account.login, safe='')}"


_ANY: Resolvers = {
    "avatarUrl": _avatar,
    "createdAt": lambda account, _: iso(account.created_at),
    "databaseId": lambda account, _: account.id,
    "id": lambda account, _: account.node_id,
    "login": lambda account, _: account.login,
    "resourcePath": lambda account, _: _path(account),
    "updatedAt": lambda account, _: iso(account.updated_at),
    "url": lambda account, info: info.context.web + _path(account),
}
_OWNER: Resolvers = {
    "name": lambda account, _: account.name,
    "repositories": repositories,
    "repository": repository,
}
TYPES: dict[str, Resolvers] = {
    "User": _ANY
    | _OWNER
    | {
        "email": lambda account, _: account.email or "",
        "isSiteAdmin": lambda account, _: account.site_admin,
        "isViewer": lambda account, info: info.context.caller.account == account,
    },
    "Bot": _ANY | {"login": lambda account, _: account.slug},
    "Mannequin": _ANY
    | {"claimant": lambda account, _: None, "email": lambda account, _: account.email},
    "Organization": _ANY
    | _OWNER
    | ORGANIZATION
    | {
        "description": lambda account, _: None,
        "email": lambda account, _: account.email,
    },
}
