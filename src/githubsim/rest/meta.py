"""What is about the service, not about a repository: rate limits, addresses, versions."""

from githubsim.rest.call import Answer, Call, route

VERSIONS = ("2022-11-28", "2026-03-10")


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
    api = call.shapes.api
    return Answer(
        {
            "current_user_url": f"{api}/user",
            "organization_url": f"{api}/orgs/{{org}}",
            "rate_limit_url": f"{api}/rate_limit",
            "repository_url": f"{api}/repos/{{owner}}/{{repo}}",
            "user_url": f"{api}/users/{{user}}",
        }
    )


@route("GET", "/versions")
def versions(call: Call) -> Answer:
    """https://docs.github.com/rest/meta/meta#get-all-api-versions"""
    return Answer(list(VERSIONS[::-1]))


@route("GET", "/zen")
def zen(call: Call) -> Answer:
    """https://docs.github.com/rest/meta/meta#get-the-zen-of-github"""
    return Answer("Approachable is better than simple.", media="text/plain;charset=utf-8")
