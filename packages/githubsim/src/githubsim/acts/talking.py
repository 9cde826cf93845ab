"""Conversation: comments, also on commits, reviews, remarks on lines, threads that are resolved."""

from __future__ import annotations

from typing import Any

from githubsim import words
from githubsim.acts.acting import Acting
from githubsim.remarks import remarkable
from githubsim.store import Comment, Repository, ReviewComment
from githubsim.store.review_finding import PUBLISHED

_LATELY = "ORDER BY id DESC LIMIT 30"


class Talking(Acting):
    """What people say, and say otherwise."""

    def comment(self, repository: Repository) -> None:
        issue = self._some_open(repository, pulls=None)
        if issue is not None:
            author = self._somebody().id
            self._store.comment(issue.id, words.sentence(self._rng), author_id=author)

    def edit_comment(self, repository: Repository) -> None:
        one = self._some_comment(repository)
        if one is not None:
            self._store.edit_comment(one.id, words.sentence(self._rng), sender_id=one.author_id)

    def delete_comment(self, repository: Repository) -> None:
        one = self._some_comment(repository)
        if one is not None:
            self._store.delete_comment(one.id, sender_id=one.author_id)

    def comment_commit(self, repository: Repository) -> None:
        """On a commit of late, or a line of it; some say it otherwise, or nothing at all."""
        known, chance = self._store.commit_comments(repository.id), self._rng.random()
        if known and chance < 0.2:
            one, body = self._rng.choice(known), words.sentence(self._rng)
            self._store.edit_commit_comment(one.id, body)
        elif known and chance < 0.3:
            self._store.delete_commit_comment(self._rng.choice(known).id)
        else:
            commits = self._git.log(repository.id, repository.default_branch, limit=20)
            place: dict[str, Any] = {"path": "README.md", "position": 1, "line": 1}
            self._store.comment_commit(
                repository.id,
                self._rng.choice(commits).sha,
                words.sentence(self._rng),
                author_id=self._somebody().id,
                **(place if self._rng.random() < 0.5 else {}),
            )

    def review(self, repository: Repository) -> None:
        """A verdict, half of them with a remark on a line."""
        pull = self._some_pull(repository)
        if pull is None:
            return
        lines = remarkable(self._git, pull) if self._rng.random() < 0.5 else []
        notes = [(self._rng.choice(lines), words.sentence(self._rng))] if lines else []
        self._store.review(
            pull.id,
            self._rng.choice(("APPROVED", "APPROVED", "COMMENTED", "CHANGES_REQUESTED")),
            words.sentence(self._rng),
            author_id=self._somebody(but=pull.issue.author_id).id,
            notes=notes,
        )

    def remark(self, repository: Repository) -> None:
        """On a line, or in answer to somebody."""
        pull = self._some_pull(repository)
        if pull is None:
            return
        body, author = words.sentence(self._rng), self._somebody().id
        known, lines = self._store.review_comments(pull.id), remarkable(self._git, pull)
        if known and self._rng.random() < 0.5:
            first = self._rng.choice(known).thread_id
            self._store.review_comment(pull.id, body, author_id=author, reply_to_id=first)
        elif lines:
            spot = self._rng.choice(lines)
            self._store.review_comment(pull.id, body, spot, author_id=author)

    def change_remark(self, repository: Repository) -> None:
        """Another text for it, seldom none at all."""
        one = self._some_remark(repository)
        if one is None:
            return
        if self._rng.random() < 0.2:
            self._store.delete_review_comment(one.id, sender_id=one.author_id)
        else:
            body = words.sentence(self._rng)
            self._store.edit_review_comment(one.id, body, sender_id=one.author_id)

    def resolve(self, repository: Repository) -> None:
        """A thread is settled, or taken up again."""
        one = self._some_remark(repository)
        first = None if one is None else self._store.find_review_comment(one.thread_id)
        if first is not None:
            resolved, who = first.resolved_by_id is None, self._somebody().id
            self._store.resolve_thread(first.id, resolved=resolved, sender_id=who)

    def request(self, repository: Repository) -> None:
        """Ask somebody for a review, or no longer."""
        pull = self._some_pull(repository)
        if pull is None:
            return
        asked, who = self._store.review_requests(pull.id), pull.issue.author_id
        if asked and self._rng.random() < 0.3:
            people = [one.account_id for one in asked if one.account_id is not None]
            self._store.remove_reviewers(pull.id, people[:1], sender_id=who)
        else:
            self._store.request_reviewers(pull.id, [self._somebody(but=who).id], sender_id=who)

    def _some_comment(self, repository: Repository) -> Comment | None:
        found = self._store.rows(Comment, f"WHERE repository_id = ? {_LATELY}", (repository.id,))
        return self._rng.choice(found) if found else None

    def _some_remark(self, repository: Repository) -> ReviewComment | None:
        where = f"WHERE repository_id = ? AND {PUBLISHED} {_LATELY}"
        found = self._store.rows(ReviewComment, where, (repository.id,))
        return self._rng.choice(found) if found else None
