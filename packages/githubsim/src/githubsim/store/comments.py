"""Comments on issues and on the conversation of pull requests."""

from dataclasses import replace
from typing import Any

from githubsim.store.mentions import Mentions
from githubsim.store.rows import Comment, Issue


class Comments(Mentions):
    """The part of the store that holds what people say under an issue."""

    def comment(
        self,
        issue_id: int,
        body: str,
        *,
        author_id: int,
        association: str = "CONTRIBUTOR",
        at: int | None = None,
    ) -> Comment:
        """A new comment. Sends `issue_comment.created`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            issue = self._issue(issue_id)
            new = Comment(
                self.allocate("comment"),
                issue.repository_id,
                issue_id,
                author_id,
                association,
                body,
                at,
                at,
            )
            self.insert(new)
            issue = self._save(issue, at, comments=issue.comments + 1)
            self._tell_comment(new, issue, "created", author_id, at)
            self.note_mentions(issue, body, author_id, at)
        return new

    def edit_comment(
        self, comment_id: int, body: str, *, sender_id: int | None = None, at: int | None = None
    ) -> Comment:
        """A new text. Sends `issue_comment.edited`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self.issue_comment(comment_id)
            if old is None:
                raise KeyError(comment_id)
            new = replace(old, body=body, updated_at=max(at, old.updated_at))
            self.update(new)
            changes = {"body": {"from": old.body}}
            # Its issue's clock moves too: GitHub's example payload of `issue_comment.edited`
            # (octokit/webhooks), microsoft/TypeScript-Twoslash-Repro-Action#17.
            issue = self._save(self._issue(old.issue_id), at)
            self._tell_comment(new, issue, "edited", sender_id, at, changes=changes)
            self.note_mentions(issue, body, sender_id, at)
        return new

    def delete_comment(
        self, comment_id: int, *, sender_id: int | None = None, at: int | None = None
    ) -> Comment:
        """Delete a comment. Sends `issue_comment.deleted`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self.issue_comment(comment_id)
            if old is None:
                raise KeyError(comment_id)
            self.execute("DELETE FROM comments WHERE id = ?", (comment_id,))
            self.forget_reactions("comment", comment_id)
            issue = self._issue(old.issue_id)
            issue = self._save(issue, at, comments=issue.comments - 1)
            self.note_event(
                issue, "comment_deleted", sender_id, at, deleted_author_id=old.author_id
            )
            self._tell_comment(old, issue, "deleted", sender_id, at)
        return old

    def _tell_comment(
        self,
        comment: Comment,
        issue: Issue,
        action: str,
        sender_id: int | None,
        at: int,
        **extra: Any,
    ) -> None:
        repository = self._existing(issue.repository_id)
        self.tell("issue_comment", action, repository, comment, sender_id, at, issue=issue, **extra)
