"""Comments on issues and on the conversation of pull requests."""

from collections.abc import Sequence

from githubsim.errors import invalid, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.rest.issues import find_issue
from githubsim.shapes import Json
from githubsim.store import Comment

_EITHER = "issues|pull_requests"


@route("GET", "/repos/{owner}/{repo}/issues/comments", _EITHER)
def list_all(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/comments#list-issue-comments-for-a-repository"""
    store, since = call.store, call.when("since") or 0
    order = {"created": "created_at", "updated": "updated_at"}.get(call.query.get("sort", ""))
    direction = "DESC" if order and call.query.get("direction", "desc") == "desc" else "ASC"
    where = "WHERE repository_id = ? AND updated_at >= ?"
    with store.lock:
        found = store.values(
            f"SELECT id FROM comments {where} "  # noqa: S608
            f"ORDER BY {order or 'id'} {direction}, id {direction} LIMIT ? OFFSET ?",
            [call.repository.id, since, call.per_page, call.offset],
        )
        total = store.value(
            f"SELECT count(*) FROM comments {where}",  # noqa: S608
            [call.repository.id, since],
        )
        rows = call.rows("comment", [one for (one,) in found], lambda ids: _shapes(call, ids))
    return call.paged(rows, total)


@route("GET", "/repos/{owner}/{repo}/issues/{number}/comments", _EITHER)
def list_of_issue(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/comments#list-issue-comments"""
    issue = find_issue(call)
    since = call.when("since") or 0
    found = [one for one in call.store.comments(issue.id) if one.updated_at >= since]
    return call.whole(found, lambda one: call.shapes.comment(call.repository, one, issue))


@route("POST", "/repos/{owner}/{repo}/issues/{number}/comments", f"{_EITHER}:write")
def create(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/comments#create-an-issue-comment"""
    issue = find_issue(call)
    made = call.store.comment(issue.id, _body(call), author_id=call.acting_id)
    return Answer(call.shapes.comment(call.repository, made, issue), 201)


@route("GET", "/repos/{owner}/{repo}/issues/comments/{comment_id}", _EITHER)
def show(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/comments#get-an-issue-comment"""
    return Answer(_shape(call, find_comment(call)))


@route("PATCH", "/repos/{owner}/{repo}/issues/comments/{comment_id}", f"{_EITHER}:write")
def edit(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/comments#update-an-issue-comment"""
    new = call.store.edit_comment(find_comment(call).id, _body(call), sender_id=call.acting_id)
    return Answer(_shape(call, new))


@route("DELETE", "/repos/{owner}/{repo}/issues/comments/{comment_id}", f"{_EITHER}:write")
def delete(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/comments#delete-an-issue-comment"""
    call.store.delete_comment(find_comment(call).id, sender_id=call.acting_id)
    return Answer(status=204)


def find_comment(call: Call) -> Comment:
    """The comment in the path, or 404."""
    found = call.store.issue_comment(call.number("comment_id"))
    if found is None or found.repository_id != call.repository.id:
        raise not_found()
    return found


def _shapes(call: Call, ids: Sequence[int]) -> list[Json]:
    found = call.store.by_id(Comment, ids)
    issues = call.store.issues_of(list({one.issue_id for one in found}))
    return [call.shapes.comment(call.repository, one, issues[one.issue_id]) for one in found]


def _shape(call: Call, comment: Comment) -> Json:
    issue = call.store.issue(comment.issue_id)
    if issue is None:
        raise not_found()
    return call.shapes.comment(call.repository, comment, issue)


def _body(call: Call) -> str:
    text = call.json().get("body")
    if not isinstance(text, str) or not text:
        raise invalid("IssueComment", "body")
    return text
