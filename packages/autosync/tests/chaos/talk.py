"""The part of a storm that changes what hangs on repositories, issues and pull requests."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Protocol

from githubsim.testing import SimError


class Doer(Protocol):
    """What these operations need of a storm."""

    random: Random
    people: list[str]

    def do(self, call: str, body: dict[str, Any]) -> Any:
        """A control call."""

    def item(self, *, pull: bool | None = None) -> dict[str, Any]:
        """Where an issue or a pull request is."""

    def repository(self) -> dict[str, Any]:
        """One of them."""

    def contents(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """One of them, and what is in it."""

    def thing(self, kind: str) -> Any:
        """Something in one of them."""

    def words(self, what: str) -> str:
        """A text that was never there before."""


Operation = Callable[[Any], Any]

_VERDICTS = ("APPROVED", "COMMENTED", "CHANGES_REQUESTED")


def _in_repository(s: Doer) -> dict[str, Any]:
    return {"repository": s.repository()["full_name"]}


def _review(s: Doer) -> None:
    """Half of them with remarks on a line."""
    verdict = {"state": s.random.choice(_VERDICTS), "body": s.words("Review")}
    s.do(
        "reviews/submit", s.item(pull=True) | verdict | {"comments": s.random.choice([0, 0, 1, 2])}
    )


def _request(s: Doer) -> None:
    s.do("reviews/request", s.item(pull=True) | {"reviewers": _some(s)})


def _unrequest(s: Doer) -> None:
    s.do("reviews/unrequest", s.item(pull=True) | {"reviewers": _some(s)})


def _some(s: Doer) -> list[str]:
    return s.random.sample(s.people, s.random.randint(1, 2))


def _release(s: Doer) -> None:
    """Some as drafts, with their files or none."""
    tag = s.words("tag").encode("ascii", "ignore").decode().replace(" ", "-")
    about = {"tag": tag, "name": s.words("Release"), "draft": s.random.random() < 0.4}
    about |= {"prerelease": s.random.random() < 0.2}
    files = ["a.zip", "b.tar.gz"][: s.random.randint(0, 2)]
    s.do("releases/create", _in_repository(s) | about | {"assets": files})


def _star(s: Doer) -> None:
    s.do("star", _in_repository(s) | {"sender": s.random.choice(s.people)})


def _star_again(s: Doer) -> None:
    """Within a second or two: whoever goes by the order of events may lose it."""
    fan = _in_repository(s) | {"sender": s.random.choice(s.people)}
    for call in ("unstar", "star"):
        s.do(call, fan)


def _mention(s: Doer) -> None:
    """In a comment or a description, one that exists or not; some are to be closed by it."""
    text = f"{s.words('See')} {s.random.choice(['closes', 'like'])} #{s.random.randint(1, 30)}"
    call = s.random.choice(["issues/comment", "issues/edit"])
    s.do(call, s.item() | {"body": text})


def _link(s: Doer) -> None:
    """By hand; no webhook tells of it."""
    one, inside = s.contents()
    if not inside["issues"] or not inside["pulls"]:
        raise SimError("nothing there")
    both = {"number": s.random.choice(inside["pulls"]), "issue": s.random.choice(inside["issues"])}
    linked = {"linked": s.random.random() < 0.7}
    s.do("pulls/link", {"repository": one["full_name"]} | both | linked)


def _split(s: Doer) -> None:
    """One issue is a part of another, or no longer, or the parts have another order."""
    call = s.random.choice(["add", "add", "remove", "order"])
    s.do(f"issues/parts/{call}", s.item(pull=False) | {"sub": s.random.randint(1, 60)})


def _block(s: Doer) -> None:
    call = s.random.choice(["issues/block", "issues/block", "issues/unblock"])
    s.do(call, s.item(pull=False) | {"by": s.random.randint(1, 60)})


TALK: dict[str, Operation] = {
    "mention": _mention,
    "link": _link,
    "split": _split,
    "block": _block,
    "review": _review,
    "edit_comment": lambda s: s.do(
        "issues/comment/edit", {"comment_id": s.thing("comments"), "body": s.words("Comment")}
    ),
    "delete_comment": lambda s: s.do("issues/comment/delete", {"comment_id": s.thing("comments")}),
    "comment_commit": lambda s: s.do(
        "commits/comment", _in_repository(s) | {"body": s.words("Comment")}
    ),
    # Of neither is anybody told.
    "edit_commit_comment": lambda s: s.do(
        "commits/comment/edit",
        {"comment_id": s.thing("commit_comments"), "body": s.words("Comment")},
    ),
    "delete_commit_comment": lambda s: s.do(
        "commits/comment/delete", {"comment_id": s.thing("commit_comments")}
    ),
    "edit_review": lambda s: s.do(
        "reviews/edit", {"review_id": s.thing("reviews"), "body": s.words("Review")}
    ),
    "dismiss_review": lambda s: s.do("reviews/dismiss", {"review_id": s.thing("reviews")}),
    "remark": lambda s: s.do("reviews/comment", s.item(pull=True) | {"body": s.words("Remark")}),
    "reply": lambda s: s.do(
        "reviews/reply", {"comment_id": s.thing("threads"), "body": s.words("Reply")}
    ),
    "edit_remark": lambda s: s.do(
        "reviews/comment/edit", {"comment_id": s.thing("threads"), "body": s.words("Remark")}
    ),
    # The first of a thread: the oldest reply takes its place, and the thread another node id.
    "delete_remark": lambda s: s.do("reviews/comment/delete", {"comment_id": s.thing("threads")}),
    "resolve": lambda s: s.do(
        "reviews/resolve",
        {"comment_id": s.thing("threads"), "resolved": s.random.random() < 0.7},
    ),
    "request": _request,
    "unrequest": _unrequest,
    "release": _release,
    "publish": lambda s: s.do("releases/edit", {"release_id": s.thing("releases"), "draft": False}),
    "edit_release": lambda s: s.do(
        "releases/edit", {"release_id": s.thing("releases"), "body": s.words("Notes")}
    ),
    "unpublish": lambda s: s.do(
        "releases/edit", {"release_id": s.thing("releases"), "draft": True}
    ),
    "delete_release": lambda s: s.do("releases/delete", {"release_id": s.thing("releases")}),
    "upload": lambda s: s.do(
        "releases/asset/upload",
        {"release_id": s.thing("releases"), "name": s.words("file").replace(" ", "-")},
    ),
    "delete_asset": lambda s: s.do("releases/asset/delete", {"asset_id": s.thing("assets")}),
    "star": _star,
    "unstar": lambda s: s.do("unstar", _in_repository(s) | {"sender": s.random.choice(s.people)}),
    "star_again": _star_again,
    # Of neither is anybody told.
    "watch": lambda s: s.do("watch", _in_repository(s) | {"sender": s.random.choice(s.people)}),
    "unwatch": lambda s: s.do("unwatch", _in_repository(s) | {"sender": s.random.choice(s.people)}),
    # Nobody is told of a reaction, and no clock moves.
    "react": lambda s: s.do("react", s.item() | {"content": s.random.choice(["+1", "heart"])}),
    "create_label": lambda s: s.do(
        "labels/create", _in_repository(s) | {"name": s.words("Label"), "description": None}
    ),
    "close_milestone": lambda s: s.do(
        "milestones/edit",
        _in_repository(s)
        | {"milestone": 1, "state": "closed" if s.random.random() < 0.7 else "open"},
    ),
}
