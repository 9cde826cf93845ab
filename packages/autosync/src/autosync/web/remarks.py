"""Threads of remarks on lines, each with the review that began it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from autosync.kinds import KINDS

REMARK: Final = KINDS["review_comment"]
THREAD: Final = KINDS["review_thread"]
REVIEW: Final = KINDS["review"]
# Of one page; the others are at GitHub.
MOST: Final = 500


@dataclass(frozen=True, slots=True)
class Thread:
    """The remarks on one place; `state` is the row that says whether it is settled, if known."""

    remarks: list[Any]
    state: Any | None

    @property
    def first(self) -> Any:
        """The remark that began it."""
        return self.remarks[0]


def _all(repository_id: int, number: int) -> QuerySet[Any]:
    rows: QuerySet[Any] = REMARK.model._default_manager.filter(
        repository_id=repository_id, pull_number=number
    )
    return rows


def without_a_review(repository_id: int, number: int) -> QuerySet[Any]:
    """Those that begin a thread of which the review is not here; a reply whose first is not here
    begins one too.
    """
    reviews = REVIEW.model.live.filter(pk=OuterRef("review_id"))
    remarks = REMARK.model._default_manager
    first = remarks.filter(pk=OuterRef("in_reply_to_id"))
    earlier = REMARK.model.live.filter(
        in_reply_to_id=OuterRef("in_reply_to_id"), pk__lt=OuterRef("pk")
    )
    begins = Q(in_reply_to_id=None) & ~Exists(reviews)
    left_alone = Q(in_reply_to_id__isnull=False) & ~Exists(first) & ~Exists(earlier)
    return _all(repository_id, number).filter(begins | left_alone, deleted_at=None)


def worth_showing(reviews: QuerySet[Any]) -> QuerySet[Any]:
    """Without those that are there only because a reply needs one: it stands in its thread."""
    replies = REMARK.model._default_manager.filter(
        review_id=OuterRef("pk"), in_reply_to_id__isnull=False
    )
    begun = REMARK.model._default_manager.filter(review_id=OuterRef("pk"), in_reply_to_id=None)
    only_replies = Q(Exists(replies)) & ~Q(Exists(begun))
    return reviews.exclude(Q(state="commented") & Q(body="") & only_replies)


def of_reviews(repository_id: int, number: int, reviews: Sequence[int]) -> dict[int, list[Thread]]:
    """Review → the threads that it began."""
    if not reviews:
        return {}
    begun = _all(repository_id, number).filter(review_id__in=reviews, in_reply_to_id=None)
    found: dict[int, list[Thread]] = {}
    for thread in threads(repository_id, number, begun.order_by("pk")[:MOST]):
        found.setdefault(thread.first.review_id, []).append(thread)
    return found


def threads(repository_id: int, number: int, firsts: Iterable[Any]) -> list[Thread]:
    """The threads that these remarks begin, with all their remarks; none of deleted ones alone."""
    begun = list(firsts)
    if not begun:
        return []
    names = {one.in_reply_to_id or one.pk: one for one in begun}
    replies = _all(repository_id, number).filter(in_reply_to_id__in=names)
    answers: dict[int, list[Any]] = {}
    for one in replies.order_by("pk")[:MOST]:
        answers.setdefault(one.in_reply_to_id, []).append(one)
    states = THREAD.model.live.filter(first_comment_id__in=names)
    settled = {one.first_comment_id: one for one in states.filter(repository_id=repository_id)}
    made = []
    for name, first in names.items():
        others = [one for one in answers.get(name, ()) if one.pk != first.pk]
        if any(one.deleted_at is None for one in (first, *others)):
            made.append(Thread([first, *others], settled.get(name)))
    return made
