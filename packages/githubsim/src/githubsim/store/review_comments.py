"""Comments on the diff of a pull request, and the threads they make."""

from dataclasses import replace

from githubsim.store.review_rows import DiffSpot, ReviewComment
from githubsim.store.reviews import Reviews


class ReviewComments(Reviews):
    """The part of the store that changes what reviewers say of a line."""

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
                number = None if place else old.thread_number or old.id
                self.update(
                    replace(one, reply_to_id=first, resolved_by_id=resolved, thread_number=number)
                )
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
