"""Who has to do with a repository: collaborators, teams, stargazers, watchers."""

from githubsim.errors import ApiError, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.store import Account, Team

_REPO = "/repos/{owner}/{repo}"


@route("GET", _REPO + "/collaborators", "metadata")
def list_collaborators(call: Call) -> Answer:
    """https://docs.github.com/rest/collaborators/collaborators#list-repository-collaborators"""
    _known(call)
    wanted = call.query.get("permission")
    found = []
    for account_id, level in call.store.access(call.repository).items():
        account = call.store.account(account_id)
        if account is not None and wanted in (None, level):
            found.append((account, level))
    return call.whole(found, lambda one: call.shapes.collaborator(*one))


@route("GET", _REPO + "/collaborators/{username}", "metadata")
def is_collaborator(call: Call) -> Answer:
    """https://docs.github.com/rest/collaborators: 204 or 404"""
    _known(call)
    if _account(call).id not in call.store.access(call.repository):
        raise not_found()
    return Answer(status=204)


@route("GET", _REPO + "/collaborators/{username}/permission", "metadata")
def show_permission(call: Call) -> Answer:
    """https://docs.github.com/rest/collaborators: what a user may do"""
    _known(call)
    account = _account(call)
    level = call.store.access(call.repository).get(account.id)
    if level is None and not call.repository.private:
        level = "pull"
    return Answer(call.shapes.permission(account, level))


@route("GET", _REPO + "/teams", "administration")
def list_teams(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#list-repository-teams"""
    _known(call)
    found: list[tuple[Team, str]] = []
    for one in call.store.teams_of_repository(call.repository.id):
        team = call.store.team(one.team_id)
        if team is not None:
            found.append((team, one.permission))
    return call.whole(found, lambda one: call.shapes.team(*one))


@route("GET", _REPO + "/stargazers", "metadata")
def list_stargazers(call: Call) -> Answer:
    """https://docs.github.com/rest/activity/starring#list-stargazers (oldest first)

    With the media type `application/vnd.github.star+json` each comes with its time.
    """
    store, repository_id = call.store, call.repository.id
    found = store.stars(repository_id, limit=call.per_page, offset=call.offset)
    total = store.count_stars(repository_id)
    if "star+json" in call.headers.get("accept", ""):
        return call.paged([call.shapes.stargazer(one) for one in found], total)
    return call.paged([call.shapes.user_by_id(one.account_id) for one in found], total)


@route("GET", _REPO + "/subscribers", "metadata")
def list_watchers(call: Call) -> Answer:
    """https://docs.github.com/rest/activity/watching#list-watchers"""
    found = call.store.watchers(call.repository.id)
    return call.whole(found, lambda one: call.shapes.user_by_id(one.account_id))


def _known(call: Call) -> None:
    """Strangers are not told who works on a repository, be it public."""
    if call.caller.kind == "anonymous":
        raise ApiError(401, "Requires authentication")


def _account(call: Call) -> Account:
    found = call.store.account_by_login(call.params["username"])
    if found is None:
        raise not_found()
    return found
