"""Comments on commits."""

from dataclasses import replace

from githubsim.store.commit_comment_rows import CommitComment
from githubsim.store.history import History


class CommitComments(History):
    """The part of the store that holds what people say of commits."""

    def comment_commit(
        self,
        repository_id: int,
        sha: str,
        body: str,
        *,
        author_id: int,
        path: str | None = None,
        position: int | None = None,
        line: int | None = None,
        association: str = "CONTRIBUTOR",
        at: int | None = None,
    ) -> CommitComment:
        """A new comment. Sends `commit_comment.created`, the only event there is of them."""
        at = self.clock.now() if at is None else at
        with self.writing():
            new = CommitComment(
                id=self.allocate("commit_comment"),
                repository_id=repository_id,
                commit_sha=sha,
                author_id=author_id,
                association=association,
                body=body,
                path=path,
                position=position,
                line=line,
                created_at=at,
                updated_at=at,
            )
            self.insert(new)
            repository = self._existing(repository_id)
            self.tell("commit_comment", "created", repository, new, author_id, at)
        return new

    def edit_commit_comment(
        self, comment_id: int, body: str, *, at: int | None = None
    ) -> CommitComment:
        """A new text."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self.commit_comment(comment_id)
            if old is None:
                raise KeyError(comment_id)
            new = replace(old, body=body, updated_at=max(at, old.updated_at))
            self.update(new)
        return new

    def delete_commit_comment(self, comment_id: int) -> None:
        """Delete a comment."""
        with self.writing():
            self.execute("DELETE FROM commit_comments WHERE id = ?", (comment_id,))
            self.forget_reactions("commit_comment", comment_id)

    def commit_comment(self, comment_id: int) -> CommitComment | None:
        """A comment by id."""
        return self.row(CommitComment, "WHERE id = ?", (comment_id,))

    def commit_comments(self, repository_id: int, sha: str | None = None) -> list[CommitComment]:
        """The comments on one commit, or on all of a repository, oldest first."""
        where = "WHERE repository_id = ? AND (? IS NULL OR commit_sha = ?) ORDER BY id"
        return self.rows(CommitComment, where, (repository_id, sha, sha))

    def count_commit_comments(self, repository_id: int, sha: str) -> int:
        """How many comments there are on one commit."""
        sql = "SELECT count(*) FROM commit_comments WHERE repository_id = ? AND commit_sha = ?"
        return int(self.value(sql, (repository_id, sha)))
