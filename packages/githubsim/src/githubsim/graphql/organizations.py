"""Organisations from inside: their members and teams, what teams work on; and projects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from githubsim.graphql.context import Info
from githubsim.graphql.errors import forbidden
from githubsim.graphql.pages import Edge, Page, Part, Resolvers, of_list
from githubsim.store import Account, Repository, Team

_LEVELS = {"pull": "READ", "push": "WRITE"}


@dataclass(frozen=True, slots=True)
class RoleEdge(Edge):
    """An edge that tells somebody's role, or what a team may do with a repository."""

    role: str | None


def is_inside(organization_id: int, info: Info) -> bool:
    """Whether the caller may look inside: the organisation's installation, or a person here."""
    caller = info.context.caller
    if caller.kind == "user":
        return True
    return caller.installation is not None and caller.installation.account_id == organization_id


def _need_inside(organization_id: int, info: Info) -> None:
    if not is_inside(organization_id, info):
        raise forbidden()
    info.context.need("members")


def _members(account: Account, info: Info, **args: Any) -> Page:
    inside = is_inside(account.id, info)
    if inside:
        info.context.need("members")
    store = info.context.store
    # Strangers see who wants to be seen, and nobody's role.
    return _with_roles(
        info,
        [
            (store.account(one.account_id), one.role.upper() if inside else None)
            for one in store.members(account.id)
            if inside or one.public
        ],
        args,
    )


def _teams(
    account: Account,
    info: Info,
    privacy: str | None = None,
    query: str | None = None,
    rootTeamsOnly: bool = False,
    userLogins: Sequence[str] | None = None,
    **args: Any,
) -> Page:
    _need_inside(account.id, info)
    store = info.context.store
    found = store.teams(account.id)
    if privacy is not None:
        found = [one for one in found if (one.privacy == "secret") == (privacy == "SECRET")]
    if query:
        found = [one for one in found if query.lower() in one.name.lower()]
    if rootTeamsOnly:
        found = [one for one in found if one.parent_id is None]
    if userLogins is not None:
        people = [store.account_by_login(one) for one in userLogins]
        ids = [one.id for one in people if one is not None]
        found = [one for one in found if any(store.team_member(one.id, who) for who in ids)]
    return _by_name(info, found, args)


def _team(account: Account, info: Info, slug: str) -> Team | None:
    _need_inside(account.id, info)
    found: Team | None = info.context.store.team_by_slug(account.id, slug)
    return found


def _children(team: Team, info: Info, immediateOnly: bool = True, **args: Any) -> Page:
    store = info.context.store
    found = store.team_children(team.id)
    if not immediateOnly:
        # The list grows by the children of those in it.
        for one in found:
            found.extend(store.team_children(one.id))
    return _by_name(info, found, args)


def _by_name(info: Info, teams: list[Team], args: dict[str, Any]) -> Page:
    if (args.get("orderBy") or {}).get("direction") == "DESC":
        teams.reverse()
    return of_list(info, teams, args)


def _team_members(
    team: Team, info: Info, query: str | None = None, role: str | None = None, **args: Any
) -> Page:
    store = info.context.store
    found = [
        (store.account(one.account_id), one.role.upper()) for one in store.team_members(team.id)
    ]
    if role is not None:
        found = [one for one in found if one[1] == role]
    if query:
        found = [one for one in found if one[0] and query.lower() in one[0].login.lower()]
    return _with_roles(info, found, args)


def _team_repositories(team: Team, info: Info, query: str | None = None, **args: Any) -> Page:
    context = info.context
    found = []
    for one in context.store.team_repositories(team.id):
        repository = context.store.repository(one.repository_id)
        if repository is None or not context.caller.sees(repository):
            continue
        if context.store.block(repository.id) is None and (query or "") in repository.name:
            level = _LEVELS.get(one.permission, one.permission.upper())
            found.append((repository, level))
    return _with_roles(info, found, args)


def _collaborators(
    repository: Repository,
    info: Info,
    affiliation: str | None = None,
    login: str | None = None,
    query: str | None = None,
    **args: Any,
) -> Page:
    """The same as REST lists; `DIRECT` are those who were given access to this repository, and
    `OUTSIDE` those of them who are not members of its organisation.
    """
    store = info.context.store
    found = []
    for account_id, level in store.access(repository).items():
        account = store.account(account_id)
        direct = store.collaborator(repository.id, account_id) is not None
        inside = any(one.account_id == account_id for one in store.members(repository.owner_id))
        if account is None or (affiliation in ("DIRECT", "OUTSIDE") and not direct):
            continue
        if (affiliation == "OUTSIDE" and inside) or login not in (None, account.login):
            continue
        if query is None or query.lower() in account.login.lower():
            found.append((account, _LEVELS.get(level, level.upper())))
    return _with_roles(info, found, args)


def _with_roles(info: Info, items: Sequence[tuple[Any, str | None]], args: dict[str, Any]) -> Page:
    page = of_list(info, [one for one in items if one[0] is not None], args)

    def load() -> Part:
        part = page.part
        edges = [RoleEdge(one.cursor, *one.node) for one in part.edges]
        return Part(edges, part.has_next, part.has_previous)

    return Page(load, lambda: page.total)


def _no_projects(_: Any, info: Info, **args: Any) -> Page:
    """No world has a project, as most repositories have none."""
    return of_list(info, (), args)


_EDGE: Resolvers = {
    "cursor": lambda edge, _: edge.cursor,
    "node": lambda edge, _: edge.node,
    "role": lambda edge, _: edge.role,
}
ORGANIZATION: Resolvers = {
    "membersWithRole": _members,
    "projectsV2": _no_projects,
    "team": _team,
    "teams": _teams,
}
_LEVEL_EDGE: Resolvers = {
    "cursor": _EDGE["cursor"],
    "node": _EDGE["node"],
    "permission": _EDGE["role"],
}
REPOSITORY: Resolvers = {"collaborators": _collaborators, "projectsV2": _no_projects}
TEAM: Resolvers = {
    "childTeams": _children,
    "members": _team_members,
    "repositories": _team_repositories,
}
TYPES: dict[str, Resolvers] = {
    "OrganizationMemberEdge": _EDGE,
    "TeamMemberEdge": _EDGE,
    "RepositoryCollaboratorEdge": _LEVEL_EDGE,
    "TeamRepositoryEdge": _LEVEL_EDGE,
}
# Types that only ever stand in empty lists.
NEVER = ("ProjectV2",)
