"""Comments on commits, as control actions. Only a new one sends a webhook."""

from collections.abc import Callable
from typing import Any

from githubsim.control.desk import Desk
from githubsim.shapes import Json


def comment(desk: Desk) -> Json:
    """`repository`, `body`, `sha` (the default branch's newest), `ago` (seconds) → the comment."""
    repository, sha = desk.repository, desk.commit
    body = desk.get("body", "Nice commit")
    at = desk.store.clock.now() - int(desk.get("ago", 0))
    made = desk.store.comment_commit(repository.id, sha, body, author_id=desk.sender.id, at=at)
    return desk.shapes.commit_comment(repository, made)


def edit(desk: Desk) -> Json:
    """`comment_id`, `body`."""
    comment_id, body = int(desk.need("comment_id")), desk.get("body", "Said otherwise")
    new = desk.store.edit_commit_comment(comment_id, body)
    return desk.shapes.commit_comment(desk.find_repository(new.repository_id), new)


def delete(desk: Desk) -> Json:
    """`comment_id`."""
    comment_id = int(desk.need("comment_id"))
    desk.store.delete_commit_comment(comment_id)
    return {"id": comment_id}


ACTIONS: dict[str, Callable[[Desk], Any]] = {
    "commits/comment": comment,
    "commits/comment/delete": delete,
    "commits/comment/edit": edit,
}
