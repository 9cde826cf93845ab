"""Who has to do with a repository: teams, stargazers, watchers."""

from githubsim.rest.call import Answer, Call, route
from githubsim.rest.collaborators import need_known
from githubsim.store import Team

_REPO = "/repos/{owner}/{repo}"


@route("GET", _REPO + "/teams", "administration")
def list_teams(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#list-repository-teams"""
    need_known(call)
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
