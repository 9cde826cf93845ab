"""An organisation named in a path, and who may look inside it."""

from githubsim.errors import ApiError, invalid, not_found
from githubsim.rest.call import Call
from githubsim.store import Account
from githubsim.store.people_rows import LEVELS


def find_organization(call: Call) -> Account:
    """The organisation in the path, or 404."""
    found = call.store.account_by_login(call.params["login"])
    if found is None or found.type != "Organization":
        raise not_found()
    return found


def find_person(call: Call) -> Account:
    """The user in the path, or 404."""
    found = call.store.account_by_login(call.params["username"])
    if found is None or found.type == "Organization":
        raise not_found()
    return found


def is_inside(call: Call, organization: Account) -> bool:
    """Whether the caller may look inside: the organisation's installation, or a person here."""
    if call.caller.kind == "user":
        return True
    installation = call.caller.installation
    return installation is not None and installation.account_id == organization.id


def need_inside(call: Call, organization: Account) -> None:
    """401 for strangers, 403 for the installations of others."""
    if call.caller.kind == "anonymous":
        raise ApiError(401, "Requires authentication")
    if not is_inside(call, organization):
        raise ApiError(403, "Resource not accessible by integration")


def role_of(call: Call, resource: str, known: tuple[str, ...]) -> str:
    """The role in the body, the first of `known` if there is none; 422 for another."""
    role = call.json().get("role", known[0])
    if role not in known:
        raise invalid(resource, "role", "invalid")
    return str(role)


def level_of(call: Call, default: str = "push") -> str:
    """What the body permits, as one of LEVELS; 422 for another."""
    level = call.json().get("permission") or default
    level = {"read": "pull", "write": "push"}.get(level, level)
    if level not in LEVELS:
        raise invalid("Repository", "permission", "invalid")
    return str(level)
