"""Reacting, as a control action; no webhook tells of it."""

from collections.abc import Callable
from typing import Any

from githubsim.control.desk import Desk
from githubsim.shapes import Json


def react(desk: Desk) -> Json:
    """`repository`, `content` (+1), and `number` of an issue or pull request or, of something
    else, `subject` (comment, review_comment, release) with its `id`.
    """
    subject = desk.get("subject", "issue")
    subject_id = desk.issue.id if subject == "issue" else int(desk.need("id"))
    made, _ = desk.store.react(
        desk.repository.id,
        subject,
        subject_id,
        desk.get("content", "+1"),
        account_id=desk.sender.id,
    )
    return desk.shapes.reaction(made)


ACTIONS: dict[str, Callable[[Desk], Any]] = {"react": react}
