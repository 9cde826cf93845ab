"""Reviews of pull requests: written, submitted, edited, dismissed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from githubsim.store.review_finding import ReviewFinding
from githubsim.store.review_rows import DiffSpot, Review

# Of the reviewers' states these two say something of the pull request as a whole.
OPINIONS = ("APPROVED", "CHANGES_REQUESTED")
Note = tuple[DiffSpot, str]


class Reviews(ReviewFinding):
    """The part of the store that changes reviews."""

    def review(
        self,
        pull_id: int,
        state: str,
        body: str = "",
        *,
        author_id: int,
        notes: Sequence[Note] = (),
        commit_sha: str | None = None,
        association: str = "CONTRIBUTOR",
        at: int | None = None,
    ) -> Review:
        """A new review. Sends `pull_request_review.submitted` and
        `pull_request_review_comment.created` for each note; a PENDING one sends nothing.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            pull = self._pull(pull_id)
            new = Review(
                id=self.allocate("review"),
                repository_id=pull.repository_id,
                pull_id=pull_id,
                author_id=author_id,
                association=association,
                state="PENDING",
                body=body,
                commit_sha=commit_sha or pull.part.head_sha,
                created_at=at,
                updated_at=at,
                submitted_at=None,
            )
            self.insert(new)
            for spot, text in notes:
                self.insert(self._note(new, spot, text, None, author_id, at))
            if state == "PENDING":
                return new
            return self.submit_review(new.id, state, at=at)

    def submit_review(
        self, review_id: int, state: str, body: str | None = None, *, at: int | None = None
    ) -> Review:
        """Publish a pending review with its comments; its author is no longer asked for one."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._review(review_id)
            new = replace(
                old,
                state=state,
                body=old.body if body is None else body,
                submitted_at=at,
                updated_at=max(at, old.updated_at),
            )
            self.update(new)
            self.execute(
                "DELETE FROM review_requests WHERE pull_id = ? AND account_id = ?",
                (old.pull_id, old.author_id),
            )
            self._touch(old.pull_id, at)
            self._tell_review(new, "submitted", new.author_id, at)
            for one in self.comments_of_review(review_id):
                self._tell_note(one, "created", new.author_id, at)
        return new

    def edit_review(
        self, review_id: int, body: str, *, sender_id: int | None = None, at: int | None = None
    ) -> Review:
        """Another summary. Sends `pull_request_review.edited` unless it is pending."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._review(review_id)
            new = replace(old, body=body, updated_at=max(at, old.updated_at))
            self.update(new)
            if not new.pending:
                changes = {"body": {"from": old.body}}
                self._tell_review(new, "edited", sender_id, at, changes=changes)
        return new

    def dismiss_review(
        self, review_id: int, message: str, *, sender_id: int | None = None, at: int | None = None
    ) -> Review:
        """Take an opinion out of account. Sends `pull_request_review.dismissed`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._review(review_id)
            if old.state not in OPINIONS:
                raise ValueError("only an approval or a request for changes can be dismissed")
            new = replace(old, state="DISMISSED", updated_at=max(at, old.updated_at))
            self.update(new)
            self._touch(old.pull_id, at)
            self.note_event(
                self._pull(old.pull_id).issue,
                "review_dismissed",
                sender_id or self._existing(old.repository_id).owner_id,
                at,
                dismissed_review={
                    "state": old.state.lower(),
                    "review_id": old.id,
                    "dismissal_message": message,
                },
            )
            self._tell_review(new, "dismissed", sender_id, at)
        return new

    def delete_review(self, review_id: int) -> Review:
        """Throw a pending review away; nobody hears of it. ValueError once it is submitted."""
        with self.writing():
            old = self._review(review_id)
            if not old.pending:
                raise ValueError("a submitted review cannot be deleted")
            self.execute("DELETE FROM review_comments WHERE review_id = ?", (review_id,))
            self.execute("DELETE FROM reviews WHERE id = ?", (review_id,))
        return old

    def _tell_review(
        self, review: Review, action: str, sender_id: int | None, at: int, **extra: Any
    ) -> None:
        repository, pull = self._existing(review.repository_id), self._pull(review.pull_id)
        self.tell(
            "pull_request_review", action, repository, review, sender_id, at, pull=pull, **extra
        )
