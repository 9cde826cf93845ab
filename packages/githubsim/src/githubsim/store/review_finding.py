"""Reviews found and loaded, and what all that change them share."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from githubsim.store.pulls import Pulls
from githubsim.store.review_rows import DiffSpot, Review, ReviewComment, ReviewRequest, ReviewSpec

# Comments of a pending review are its author's alone.
PUBLISHED = "review_id IN (SELECT id FROM reviews WHERE submitted_at IS NOT NULL)"


class ReviewFinding(Pulls):
    """The part of the store that keeps reviews, their comments and requests for them."""

    def bulk_reviews(self, repository_id: int, specs: Sequence[ReviewSpec]) -> list[Review]:
        """Load submitted reviews with their comments, oldest first, sending no webhooks."""
        with self.writing():
            review_id = self.allocate("review", len(specs))
            reviews = [
                Review(
                    review_id + place,
                    repository_id,
                    spec.pull_id,
                    spec.author_id,
                    "MEMBER",
                    spec.state,
                    spec.body,
                    spec.commit_sha,
                    spec.at,
                    spec.at,
                    spec.at,
                )
                for place, spec in enumerate(specs)
            ]
            comments: list[ReviewComment] = []
            # A reply has a review of its own, as one written later has.
            answers: list[Review] = []
            for review, spec in zip(reviews, specs, strict=True):
                for spot, body, replies in spec.notes:
                    first = self._note(review, spot, body, None, spec.author_id, spec.at)
                    comments.append(first)
                    for author_id, text, at in replies:
                        answer = replace(
                            review,
                            id=self.allocate("review"),
                            author_id=author_id,
                            state="COMMENTED",
                            body="",
                            created_at=at,
                            updated_at=at,
                            submitted_at=at,
                        )
                        answers.append(answer)
                        comments.append(self._note(answer, spot, text, first, author_id, at))
            self.insert_all(reviews)
            self.insert_all(answers)
            self.insert_all(comments)
        return reviews

    def find_review(self, review_id: int) -> Review | None:
        """A review by id."""
        return self.row(Review, "WHERE id = ?", (review_id,))

    def reviews(self, pull_id: int, viewer_id: int | None = None) -> list[Review]:
        """The reviews of a pull request in the order they were submitted, with those that are
        pending for `viewer_id` only.
        """
        found = self.rows(Review, "WHERE pull_id = ? ORDER BY submitted_at, id", (pull_id,))
        return [one for one in found if not one.pending or one.author_id == viewer_id]

    def find_review_comment(self, comment_id: int) -> ReviewComment | None:
        """A review comment by id."""
        return self.row(ReviewComment, "WHERE id = ?", (comment_id,))

    def comments_of_review(self, review_id: int) -> list[ReviewComment]:
        """The comments of one review, oldest first."""
        return self.rows(ReviewComment, "WHERE review_id = ? ORDER BY id", (review_id,))

    def review_comments(self, pull_id: int) -> list[ReviewComment]:
        """The published review comments of a pull request, oldest first."""
        return self.rows(
            ReviewComment, f"WHERE pull_id = ? AND {PUBLISHED} ORDER BY id", (pull_id,)
        )

    def count_review_comments(self, pull_id: int) -> int:
        """How many those are."""
        sql = f"SELECT count(*) FROM review_comments WHERE pull_id = ? AND {PUBLISHED}"  # noqa: S608
        return int(self.value(sql, (pull_id,)))

    def thread(self, thread_id: int) -> list[ReviewComment]:
        """The published comments of one thread, oldest first."""
        return self.rows(
            ReviewComment,
            f"WHERE (id = ? OR reply_to_id = ?) AND {PUBLISHED} ORDER BY id",
            (thread_id, thread_id),
        )

    def thread_by_number(self, number: int) -> list[ReviewComment]:
        """The same by the number in the thread's node id."""
        first = self.row(
            ReviewComment,
            "WHERE reply_to_id IS NULL AND (id = ? OR thread_number = ?)",
            (number, number),
        )
        return [] if first is None else self.thread(first.id)

    def review_requests(self, pull_id: int) -> list[ReviewRequest]:
        """Who is asked to review."""
        return self.rows(ReviewRequest, "WHERE pull_id = ? ORDER BY id", (pull_id,))

    # Shared by what changes them.

    def _note(
        self,
        review: Review,
        spot: DiffSpot,
        body: str,
        first: ReviewComment | None,
        author_id: int | None,
        at: int,
    ) -> ReviewComment:
        return ReviewComment(
            id=self.allocate("review_comment"),
            repository_id=review.repository_id,
            pull_id=review.pull_id,
            review_id=review.id,
            reply_to_id=None if first is None else first.id,
            author_id=author_id,
            association=review.association,
            body=body,
            path=spot.path,
            diff_hunk=spot.diff_hunk,
            commit_sha=review.commit_sha if first is None else first.commit_sha,
            original_commit_sha=review.commit_sha if first is None else first.original_commit_sha,
            position=spot.position,
            line=spot.line,
            side=spot.side,
            start_line=spot.start_line,
            start_side=spot.start_side,
            subject_type=spot.subject_type,
            resolved_by_id=None,
            now_position=spot.position if first is None else first.now_position,
            now_line=spot.line if first is None else first.now_line,
            now_start_line=spot.start_line if first is None else first.now_start_line,
            created_at=at,
            updated_at=at,
        )

    def _review(self, review_id: int) -> Review:
        found = self.find_review(review_id)
        if found is None:
            raise KeyError(review_id)
        return found

    def _found_note(self, comment_id: int) -> ReviewComment:
        found = self.find_review_comment(comment_id)
        if found is None:
            raise KeyError(comment_id)
        return found

    def _touch(self, pull_id: int, at: int) -> None:
        self._save(self._pull(pull_id).issue, at)

    def _tell_note(
        self, comment: ReviewComment, action: str, sender_id: int | None, at: int, **extra: Any
    ) -> None:
        repository, pull = self._existing(comment.repository_id), self._pull(comment.pull_id)
        name = "pull_request_review_comment"
        self.tell(name, action, repository, comment, sender_id, at, pull=pull, **extra)
