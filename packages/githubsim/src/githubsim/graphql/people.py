"""Teams, stargazers and watchers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from githubsim.clock import iso
from githubsim.graphql.context import Info
from githubsim.graphql.errors import forbidden
from githubsim.graphql.organizations import TEAM, is_inside
from githubsim.graphql.pages import Edge, Page, Part, Resolvers, of_list
from githubsim.store import Account, Repository, ReviewRequest, Star, Team

Parts = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class StarEdge(Edge):
    """An edge with the time of the star."""

    starred_at: int


def _stargazers(repository: Repository, info: Info, **args: Any) -> Page:
    store = info.context.store
    if not info.context.caller.sees_stars(repository):
        raise forbidden()  # of the number too: stargazerCount has it (pkgjs/statusboard#54)
    if info.context.empty_lists:
        return of_list(info, (), args)
    # The members of a connection of users; a star whose account is gone is not listed.
    known = [
        (star, account)
        for star in store.stars(repository.id)
        if (account := store.account(star.account_id)) is not None
    ]
    if (args.get("orderBy") or {}).get("direction") == "DESC":
        known.reverse()
    page = of_list(info, known, args)

    def load() -> Part:
        part = page.part
        edges = [_edge(one.cursor, *one.node) for one in part.edges]
        return Part(edges, part.has_next, part.has_previous)

    return Page(load, lambda: page.total)


def _edge(cursor: str, star: Star, account: Account) -> StarEdge:
    return StarEdge(cursor, account, star.starred_at)


def _watchers(repository: Repository, info: Info, **args: Any) -> Page:
    store = info.context.store
    accounts = [store.account(one.account_id) for one in store.watchers(repository.id)]
    return of_list(info, [one for one in accounts if one is not None], args)


def _has_starred(repository: Repository, info: Info) -> bool:
    viewer = info.context.caller.acting_id
    store = info.context.store
    return viewer is not None and store.find_star(repository.id, viewer) is not None


def reviewer(request: ReviewRequest, info: Info) -> Account | Team | None:
    """Who is asked: a user, or a team, which is null for who may not read members
    (chdsbd/kodiak#146).
    """
    store = info.context.store
    asked = store.account(request.account_id)
    if asked is None and info.context.caller.allows("members", "read"):
        return store.team(request.team_id)
    return asked


def team_by_id(info: Info, parts: Parts) -> Team | None:
    """`T_…`, for those who may look into its organisation."""
    found = info.context.store.team(int(parts[1]))
    if found is None or found.organization_id != parts[0]:
        return None
    if not is_inside(found.organization_id, info):
        raise forbidden()
    info.context.need("members")
    return found


def _path(team: Team, info: Info) -> str:
    return f"/orgs/{quote(_organization(team, info).login)}/teams/{team.slug}"


def _organization(team: Team, info: Info) -> Account:
    found = info.context.store.account(team.organization_id)
    assert found is not None
    return found


def _parent(team: Team, info: Info) -> Team | None:
    return info.context.store.team(team.parent_id)


REPOSITORY: Resolvers = {
    "stargazers": _stargazers,
    "viewerHasStarred": _has_starred,
    "watchers": _watchers,
}
TYPES: dict[str, Resolvers] = {
    "StargazerEdge": {
        "cursor": lambda edge, _: edge.cursor,
        "node": lambda edge, _: edge.node,
        "starredAt": lambda edge, _: iso(edge.starred_at),
    },
    "Team": TEAM
    | {
        "combinedSlug": lambda one, info: f"{_organization(one, info).login}/{one.slug}",
        "createdAt": lambda one, _: iso(one.created_at),
        "databaseId": lambda one, _: one.id,
        "description": lambda one, _: one.description,
        "id": lambda one, _: one.node_id,
        "name": lambda one, _: one.name,
        "organization": _organization,
        "parentTeam": _parent,
        "privacy": lambda one, _: "SECRET" if one.privacy == "secret" else "VISIBLE",
        "resourcePath": _path,
        "slug": lambda one, _: one.slug,
        "updatedAt": lambda one, _: iso(one.updated_at),
        "url": lambda one, info: info.context.web + _path(one, info),
    },
}
