"""Reviewing, as control actions; each sends its webhooks."""

from collections.abc import Callable
from typing import Any

from githubsim.control.desk import Desk, Refused
from githubsim.remarks import remarkable
from githubsim.shapes import Json
from githubsim.store import Account, DiffSpot, Review, ReviewComment


def submit(desk: Desk) -> Json:
    """`repository`, `number`, `state` (APPROVED), `body`, `comments` (how many lines to remark on)
    → the review.
    """
    pull = desk.pull
    spot = _spot(desk) if desk.get("comments") else None
    notes = [(spot, f"Remark {n + 1}") for n in range(int(desk.get("comments", 0))) if spot]
    made = desk.store.review(
        pull.id,
        desk.get("state", "APPROVED"),
        desk.get("body", "A review"),
        author_id=_reviewer(desk).id,
        notes=notes,
    )
    return _review(desk, made)


def edit(desk: Desk) -> Json:
    """`review_id`, `body`."""
    found = _found(desk)
    new = desk.store.edit_review(found.id, desk.need("body"), sender_id=desk.sender.id)
    return _review(desk, new)


def dismiss(desk: Desk) -> Json:
    """`review_id`, `message`."""
    found = _found(desk)
    message = desk.get("message", "Outdated")
    return _review(desk, desk.store.dismiss_review(found.id, message, sender_id=desk.sender.id))


def comment(desk: Desk) -> Json:
    """`repository`, `number`, `body`, `reply_to` (id) → the review comment."""
    reply_to = desk.get("reply_to")
    made = desk.store.review_comment(
        desk.pull.id,
        desk.get("body", "A remark"),
        None if reply_to else _spot(desk),
        author_id=desk.sender.id,
        reply_to_id=reply_to,
    )
    return _comment(desk, made)


def reply(desk: Desk) -> Json:
    """`comment_id` (any of a thread), `body` → the review comment."""
    first = desk.store.find_review_comment(int(desk.need("comment_id")))
    if first is None:
        raise Refused(f"no review comment {desk.need('comment_id')}")
    made = desk.store.review_comment(
        first.pull_id,
        desk.get("body", "A reply"),
        author_id=desk.sender.id,
        reply_to_id=first.id,
    )
    return _comment(desk, made)


def edit_comment(desk: Desk) -> Json:
    """`comment_id`, `body`."""
    comment_id = int(desk.need("comment_id"))
    body = desk.get("body", "Another remark")
    return _comment(
        desk, desk.store.edit_review_comment(comment_id, body, sender_id=desk.sender.id)
    )


def delete_comment(desk: Desk) -> Json:
    """`comment_id`."""
    gone = desk.store.delete_review_comment(int(desk.need("comment_id")), sender_id=desk.sender.id)
    return {"id": gone.id}


def resolve(desk: Desk) -> Json:
    """`comment_id` (the first of its thread), `resolved` (true)."""
    new = desk.store.resolve_thread(
        int(desk.need("comment_id")),
        resolved=bool(desk.get("resolved", True)),
        sender_id=desk.sender.id,
    )
    return _comment(desk, new)


def request(desk: Desk) -> Json:
    """`repository`, `number`, `reviewers` (logins), `teams` (slugs)."""
    ids = [desk.account(one).id for one in desk.get("reviewers", ())]
    new = desk.store.request_reviewers(desk.pull.id, ids, _teams(desk), sender_id=desk.sender.id)
    return desk.shapes.pull(desk.repository, new)


def unrequest(desk: Desk) -> Json:
    """`repository`, `number`, `reviewers` (logins), `teams` (slugs)."""
    ids = [desk.account(one).id for one in desk.get("reviewers", ())]
    new = desk.store.remove_reviewers(desk.pull.id, ids, _teams(desk), sender_id=desk.sender.id)
    return desk.shapes.pull(desk.repository, new)


def _teams(desk: Desk) -> list[int]:
    found = [
        desk.store.team_by_slug(desk.repository.owner_id, one) for one in desk.get("teams", ())
    ]
    return [one.id for one in found if one is not None]


def _reviewer(desk: Desk) -> Account:
    """The sender; where nobody is named, somebody other than the author."""
    if desk.get("sender") is not None:
        return desk.sender
    author = desk.pull.issue.author_id
    where = "WHERE type = 'User' AND id IS NOT ? ORDER BY id"
    found = desk.store.row(Account, where, (author,))
    if found is None:
        raise Refused("nobody else is here to review")
    return found


def _spot(desk: Desk) -> DiffSpot:
    """The first new line of a pull request's diff."""
    for spot in remarkable(desk.git, desk.pull):
        return spot
    raise Refused("the pull request changes no line")


def _found(desk: Desk) -> Review:
    review_id = int(desk.need("review_id"))
    found = desk.store.find_review(review_id)
    if found is None:
        raise Refused(f"no review {review_id}")
    return found


def _review(desk: Desk, review: Review) -> Json:
    repository, pull = desk.store.repository(review.repository_id), desk.store.pull(review.pull_id)
    assert repository is not None
    assert pull is not None
    return desk.shapes.review(repository, review, pull)


def _comment(desk: Desk, one: ReviewComment) -> Json:
    repository, pull = desk.store.repository(one.repository_id), desk.store.pull(one.pull_id)
    assert repository is not None
    assert pull is not None
    return desk.shapes.review_comment(repository, one, pull)


ACTIONS: dict[str, Callable[[Desk], Any]] = {
    "reviews/comment": comment,
    "reviews/comment/delete": delete_comment,
    "reviews/comment/edit": edit_comment,
    "reviews/dismiss": dismiss,
    "reviews/edit": edit,
    "reviews/reply": reply,
    "reviews/request": request,
    "reviews/resolve": resolve,
    "reviews/submit": submit,
    "reviews/unrequest": unrequest,
}
