"""Who works on a repository, with which permission: listed, asked, given, taken back."""

from githubsim.errors import ApiError, invalid, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.rest.inside import find_person, level_of

_REPO = "/repos/{owner}/{repo}"
_PERSON = _REPO + "/collaborators/{username}"


@route("GET", _REPO + "/collaborators", "metadata")
def list_collaborators(call: Call) -> Answer:
    """https://docs.github.com/rest/collaborators/collaborators#list-repository-collaborators"""
    need_known(call)
    wanted = call.query.get("permission")
    found = []
    for account_id, level in call.store.access(call.repository).items():
        account = call.store.account(account_id)
        if account is not None and wanted in (None, level):
            found.append((account, level))
    return call.whole(found, lambda one: call.shapes.collaborator(*one))


@route("GET", _PERSON, "metadata")
def is_collaborator(call: Call) -> Answer:
    """https://docs.github.com/rest/collaborators: 204 or 404"""
    need_known(call)
    if find_person(call).id not in call.store.access(call.repository):
        raise not_found()
    return Answer(status=204)


@route("GET", _PERSON + "/permission", "metadata")
def show_permission(call: Call) -> Answer:
    """https://docs.github.com/rest/collaborators: what a user may do"""
    need_known(call)
    account = find_person(call)
    level = call.store.access(call.repository).get(account.id)
    if level is None and not call.repository.private:
        level = "pull"
    return Answer(call.shapes.permission(account, level))


@route("PUT", _PERSON, "administration:write")
def add(call: Call) -> Answer:
    """https://docs.github.com/rest/collaborators/collaborators#add-a-repository-collaborator"""
    account, level = find_person(call), level_of(call)
    if account.id == call.repository.owner_id:
        raise invalid("Repository", "collaborator", "invalid", "The owner is one already.")
    call.store.add_collaborator(call.repository.id, account.id, level, sender_id=call.acting_id)
    return Answer(status=204)


@route("DELETE", _PERSON, "administration:write")
def remove(call: Call) -> Answer:
    """https://docs.github.com/rest/collaborators/collaborators#remove-a-repository-collaborator"""
    call.store.remove_collaborator(
        call.repository.id, find_person(call).id, sender_id=call.acting_id
    )
    return Answer(status=204)


def need_known(call: Call) -> None:
    """Strangers are not told who works on a repository, be it public."""
    if call.caller.kind == "anonymous":
        raise ApiError(401, "Requires authentication")
