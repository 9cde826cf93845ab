"""Users and organisations, and the repositories they own."""

from githubsim.errors import ApiError, invalid, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.shapes.accounts import GHOST
from githubsim.store import Account, Repository


@route("GET", "/user", "user")
def show_self(call: Call) -> Answer:
    """https://docs.github.com/rest/users/users#get-the-authenticated-user"""
    if call.caller.account is None:
        raise ApiError(403, "Resource not accessible by integration")
    return Answer(call.shapes.public_user(call.caller.account))


@route("GET", "/user/repos", "user")
def list_own(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#list-repositories-for-the-authenticated-user"""
    if call.caller.account is None:
        raise ApiError(403, "Resource not accessible by integration")
    return call.whole(call.store.repositories(), call.shapes.repository)


@route("GET", "/users/{login}")
def show_user(call: Call) -> Answer:
    """https://docs.github.com/rest/users/users#get-a-user"""
    return Answer(call.shapes.public_user(_account(call)))


@route("GET", "/user/{account_id}")
def show_user_by_id(call: Call) -> Answer:
    """https://docs.github.com/rest/users/users#get-a-user-using-their-id"""
    found = call.store.account(call.number("account_id"))
    if found is None:
        raise not_found()
    return Answer(call.shapes.public_user(found))


@route("GET", "/orgs/{login}")
def show_organization(call: Call) -> Answer:
    """https://docs.github.com/rest/orgs/orgs#get-an-organization"""
    account = _account(call)
    if account.type != "Organization":
        raise not_found()
    return Answer(call.shapes.full_organization(account))


@route("GET", "/orgs/{login}/repos")
@route("GET", "/users/{login}/repos")
def list_owned(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#list-organization-repositories"""
    owned = call.store.repositories(_account(call).id)
    wanted = {"public": False, "private": True}.get(call.query.get("type", ""))
    seen = [
        one for one in owned if call.caller.sees(one) and (wanted is None or one.private == wanted)
    ]
    order = call.query.get("sort", "full_name" if "/users/" in call.path else "created")
    down = call.query.get("direction", "asc" if order == "full_name" else "desc") == "desc"
    seen.sort(key=lambda one: _order(one, order), reverse=down)
    return call.whole(seen, call.shapes.repository)


@route("POST", "/orgs/{login}/repos", "administration:write")
def create_repository(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#create-an-organization-repository"""
    body = call.json()
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise invalid("Repository", "name")
    try:
        made = call.store.create_repository(
            _account(call).id,
            name,
            description=body.get("description"),
            private=bool(body.get("private", False)),
            has_issues=bool(body.get("has_issues", True)),
            sender_id=call.acting_id,
        )
    except ValueError as error:
        raise invalid("Repository", "name", "custom", str(error)) from error
    call.git.init(made.id)
    return Answer(call.shapes.full_repository(made), 201)


def _account(call: Call) -> Account:
    login = call.params["login"]
    found = call.store.account_by_login(login)
    # What the deleted wrote is the ghost's, which can be asked for like anybody.
    if found is None and login.lower() == GHOST.login:
        return GHOST
    if found is None:
        raise not_found()
    return found


def _order(one: Repository, order: str) -> tuple[int, str]:
    match order:
        case "updated":
            return one.updated_at, ""
        case "pushed":
            return one.pushed_at, ""
        case "full_name":
            return 0, one.name.lower()
        case _:
            return one.created_at, ""
