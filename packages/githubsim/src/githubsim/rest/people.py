"""Who has to do with a repository: teams, stargazers, watchers."""

from githubsim.errors import ApiError, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.rest.collaborators import need_known
from githubsim.store import Team

_REPO = "/repos/{owner}/{repo}"
_MOST_PAGES = 400


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

    With the media type `application/vnd.github.star+json` each comes with its time. There are 400
    pages; GraphQL goes on (star-history/star-history#194, Yuan1z0825/nature-skills#220). Others
    than collaborators get 404 (caarlos0/starcharts#266), Apps 403 (star-history/star-history#539).
    """
    if not call.caller.sees_stars(call.repository):
        if call.caller.kind != "installation":
            raise not_found()
        raise ApiError(
            403,
            "Resource not accessible by integration",
            headers={"X-Accepted-GitHub-Permissions": "metadata=read; contents=write"},
            docs="https://docs.github.com/rest/activity/starring#list-stargazers",
        )
    if call.page > _MOST_PAGES:
        raise ApiError(
            422,
            "In order to keep the API fast for everyone, pagination is limited for this resource. "
            "Check the rel=last link relation in the Link response header to see how far back you "
            "can traverse.",
            docs="https://docs.github.com/v3/#pagination",
        )
    store, repository_id = call.store, call.repository.id
    found = store.stars(repository_id, limit=call.per_page, offset=call.offset)
    total = min(store.count_stars(repository_id), _MOST_PAGES * call.per_page)
    if call.wants("star"):
        return call.paged([call.shapes.stargazer(one) for one in found], total)
    return call.paged([call.shapes.user_by_id(one.account_id) for one in found], total)


@route("GET", _REPO + "/subscribers", "metadata")
def list_watchers(call: Call) -> Answer:
    """https://docs.github.com/rest/activity/watching#list-watchers"""
    found = call.store.watchers(call.repository.id)
    return call.whole(found, lambda one: call.shapes.user_by_id(one.account_id))
