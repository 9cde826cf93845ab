"""What is about the service, not about a repository: rate limits, addresses, versions."""

from githubsim.rest.call import Answer, Call, route
from githubsim.rest.versions import VERSIONS

_SEARCH = "?q={query}{&page,per_page,sort,order}"
_ROOT = {
    "authorizations_url": "authorizations",
    "code_search_url": f"search/code{_SEARCH}",
    "commit_search_url": f"search/commits{_SEARCH}",
    "current_user_repositories_url": "user/repos{?type,page,per_page,sort}",
    "current_user_url": "user",
    "emails_url": "user/emails",
    "emojis_url": "emojis",
    "events_url": "events",
    "feeds_url": "feeds",
    "followers_url": "user/followers",
    "following_url": "user/following{/target}",
    "gists_url": "gists{/gist_id}",
    "hub_url": "hub",
    "issue_search_url": f"search/issues{_SEARCH}",
    "issues_url": "issues",
    "keys_url": "user/keys",
    "label_search_url": "search/labels?q={query}&repository_id={repository_id}{&page,per_page}",
    "notifications_url": "notifications",
    "organization_repositories_url": "orgs/{org}/repos{?type,page,per_page,sort}",
    "organization_teams_url": "orgs/{org}/teams",
    "organization_url": "orgs/{org}",
    "public_gists_url": "gists/public",
    "rate_limit_url": "rate_limit",
    "repository_search_url": f"search/repositories{_SEARCH}",
    "repository_url": "repos/{owner}/{repo}",
    "starred_gists_url": "gists/starred",
    "starred_url": "user/starred{/owner}{/repo}",
    "topic_search_url": "search/topics?q={query}{&page,per_page}",
    "user_organizations_url": "user/orgs",
    "user_repositories_url": "users/{user}/repos{?type,page,per_page,sort}",
    "user_search_url": f"search/users{_SEARCH}",
    "user_url": "users/{user}",
}


@route("GET", "/rate_limit")
def rate_limit(call: Call) -> Answer:
    """https://docs.github.com/rest/rate-limit/rate-limit (free of quota)"""
    shapes = {}
    for resource in ("core", "graphql", "search"):
        shape = call.world.limits.look(call.caller, resource).shape()
        del shape["resource"]
        shapes[resource] = shape
    return Answer({"resources": shapes, "rate": shapes["core"]})


@route("GET", "/meta")
def meta(call: Call) -> Answer:
    """https://docs.github.com/rest/meta/meta#get-github-meta-information"""
    local = ["127.0.0.0/8"]
    return Answer(
        {
            "verifiable_password_authentication": False,
            "hooks": local,
            "web": local,
            "api": local,
            "git": local,
            "domains": {"website": [call.shapes.web]},
        }
    )


@route("GET", "/")
def root(call: Call) -> Answer:
    """https://docs.github.com/rest/meta/meta#github-api-root"""
    api, web = call.shapes.api, call.shapes.web
    return Answer(
        {
            "current_user_authorizations_html_url": f"{web}/settings/connections/applications"
            "{/client_id}",
        }
        | {name: f"{api}/{path}" for name, path in _ROOT.items()}
    )


@route("GET", "/versions")
def versions(call: Call) -> Answer:
    """https://docs.github.com/rest/meta/meta#get-all-api-versions"""
    return Answer(list(VERSIONS[::-1]))


@route("GET", "/zen")
def zen(call: Call) -> Answer:
    """https://docs.github.com/rest/meta/meta#get-the-zen-of-github"""
    return Answer("Approachable is better than simple.", media="text/plain;charset=utf-8")
