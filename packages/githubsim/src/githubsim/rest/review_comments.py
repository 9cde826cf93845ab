"""Comments on the diff of a pull request: listed, written, answered, edited, deleted."""

from typing import Any

from githubsim.diffs import Spot, at_line, at_position
from githubsim.errors import ApiError, invalid, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.rest.pulls import find_pull
from githubsim.shapes import Json
from githubsim.store import DiffSpot, Pull, ReviewComment
from githubsim.store.review_finding import PUBLISHED

_PULL = "/repos/{owner}/{repo}/pulls/{number}"
_ORDERS = {"created": "created_at", "created_at": "created_at", "updated": "updated_at"}


@route("GET", "/repos/{owner}/{repo}/pulls/comments", "pull_requests")
def list_all(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/comments#list-review-comments-in-a-repository"""
    return _page(call, "repository_id", call.repository.id)


@route("GET", _PULL + "/comments", "pull_requests")
def list_of_pull(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/comments#list-review-comments-on-a-pull-request"""
    return _page(call, "pull_id", find_pull(call).id)


@route("POST", _PULL + "/comments", "pull_requests:write")
def create(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/comments#create-a-review-comment-for-a-pull-request"""
    pull, body = find_pull(call), call.json()
    if body.get("in_reply_to") is not None:
        return _reply(call, pull, body["in_reply_to"])
    for field in ("body", "commit_id", "path"):
        if not isinstance(body.get(field), str) or not body[field]:
            raise invalid("PullRequestReviewComment", field)
    spot, text = read_note(call, pull, body)
    made = call.store.review_comment(
        pull.id, text, spot, author_id=call.acting_id, commit_sha=body["commit_id"]
    )
    return Answer(_shape(call, made), 201)


@route("POST", _PULL + "/comments/{comment_id}/replies", "pull_requests:write")
def reply(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/comments#create-a-reply-for-a-review-comment"""
    return _reply(call, find_pull(call), call.number("comment_id"))


@route("GET", "/repos/{owner}/{repo}/pulls/comments/{comment_id}", "pull_requests")
def show(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/comments#get-a-review-comment-for-a-pull-request"""
    return Answer(_shape(call, find_review_comment(call)))


@route("PATCH", "/repos/{owner}/{repo}/pulls/comments/{comment_id}", "pull_requests:write")
def edit(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/comments#update-a-review-comment-for-a-pull-request"""
    comment = find_review_comment(call)
    new = call.store.edit_review_comment(comment.id, _text(call.json()), sender_id=call.acting_id)
    return Answer(_shape(call, new))


@route("DELETE", "/repos/{owner}/{repo}/pulls/comments/{comment_id}", "pull_requests:write")
def delete(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/comments#delete-a-review-comment-for-a-pull-request"""
    call.store.delete_review_comment(find_review_comment(call).id, sender_id=call.acting_id)
    return Answer(status=204)


def find_review_comment(call: Call) -> ReviewComment:
    """The published review comment in the path, or 404."""
    found = call.store.find_review_comment(call.number("comment_id"))
    if found is None or found.repository_id != call.repository.id:
        raise not_found()
    review = call.store.find_review(found.review_id)
    if review is None or (review.pending and review.author_id != call.caller.acting_id):
        raise not_found()
    return found


def read_note(call: Call, pull: Pull, body: Any) -> tuple[DiffSpot, str]:
    """The place and the text of a comment in a request; 422 for a line outside the diff."""
    if not isinstance(body, dict):
        raise invalid("PullRequestReviewComment", "path")
    text, path = _text(body), str(body.get("path", ""))
    patch = _patch(call, pull, path)
    if body.get("subject_type") == "file":
        return DiffSpot(path, "", subject_type="file"), text
    side = str(body.get("side") or "RIGHT")
    spot: Spot | None
    if body.get("line") is not None:
        spot = at_line(patch, _whole(body["line"]), side)
        field = "line"
    else:
        spot, field = at_position(patch, _whole(body.get("position"))), "position"
        side = "LEFT" if spot is not None and spot.new is None else "RIGHT"
    if spot is None:
        raise _outside(field)
    start, start_side = body.get("start_line"), str(body.get("start_side") or side)
    if start is not None and at_line(patch, _whole(start), start_side) is None:
        raise _outside("start_line")
    return (
        DiffSpot(
            path,
            spot.hunk,
            spot.position,
            spot.line(side),
            side,
            None if start is None else _whole(start),
            None if start is None else start_side,
        ),
        text,
    )


def _patch(call: Call, pull: Pull, path: str) -> str:
    """The patch of one file of a pull request."""
    git, repository_id, part = call.git, call.repository.id, pull.part
    fork = git.merge_base(repository_id, part.base_sha, part.head_sha)
    changes = [] if fork is None else git.diff(repository_id, fork, part.head_sha)
    for one in changes:
        if one.path == path:
            return one.patch or ""
    raise _outside("path")


def _outside(field: str) -> ApiError:
    name = f"pull_request_review_thread.{field}"
    message = f"{name} could not be resolved" if field == "line" else f"{name} is invalid"
    return invalid("PullRequestReviewComment", name, "custom", message)


def _reply(call: Call, pull: Pull, comment_id: Any) -> Answer:
    first = call.store.find_review_comment(_whole(comment_id))
    if first is None or first.pull_id != pull.id:
        raise not_found()
    made = call.store.review_comment(
        pull.id, _text(call.json()), author_id=call.acting_id, reply_to_id=first.id
    )
    return Answer(_shape(call, made), 201)


def _page(call: Call, column: str, value: int) -> Answer:
    store, since = call.store, call.when("since") or 0
    order = _ORDERS.get(call.query.get("sort", ""))
    # As GitHub documents it, the direction means something only with a sort.
    down = order is not None and call.query.get("direction", "asc") == "desc"
    direction = "DESC" if down else "ASC"
    where = f"WHERE {column} = ? AND updated_at >= ? AND {PUBLISHED}"

    def shapes(ids: list[int]) -> list[Json]:
        return [_shape(call, one) for one in store.by_id(ReviewComment, ids)]

    with store.lock:
        found = store.values(
            f"SELECT id FROM review_comments {where} "  # noqa: S608
            f"ORDER BY {order or 'id'} {direction}, id {direction} LIMIT ? OFFSET ?",
            [value, since, call.per_page, call.offset],
        )
        total = store.value(
            f"SELECT count(*) FROM review_comments {where}",  # noqa: S608
            [value, since],
        )
        rows = call.rows("remark", [one for (one,) in found], shapes)
    return call.paged(rows, total)


def _shape(call: Call, comment: ReviewComment) -> Json:
    pull = call.store.pull(comment.pull_id)
    if pull is None:
        raise not_found()
    return call.shapes.review_comment(call.repository, comment, pull)


def _text(body: Json) -> str:
    text = body.get("body")
    if not isinstance(text, str) or not text:
        raise invalid("PullRequestReviewComment", "body")
    return text


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid("PullRequestReviewComment", "line", "invalid")
    return value
