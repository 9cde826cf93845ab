"""Comments on commits: listed, written, edited, deleted."""

from typing import Any

from githubsim.errors import invalid, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.rest.commits import find_commit
from githubsim.store import CommitComment

_REPO = "/repos/{owner}/{repo}"


@route("GET", _REPO + "/comments", "metadata")
def list_all(call: Call) -> Answer:
    """https://docs.github.com/rest/commits/comments#list-commit-comments-for-a-repository"""
    found = call.store.commit_comments(call.repository.id)
    return call.whole(found, lambda one: call.shapes.commit_comment(call.repository, one))


@route("GET", _REPO + "/commits/{sha}/comments", "metadata")
def list_of_commit(call: Call) -> Answer:
    """https://docs.github.com/rest/commits/comments#list-commit-comments"""
    sha = find_commit(call, call.params["sha"]).sha
    found = call.store.commit_comments(call.repository.id, sha)
    return call.whole(found, lambda one: call.shapes.commit_comment(call.repository, one))


@route("POST", _REPO + "/commits/{sha}/comments", "contents")
def create(call: Call) -> Answer:
    """https://docs.github.com/rest/commits/comments#create-a-commit-comment (readers may)"""
    sha, body = find_commit(call, call.params["sha"]).sha, call.json()
    path = body.get("path")
    made = call.store.comment_commit(
        call.repository.id,
        sha,
        _text(call),
        author_id=call.acting_id,
        path=None if path is None else str(path),
        position=_number(body.get("position")),
        line=_number(body.get("line")),
    )
    return Answer(call.shapes.commit_comment(call.repository, made), 201)


@route("GET", _REPO + "/comments/{comment_id}", "metadata")
def show(call: Call) -> Answer:
    """https://docs.github.com/rest/commits/comments#get-a-commit-comment"""
    return Answer(call.shapes.commit_comment(call.repository, find_commit_comment(call)))


@route("PATCH", _REPO + "/comments/{comment_id}", "contents:write")
def edit(call: Call) -> Answer:
    """https://docs.github.com/rest/commits/comments#update-a-commit-comment"""
    new = call.store.edit_commit_comment(find_commit_comment(call).id, _text(call))
    return Answer(call.shapes.commit_comment(call.repository, new))


@route("DELETE", _REPO + "/comments/{comment_id}", "contents:write")
def delete(call: Call) -> Answer:
    """https://docs.github.com/rest/commits/comments#delete-a-commit-comment"""
    call.store.delete_commit_comment(find_commit_comment(call).id)
    return Answer(status=204)


def find_commit_comment(call: Call) -> CommitComment:
    """The commit comment in the path, or 404."""
    found = call.store.commit_comment(call.number("comment_id"))
    if found is None or found.repository_id != call.repository.id:
        raise not_found()
    return found


def _text(call: Call) -> str:
    text = call.json().get("body")
    if not isinstance(text, str) or not text:
        raise invalid("CommitComment", "body")
    return text


def _number(value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise invalid("CommitComment", "position", "invalid")
    return value
