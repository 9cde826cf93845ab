"""Branches, tags and git refs."""

import re

from githubsim.errors import ApiError, not_found
from githubsim.gitrepos import GitError
from githubsim.ids import node_id
from githubsim.pushes import move_ref
from githubsim.rest.call import Answer, Call, route
from githubsim.shapes import Json
from githubsim.store import ZERO_SHA

_SHA = re.compile(r"[0-9a-f]{40}")


@route("GET", "/repos/{owner}/{repo}/branches", "contents")
def list_branches(call: Call) -> Answer:
    """https://docs.github.com/rest/branches/branches#list-branches"""
    branches = [] if call.query.get("protected") == "true" else list(_branches(call).items())
    return call.whole(branches, lambda one: call.shapes.branch(call.repository, *one))


@route("GET", "/repos/{owner}/{repo}/branches/{branch...}", "contents")
def show_branch(call: Call) -> Answer:
    """https://docs.github.com/rest/branches/branches#get-a-branch"""
    name = call.params["branch"]
    sha = _branches(call).get(name)
    if sha is None:
        raise ApiError(404, "Branch not found")
    url = f"{call.shapes.repo_url(call.repository)}/branches/{name}"
    commit = call.git.commits(call.repository.id, [sha])[sha]
    return Answer(
        {
            "name": name,
            "commit": call.shapes.commit(call.repository, commit),
            "_links": {
                "self": url,
                "html": f"{call.shapes.repo_page(call.repository)}/tree/{name}",
            },
            "protected": False,
            "protection": {
                "enabled": False,
                "required_status_checks": {
                    "enforcement_level": "off",
                    "contexts": [],
                    "checks": [],
                },
            },
            "protection_url": f"{url}/protection",
        }
    )


@route("GET", "/repos/{owner}/{repo}/tags", "contents")
def list_tags(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#list-repository-tags"""
    git, repository = call.git, call.repository
    prefix = "refs/tags/"
    tags = [
        (name.removeprefix(prefix), sha)
        for name, sha in git.refs(repository.id).items()
        if name.startswith(prefix)
    ]
    url, page = call.shapes.repo_url(repository), call.shapes.repo_page(repository)

    def shape(tag: tuple[str, str]) -> Json:
        sha = git.peel(repository.id, tag[1])
        return {
            "name": tag[0],
            "commit": {"sha": sha, "url": f"{url}/commits/{sha}"},
            "zipball_url": f"{url}/zipball/refs/tags/{tag[0]}",
            "tarball_url": f"{page}/archive/refs/tags/{tag[0]}.tar.gz",
            "node_id": node_id("REF", repository.id, prefix + tag[0]),
        }

    return call.whole(tags[::-1], shape)


@route("GET", "/repos/{owner}/{repo}/git/refs", "contents")
def list_refs(call: Call) -> Answer:
    """All refs (an older call that clients still use)."""
    return _matching(call, "refs/")


@route("GET", "/repos/{owner}/{repo}/git/matching-refs/{ref...}", "contents")
def matching_refs(call: Call) -> Answer:
    """https://docs.github.com/rest/git/refs#list-matching-references"""
    return _matching(call, f"refs/{call.params['ref'].removeprefix('refs/')}")


@route("GET", "/repos/{owner}/{repo}/git/ref/{ref...}", "contents")
@route("GET", "/repos/{owner}/{repo}/git/refs/{ref...}", "contents")
def show_ref(call: Call) -> Answer:
    """https://docs.github.com/rest/git/refs#get-a-reference"""
    name = f"refs/{call.params['ref']}"
    sha = call.git.refs(call.repository.id).get(name)
    if sha is None:
        raise not_found()
    return Answer(_shape(call, name, sha, call.git.object_types(call.repository.id, [sha])))


@route("POST", "/repos/{owner}/{repo}/git/refs", "contents:write")
def create_ref(call: Call) -> Answer:
    """https://docs.github.com/rest/git/refs#create-a-reference"""
    body = call.json()
    name, sha = str(body.get("ref", "")), str(body.get("sha", ""))
    if not name.startswith("refs/") or name.count("/") < 2:
        raise ApiError(422, "Reference name must start with 'refs/' and have two slashes")
    if call.git.ref(call.repository.id, name) is not None:
        raise ApiError(422, "Reference already exists")
    return Answer(_move(call, name, sha), 201)


@route("PATCH", "/repos/{owner}/{repo}/git/refs/{ref...}", "contents:write")
def update_ref(call: Call) -> Answer:
    """https://docs.github.com/rest/git/refs#update-a-reference"""
    body = call.json()
    name, sha = f"refs/{call.params['ref']}", str(body.get("sha", ""))
    old = call.git.ref(call.repository.id, name)
    if old is None:
        raise ApiError(422, "Reference does not exist")
    _known(call, sha)
    if not body.get("force") and not call.git.is_ancestor(call.repository.id, old, sha):
        raise ApiError(422, "Update is not a fast forward")
    return Answer(_move(call, name, sha))


@route("DELETE", "/repos/{owner}/{repo}/git/refs/{ref...}", "contents:write")
def delete_ref(call: Call) -> Answer:
    """https://docs.github.com/rest/git/refs#delete-a-reference"""
    name = f"refs/{call.params['ref']}"
    if call.git.ref(call.repository.id, name) is None:
        raise ApiError(422, "Reference does not exist")
    if name == f"refs/heads/{call.repository.default_branch}":
        raise ApiError(422, "Cannot delete the default branch")
    move_ref(call.store, call.git, call.repository.id, name, ZERO_SHA, sender_id=call.acting_id)
    return Answer(status=204)


def _branches(call: Call) -> dict[str, str]:
    return call.git.branches(call.repository.id)


def _matching(call: Call, prefix: str) -> Answer:
    refs = call.git.refs(call.repository.id)
    found = [(name, sha) for name, sha in refs.items() if name.startswith(prefix)]
    kinds = call.git.object_types(call.repository.id, [sha for _, sha in found])
    return Answer([_shape(call, name, sha, kinds) for name, sha in found])


def _shape(call: Call, name: str, sha: str, kinds: dict[str, str]) -> Json:
    return call.shapes.git_ref(call.repository, name, sha, kinds.get(sha, "commit"))


def _known(call: Call, sha: str) -> None:
    if not _SHA.fullmatch(sha) or sha not in call.git.object_types(call.repository.id, [sha]):
        raise ApiError(422, "Object does not exist")


def _move(call: Call, name: str, sha: str) -> Json:
    _known(call, sha)
    try:
        move_ref(call.store, call.git, call.repository.id, name, sha, sender_id=call.acting_id)
    except GitError as error:
        raise ApiError(422, "Reference update failed") from error
    return _shape(call, name, sha, call.git.object_types(call.repository.id, [sha]))
