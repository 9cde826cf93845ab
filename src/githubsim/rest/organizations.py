"""Members and teams of an organisation, and a team's members and repositories."""

from githubsim.errors import ApiError, invalid, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.store import Account, Member, Team

_ORG = "/orgs/{login}"
_TEAM = _ORG + "/teams/{slug}"
_BY_ID = "/organizations/{organization_id}/team/{team_id}"


@route("GET", _ORG + "/members", "members")
def list_members(call: Call) -> Answer:
    """https://docs.github.com/rest/orgs/members#list-organization-members"""
    organization = _organization(call)
    role = call.query.get("role", "all")
    if role not in ("all", "admin", "member"):
        raise invalid("Organization", "role", "invalid")
    found = [
        one
        for one in call.store.members(organization.id)
        if (role in ("all", one.role)) and (one.public or _inside(call, organization))
    ]
    return _people(call, found)


@route("GET", _ORG + "/public_members")
def list_public_members(call: Call) -> Answer:
    """https://docs.github.com/rest/orgs/members#list-public-organization-members"""
    found = call.store.members(_organization(call).id)
    return _people(call, [one for one in found if one.public])


@route("GET", _ORG + "/members/{username}", "members")
def is_member(call: Call) -> Answer:
    """https://docs.github.com/rest/orgs/members#check-organization-membership-for-a-user"""
    organization = _organization(call)
    member = _member(call, organization)
    if member is None or not (member.public or _inside(call, organization)):
        raise not_found()
    return Answer(status=204)


@route("GET", _ORG + "/memberships/{username}", "members")
def show_membership(call: Call) -> Answer:
    """https://docs.github.com/rest/orgs/members#get-organization-membership-for-a-user"""
    organization = _organization(call)
    member = _member(call, organization)
    if member is None or not _inside(call, organization):
        raise not_found()
    return Answer(call.shapes.membership(member))


@route("GET", _ORG + "/teams", "members")
def list_teams(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/teams#list-teams"""
    organization = _organization(call)
    _need_inside(call, organization)
    return call.whole(call.store.teams(organization.id), call.shapes.team)


@route("GET", _TEAM, "members")
@route("GET", _BY_ID, "members")
def show_team(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/teams#get-a-team-by-name"""
    return Answer(call.shapes.full_team(_team(call)))


@route("GET", _TEAM + "/members", "members")
@route("GET", _BY_ID + "/members", "members")
def list_team_members(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/members#list-team-members"""
    role = call.query.get("role", "all")
    found = [one for one in call.store.team_members(_team(call).id) if role in ("all", one.role)]
    return call.whole(found, lambda one: call.shapes.user_by_id(one.account_id))


@route("GET", _TEAM + "/memberships/{username}", "members")
@route("GET", _BY_ID + "/memberships/{username}", "members")
def show_team_membership(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/members#get-team-membership-for-a-user"""
    team = _team(call)
    account = call.store.account_by_login(call.params["username"])
    found = None if account is None else call.store.team_member(team.id, account.id)
    if account is None or found is None:
        raise not_found()
    url = f"{call.shapes.team_simple(team)['url']}/memberships/{account.login}"
    return Answer({"url": url, "role": found.role, "state": "active"})


@route("GET", _TEAM + "/repos", "members")
@route("GET", _BY_ID + "/repos", "members")
def list_team_repositories(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/teams#list-team-repositories"""
    seen = []
    for one in call.store.team_repositories(_team(call).id):
        repository = call.store.repository(one.repository_id)
        if repository is not None and call.caller.sees(repository):
            seen.append((repository, one.permission))
    return call.whole(seen, lambda one: call.shapes.team_repository(*one))


@route("GET", _TEAM + "/teams", "members")
@route("GET", _BY_ID + "/teams", "members")
def list_child_teams(call: Call) -> Answer:
    """https://docs.github.com/rest/teams/teams#list-child-teams"""
    team = _team(call)
    found = [one for one in call.store.teams(team.organization_id) if one.parent_id == team.id]
    return call.whole(found, call.shapes.team)


def _organization(call: Call) -> Account:
    found = call.store.account_by_login(call.params["login"])
    if found is None or found.type != "Organization":
        raise not_found()
    return found


def _inside(call: Call, organization: Account) -> bool:
    """Whether the caller may look inside: the organisation's installation, or a person here."""
    if call.caller.kind == "user":
        return True
    installation = call.caller.installation
    return installation is not None and installation.account_id == organization.id


def _need_inside(call: Call, organization: Account) -> None:
    if call.caller.kind == "anonymous":
        raise ApiError(401, "Requires authentication")
    if not _inside(call, organization):
        raise ApiError(403, "Resource not accessible by integration")


def _member(call: Call, organization: Account) -> Member | None:
    account = call.store.account_by_login(call.params["username"])
    return None if account is None else call.store.member(organization.id, account.id)


def _team(call: Call) -> Team:
    if "team_id" in call.params:
        found = call.store.team(call.number("team_id"))
        organization = call.store.account(call.number("organization_id"))
        if found is not None and organization is not None:
            found = found if found.organization_id == organization.id else None
    else:
        organization = _organization(call)
        found = call.store.team_by_slug(organization.id, call.params["slug"])
    if found is None or organization is None:
        raise not_found()
    _need_inside(call, organization)
    return found


def _people(call: Call, members: list[Member]) -> Answer:
    return call.whole(members, lambda one: call.shapes.user_by_id(one.account_id))
