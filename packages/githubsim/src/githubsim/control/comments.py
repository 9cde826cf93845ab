"""What people say under issues and pull requests, as control actions; each sends its webhook."""

from collections.abc import Callable
from typing import Any

from githubsim.control.desk import Desk
from githubsim.shapes import Json
from githubsim.store import Comment


def comment(desk: Desk) -> Json:
    """`repository`, `number`, `body` → the comment."""
    body = desk.get("body", "A comment")
    return _shape(desk, desk.store.comment(desk.issue.id, body, author_id=desk.sender.id))


def edit(desk: Desk) -> Json:
    """`comment_id`, `body`."""
    comment_id, body = int(desk.need("comment_id")), desk.get("body", "Said otherwise")
    return _shape(desk, desk.store.edit_comment(comment_id, body, sender_id=desk.sender.id))


def delete(desk: Desk) -> Json:
    """`comment_id`."""
    gone = desk.store.delete_comment(int(desk.need("comment_id")), sender_id=desk.sender.id)
    return {"id": gone.id}


def _shape(desk: Desk, one: Comment) -> Json:
    repository, issue = desk.store.repository(one.repository_id), desk.store.issue(one.issue_id)
    assert repository is not None
    assert issue is not None
    return desk.shapes.comment(repository, one, issue)


ACTIONS: dict[str, Callable[[Desk], Any]] = {
    "issues/comment": comment,
    "issues/comment/delete": delete,
    "issues/comment/edit": edit,
}
