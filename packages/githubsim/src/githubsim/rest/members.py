"""Members of an organisation: listed, let in, shown out."""

from githubsim.errors import ApiError, invalid, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.rest.inside import (
    find_organization,
    find_person,
    is_inside,
    need_inside,
    role_of,
)
from githubsim.store import Account, Member

_ORG = "/orgs/{login}"


@route("GET", _ORG + "/members", "members")
def list_members(call: Call) -> Answer:
    """https://docs.github.com/rest/orgs/members#list-organization-members"""
    organization = find_organization(call)
    role = call.query.get("role", "all")
    if role not in ("all", "admin", "member"):
        raise invalid("Organization", "role", "invalid")
    found = [
        one
        for one in call.store.members(organization.id)
        if (role in ("all", one.role)) and (one.public or is_inside(call, organization))
    ]
    return _people(call, found)


@route("GET", _ORG + "/members/{username}", "members")
def is_member(call: Call) -> Answer:
    """https://docs.github.com/rest/orgs/members#check-organization-membership-for-a-user"""
    organization = find_organization(call)
    member = _member(call, organization)
    if member is None or not (member.public or is_inside(call, organization)):
        raise not_found()
    return Answer(status=204)


@route("GET", _ORG + "/public_members")
def list_public_members(call: Call) -> Answer:
    """https://docs.github.com/rest/orgs/members#list-public-organization-members"""
    found = call.store.members(find_organization(call).id)
    return _people(call, [one for one in found if one.public])


@route("GET", _ORG + "/public_members/{username}")
def is_public_member(call: Call) -> Answer:
    """https://docs.github.com/rest/orgs/members#check-public-organization-membership-for-a-user"""
    member = _member(call, find_organization(call))
    if member is None or not member.public:
        raise not_found()
    return Answer(status=204)


@route("PUT", _ORG + "/public_members/{username}", "members:write")
@route("DELETE", _ORG + "/public_members/{username}", "members:write")
def publish(call: Call) -> Answer:
    """https://docs.github.com/rest/orgs/members#set-public-organization-membership-for-the-authenticated-user"""
    member = _known(call)
    if member.account_id != call.acting_id:
        raise ApiError(403, "You may only change the visibility of your own membership.")
    public = call.method == "PUT"
    call.store.set_member(member.organization_id, member.account_id, public=public)
    return Answer(status=204)


@route("GET", _ORG + "/memberships/{username}", "members")
def show_membership(call: Call) -> Answer:
    """https://docs.github.com/rest/orgs/members#get-organization-membership-for-a-user"""
    organization = find_organization(call)
    member = _member(call, organization)
    if member is None or not is_inside(call, organization):
        raise not_found()
    return Answer(call.shapes.membership(member))


@route("PUT", _ORG + "/memberships/{username}", "members:write")
def let_in(call: Call) -> Answer:
    """https://docs.github.com/rest/orgs/members#set-organization-membership-for-a-user"""
    organization, account = find_organization(call), find_person(call)
    need_inside(call, organization)
    role = role_of(call, "Organization", ("member", "admin"))
    if call.store.member(organization.id, account.id) is None:
        made = call.store.add_member(
            organization.id, account.id, role=role, sender_id=call.acting_id
        )
    else:
        made = call.store.set_member(organization.id, account.id, role=role)
    return Answer(call.shapes.membership(made))


@route("DELETE", _ORG + "/members/{username}", "members:write")
@route("DELETE", _ORG + "/memberships/{username}", "members:write")
def show_out(call: Call) -> Answer:
    """https://docs.github.com/rest/orgs/members#remove-organization-membership-for-a-user"""
    member = _known(call)
    call.store.remove_member(member.organization_id, member.account_id, sender_id=call.acting_id)
    return Answer(status=204)


@route("GET", "/users/{login}/orgs")
def list_organizations(call: Call) -> Answer:
    """https://docs.github.com/rest/orgs/orgs#list-organizations-for-a-user"""
    account = call.store.account_by_login(call.params["login"])
    if account is None and call.params["login"].lower() != "ghost":
        raise not_found()
    found = [] if account is None else call.store.memberships(account.id)
    organizations = [call.store.account(one.organization_id) for one in found if one.public]
    known = [one for one in organizations if one is not None]
    return call.whole(known, call.shapes.organization)


def _known(call: Call) -> Member:
    """The membership in the path, for those who may change it; 404 where there is none."""
    organization = find_organization(call)
    need_inside(call, organization)
    member = _member(call, organization)
    if member is None:
        raise not_found()
    return member


def _member(call: Call, organization: Account) -> Member | None:
    account = call.store.account_by_login(call.params["username"])
    return None if account is None else call.store.member(organization.id, account.id)


def _people(call: Call, members: list[Member]) -> Answer:
    return call.whole(members, lambda one: call.shapes.user_by_id(one.account_id))
