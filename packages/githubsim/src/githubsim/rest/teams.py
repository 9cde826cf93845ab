"""Teams: made, changed, dissolved; who is on them and what they work on.

Each path exists by the organisation's and the team's ids too.
"""

from typing import Any

from githubsim.errors import invalid, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.rest.inside import (
    find_organization,
    find_person,
    level_of,
    need_inside,
    role_of,
)
from githubsim.shapes import Json
from githubsim.store import Account, Repository, Team

_TEAMS = "/orgs/{login}/teams"
_TEAM = _TEAMS + "/{slug}"


@route("GET", _TEAMS, "members")
def list_teams(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/teams#list-teams"""
    organization = find_organization(call)
    need_inside(call, organization)
    return call.whole(call.store.teams(organization.id), call.shapes.team)


@route("POST", _TEAMS, "members:write")
def create_team(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/teams#create-a-team"""
    organization, body = find_organization(call), call.json()
    need_inside(call, organization)
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise invalid("Team", "name")
    repositories = [_named(call, organization, one) for one in body.get("repo_names") or ()]
    people = [_member(call, organization, one) for one in body.get("maintainers") or ()]
    store, who = call.store, call.acting_id
    if store.member(organization.id, who) is not None and who not in people:
        # Who makes a team is on it.
        people.insert(0, who)
    parent_id = _parent(call, organization, body.get("parent_team_id"))
    with store.writing():
        try:
            made = store.create_team(
                organization.id,
                name,
                description=body.get("description"),
                # A team with a parent is seen by all.
                privacy=_privacy(body, "secret" if parent_id is None else "closed"),
                parent_id=parent_id,
                sender_id=who,
            )
        except ValueError as error:
            raise invalid("Team", "name", "already_exists") from error
        for one in people:
            store.add_to_team(made.id, one, role="maintainer", sender_id=who)
        for repository in repositories:
            store.give_to_team(made.id, repository.id, level_of(call, "pull"), sender_id=who)
    return Answer(call.shapes.full_team(made), 201)


@route("GET", _TEAM, "members")
def show_team(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/teams#get-a-team-by-name"""
    return Answer(call.shapes.full_team(_team(call)))


@route("PATCH", _TEAM, "members:write")
def edit_team(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/teams#update-a-team (200 where nothing changes)"""
    old, body = _team(call), call.json()
    organization = call.store.account(old.organization_id)
    assert organization is not None
    fields: Json = {"privacy": _privacy(body, old.privacy)}
    if body.get("name"):
        fields["name"] = str(body["name"])
    if "description" in body:
        fields["description"] = body["description"]
    if "parent_team_id" in body:
        fields["parent_id"] = _parent(call, organization, body["parent_team_id"])
        if fields["parent_id"] == old.id:
            raise invalid("Team", "parent_team_id", "invalid")
    try:
        new = call.store.edit_team(old.id, sender_id=call.acting_id, **fields)
    except ValueError as error:
        raise invalid("Team", "name", "already_exists") from error
    return Answer(call.shapes.full_team(new), 200 if new == old else 201)


@route("DELETE", _TEAM, "members:write")
def delete_team(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/teams#delete-a-team"""
    call.store.delete_team(_team(call).id, sender_id=call.acting_id)
    return Answer(status=204)


@route("GET", _TEAM + "/members", "members")
def list_team_members(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/members#list-team-members"""
    role = call.query.get("role", "all")
    found = [one for one in call.store.team_members(_team(call).id) if role in ("all", one.role)]
    return call.whole(found, lambda one: call.shapes.user_by_id(one.account_id))


@route("GET", _TEAM + "/memberships/{username}", "members")
def show_team_membership(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/members#get-team-membership-for-a-user"""
    team, account = _team(call), find_person(call)
    found = call.store.team_member(team.id, account.id)
    if found is None:
        raise not_found()
    return _membership(call, team, account, found.role)


@route("PUT", _TEAM + "/memberships/{username}", "members:write")
def join(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/members#add-or-update-team-membership-for-a-user"""
    team, account, store = _team(call), find_person(call), call.store
    role = role_of(call, "Team", ("member", "maintainer"))
    with store.writing():
        store.add_member(team.organization_id, account.id, sender_id=call.acting_id)
        if store.team_member(team.id, account.id) is None:
            store.add_to_team(team.id, account.id, role=role, sender_id=call.acting_id)
        else:
            store.set_team_role(team.id, account.id, role)
    return _membership(call, team, account, role)


@route("DELETE", _TEAM + "/memberships/{username}", "members:write")
def leave(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/members#remove-team-membership-for-a-user"""
    team, account = _team(call), find_person(call)
    if call.store.team_member(team.id, account.id) is None:
        raise not_found()
    call.store.remove_from_team(team.id, account.id, sender_id=call.acting_id)
    return Answer(status=204)


@route("GET", _TEAM + "/repos", "members")
def list_team_repositories(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/teams#list-team-repositories"""
    seen = []
    for one in call.store.team_repositories(_team(call).id):
        repository = call.store.repository(one.repository_id)
        if repository is not None and call.caller.sees(repository):
            seen.append((repository, one.permission))
    return call.whole(seen, lambda one: call.shapes.team_repository(*one))


@route("GET", _TEAM + "/repos/{owner}/{repo}", "members")
def show_team_repository(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/teams#check-team-permissions-for-a-repository"""
    found = call.store.team_repository(_team(call).id, call.repository.id)
    if found is None:
        raise not_found()
    if not call.wants("repository"):
        return Answer(status=204)
    shape = call.shapes.team_repository(call.repository, found.permission)
    # Newer than this answer.
    for key in ("has_discussions", "has_pull_requests", "pull_request_creation_policy"):
        del shape[key]
    return Answer(shape)


@route("PUT", _TEAM + "/repos/{owner}/{repo}", "administration:write")
def give(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/teams#add-or-update-team-repository-permissions"""
    team, level = _team(call), level_of(call)
    if call.repository.owner_id != team.organization_id:
        raise invalid("Team", "repository", "invalid")
    call.store.give_to_team(team.id, call.repository.id, level, sender_id=call.acting_id)
    return Answer(status=204)


@route("DELETE", _TEAM + "/repos/{owner}/{repo}", "administration:write")
def take(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/teams#remove-a-repository-from-a-team"""
    team = _team(call)
    if call.store.team_repository(team.id, call.repository.id) is not None:
        call.store.take_from_team(team.id, call.repository.id, sender_id=call.acting_id)
    return Answer(status=204)


@route("GET", _TEAM + "/teams", "members")
def list_child_teams(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/teams#list-child-teams"""
    return call.whole(call.store.team_children(_team(call).id), call.shapes.team)


def _team(call: Call) -> Team:
    if "team_id" in call.params:
        found = call.store.team(call.number("team_id"))
        organization = call.store.account(call.number("organization_id"))
        if found is not None and organization is not None:
            found = found if found.organization_id == organization.id else None
    else:
        organization = find_organization(call)
        found = call.store.team_by_slug(organization.id, call.params["slug"])
    if found is None or organization is None:
        raise not_found()
    need_inside(call, organization)
    return found


def _membership(call: Call, team: Team, account: Account, role: str) -> Answer:
    url = f"{call.shapes.team_simple(team)['url']}/memberships/{account.login}"
    return Answer({"url": url, "role": role, "state": "active"})


def _privacy(body: Json, default: str) -> str:
    privacy = body.get("privacy") or default
    if privacy not in ("closed", "secret"):
        raise invalid("Team", "privacy", "invalid")
    return str(privacy)


def _parent(call: Call, organization: Account, team_id: Any) -> int | None:
    if team_id is None:
        return None
    found = call.store.team(team_id) if isinstance(team_id, int) else None
    if found is None or found.organization_id != organization.id:
        raise invalid("Team", "parent_team_id", "invalid")
    return found.id


def _member(call: Call, organization: Account, login: Any) -> int:
    account = call.store.account_by_login(str(login))
    if account is None or call.store.member(organization.id, account.id) is None:
        raise invalid("Team", "maintainers", "invalid")
    return account.id


def _named(call: Call, organization: Account, name: Any) -> Repository:
    """A repository of the organisation, by its full name."""
    owner, _, short = str(name).partition("/")
    found = call.store.repository_by_name(owner, short)
    if found is None or found.owner_id != organization.id or not call.caller.sees(found):
        raise invalid("Team", "repo_names", "invalid")
    return found
