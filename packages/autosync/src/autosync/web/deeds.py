"""What was done to an issue or a pull request, in words, with links to what it was done with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.urls import reverse

from autosync.kinds import _columns as gh
from autosync.storable import BIGGEST_INTEGER
from autosync.web import hanging
from autosync.web.hanging import Hanging
from autosync.web.markdown import Place

# https://docs.github.com/rest/using-the-rest-api/issue-event-types
_DEEDS: Final = {
    "assigned": "assigned",
    "base_ref_changed": "changed the base",
    "base_ref_force_pushed": "forced a push to the base",
    "closed": "closed this",
    "comment_deleted": "deleted a comment",
    "connected": "linked this",
    "convert_to_draft": "made this a draft",
    "cross-referenced": "mentioned this in",
    "demilestoned": "took this out of the milestone",
    "disconnected": "took back a link",
    "head_ref_deleted": "deleted the branch",
    "head_ref_force_pushed": "forced a push",
    "head_ref_restored": "restored the branch",
    "labeled": "added the label",
    "locked": "locked the conversation",
    "marked_as_duplicate": "called this a duplicate of",
    "merged": "merged this",
    "milestoned": "put this into the milestone",
    "pinned": "pinned this",
    "ready_for_review": "called this ready for review",
    "referenced": "mentioned this in a commit",
    "renamed": "changed the title",
    "reopened": "opened this again",
    "review_dismissed": "dismissed a review",
    "review_request_removed": "took back the request for a review",
    "review_requested": "asked for a review",
    "transferred": "transferred this",
    "unassigned": "unassigned",
    "unlabeled": "removed the label",
    "unlocked": "unlocked the conversation",
    "unpinned": "unpinned this",
}
_LENGTH: Final = 200
_MOST: Final = 8
_SHA: Final = 10


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a deed was done with; `address` is empty if it is no link."""

    words: str
    address: str = ""


def verb(row: Any) -> str:
    """What was done."""
    event = str(row.event)
    return _DEEDS.get(event, event.replace("_", " "))


def facts(of: Hanging, row: Any, place: Place) -> list[Fact]:
    """With what, to whom, in which commit."""
    return [one for one in _facts(of, row, place) if one.words.strip()][:_MOST]


def _facts(of: Hanging, row: Any, place: Place) -> Iterator[Fact]:
    for field in hanging.words(of):
        value = getattr(row, field.attname)
        if not value:
            continue
        if isinstance(field, gh.ActorLogin):
            yield Fact(str(value), place.profile(str(value)))
        elif isinstance(field, gh.Sha):
            address = reverse("commit-page", args=[place.repository_id, value])
            yield Fact(str(value)[:_SHA], address)
        else:
            yield from _told(value, place)


def _told(value: Any, place: Place) -> Iterator[Fact]:
    """What a document says, without its names and ids."""
    if isinstance(value, dict):
        number = value.get("number")
        if isinstance(number, int):
            yield _reference(number, value.get("repository_id"), place)
            return
        if isinstance(value.get("from"), str) and isinstance(value.get("to"), str):
            yield Fact(f"{value['from'][:_LENGTH]} → {value['to'][:_LENGTH]}")
            value = {name: one for name, one in value.items() if name not in ("from", "to")}
        for name, one in value.items():
            if not str(name).endswith(("_id", "node_id")) and name != "id":
                yield from _told(one, place)
    elif isinstance(value, list):
        for one in value:
            yield from _told(one, place)
    elif value is not None and not isinstance(value, bool):
        yield Fact(str(value)[:_LENGTH])


def _reference(number: int, repository_id: Any, place: Place) -> Fact:
    """The same number of another repository is another issue."""
    if repository_id not in (None, place.repository_id):
        return Fact(f"#{number} of another repository")
    if not 0 < number <= BIGGEST_INTEGER:
        return Fact(f"#{number}")
    return Fact(f"#{number}", reverse("issue-page", args=[place.repository_id, number]))
