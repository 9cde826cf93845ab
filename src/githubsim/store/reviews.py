"""Reviews of pull requests, their comments on the diff, and who is asked to review."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from githubsim.store.pulls import Pulls
from githubsim.store.review_rows import DiffSpot, Review, ReviewComment, ReviewRequest, ReviewSpec
from githubsim.store.rows import Pull

# Of the reviewers' states these two say something of the pull request as a whole.
OPINIONS = ("APPROVED", "CHANGES_REQUESTED")
Note = tuple[DiffSpot, str]


class Reviews(Pulls):
    """The part of the store that holds reviews."""

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

    def review_comment(
        self,
        pull_id: int,
        body: str,
        spot: DiffSpot | None = None,
        *,
        author_id: int,
        reply_to_id: int | None = None,
        commit_sha: str | None = None,
        association: str = "CONTRIBUTOR",
        at: int | None = None,
    ) -> ReviewComment:
        """A comment by itself, or a reply (then `spot` is its thread's). As on GitHub it gets a
        review of its own: sends `pull_request_review.submitted`, then the comment's `created`.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            first = None if reply_to_id is None else self.find_review_comment(reply_to_id)
            if first is not None:
                first = self.find_review_comment(first.thread_id) or first
                spot = DiffSpot(
                    first.path,
                    first.diff_hunk,
                    first.position,
                    first.line,
                    first.side,
                    first.start_line,
                    first.start_side,
                    first.subject_type,
                )
            if spot is None:
                raise ValueError("a comment needs a place in the diff or a comment to reply to")
            review = self.review(
                pull_id,
                "PENDING",
                author_id=author_id,
                commit_sha=commit_sha,
                association=association,
                at=at,
            )
            new = self._note(review, spot, body, first, author_id, at)
            self.insert(new)
            self.submit_review(review.id, "COMMENTED", at=at)
        return new

    def edit_review_comment(
        self, comment_id: int, body: str, *, sender_id: int | None = None, at: int | None = None
    ) -> ReviewComment:
        """A new text. Sends `pull_request_review_comment.edited`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._found_note(comment_id)
            new = replace(old, body=body, updated_at=max(at, old.updated_at))
            self.update(new)
            self._tell_note(new, "edited", sender_id, at, changes={"body": {"from": old.body}})
        return new

    def delete_review_comment(
        self, comment_id: int, *, sender_id: int | None = None, at: int | None = None
    ) -> ReviewComment:
        """Delete one; the oldest reply becomes the first of the thread.

        Sends `pull_request_review_comment.deleted`.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._found_note(comment_id)
            self.execute("DELETE FROM review_comments WHERE id = ?", (comment_id,))
            self.forget_reactions("review_comment", comment_id)
            replies = self.rows(ReviewComment, "WHERE reply_to_id = ? ORDER BY id", (comment_id,))
            for place, one in enumerate(replies):
                first = replies[0].id if place else None
                resolved = None if place else old.resolved_by_id
                self.update(replace(one, reply_to_id=first, resolved_by_id=resolved))
            self._touch(old.pull_id, at)
            self._tell_note(old, "deleted", sender_id, at)
        return old

    def move_review_comment(
        self,
        comment_id: int,
        head_sha: str,
        *,
        position: int | None,
        line: int | None,
        start_line: int | None,
    ) -> ReviewComment:
        """Note where its lines are at a new head; `position` None makes it outdated, and leaves
        the commit it speaks of. Nobody is told, and its clock stays.
        """
        with self.writing():
            old = self._found_note(comment_id)
            new = replace(
                old,
                now_position=position,
                now_line=line,
                now_start_line=start_line,
                commit_sha=old.commit_sha if position is None else head_sha,
            )
            self.update(new)
        return new

    def resolve_thread(
        self, thread_id: int, *, resolved: bool = True, sender_id: int, at: int | None = None
    ) -> ReviewComment:
        """Resolve or reopen a thread. Sends `pull_request_review_thread.resolved`/`unresolved`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._found_note(thread_id)
            if (old.resolved_by_id is not None) == resolved:
                return old
            new = replace(old, resolved_by_id=sender_id if resolved else None)
            self.update(new)
            pull = self._pull(new.pull_id)
            action = "resolved" if resolved else "unresolved"
            repository = self._existing(new.repository_id)
            self.tell(
                "pull_request_review_thread",
                action,
                repository,
                new,
                sender_id,
                at,
                pull=pull,
                thread=self.thread(new.id),
            )
        return new

    def request_reviewers(
        self,
        pull_id: int,
        account_ids: Sequence[int] = (),
        team_ids: Sequence[int] = (),
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Pull:
        """Ask for reviews. Sends `pull_request.review_requested`, one for each new name."""
        at = self.clock.now() if at is None else at
        with self.writing():
            pull = self._pull(pull_id)
            known = {(one.account_id, one.team_id) for one in self.review_requests(pull_id)}
            wanted = [(one, None) for one in account_ids] + [(None, one) for one in team_ids]
            for account_id, team_id in wanted:
                if (account_id, team_id) in known:
                    continue
                known.add((account_id, team_id))
                request = ReviewRequest(
                    self.allocate("review_request"),
                    pull.repository_id,
                    pull_id,
                    account_id,
                    team_id,
                )
                self.insert(request)
                self._tell_request(request, "review_requested", sender_id, at)
        return self._pull(pull_id)

    def remove_reviewers(
        self,
        pull_id: int,
        account_ids: Sequence[int] = (),
        team_ids: Sequence[int] = (),
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Pull:
        """Ask no more. Sends `pull_request.review_request_removed`, one for each name."""
        at = self.clock.now() if at is None else at
        with self.writing():
            for one in self.review_requests(pull_id):
                if one.account_id in account_ids or one.team_id in team_ids:
                    self.execute("DELETE FROM review_requests WHERE id = ?", (one.id,))
                    self._tell_request(one, "review_request_removed", sender_id, at)
        return self._pull(pull_id)

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

    # Finding them.

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

    def review_requests(self, pull_id: int) -> list[ReviewRequest]:
        """Who is asked to review."""
        return self.rows(ReviewRequest, "WHERE pull_id = ? ORDER BY id", (pull_id,))

    # Shared by the methods above.

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

    def _tell_review(
        self, review: Review, action: str, sender_id: int | None, at: int, **extra: Any
    ) -> None:
        repository, pull = self._existing(review.repository_id), self._pull(review.pull_id)
        self.tell(
            "pull_request_review", action, repository, review, sender_id, at, pull=pull, **extra
        )

    def _tell_note(
        self, comment: ReviewComment, action: str, sender_id: int | None, at: int, **extra: Any
    ) -> None:
        repository, pull = self._existing(comment.repository_id), self._pull(comment.pull_id)
        name = "pull_request_review_comment"
        self.tell(name, action, repository, comment, sender_id, at, pull=pull, **extra)

    def _tell_request(
        self, request: ReviewRequest, action: str, sender_id: int | None, at: int
    ) -> None:
        issue = self._save(self._pull(request.pull_id).issue, at)
        self.tell_issue(issue, action, sender_id, at, request=request)


# Comments of a pending review are its author's alone.
PUBLISHED = "review_id IN (SELECT id FROM reviews WHERE submitted_at IS NOT NULL)"
