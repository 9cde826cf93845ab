"""What pull requests bring: their commits and files, as git has them."""

from __future__ import annotations

from django.db import models

from autosync.mirror.models.base import means
from autosync.mirror.models.repository import Repository


class _OfPullRequest(models.Model):
    """Replaced as a whole when the base or head of the pull request moves."""

    repository = means(
        "GitHub's id of the repository.",
        models.ForeignKey(
            # They go with their pull requests.
            Repository,
            models.DO_NOTHING,
            related_name="+",
            db_constraint=False,
            db_index=False,
        ),
    )
    pull_request_number = means("The number of the pull request.", models.IntegerField())
    position = means(
        "Its place among the pull request's commits, the oldest first, or its files, from 0.",
        models.IntegerField(),
    )

    class Meta:
        abstract = True


class PullRequestCommit(_OfPullRequest):
    """A commit that a pull request brings: one that its head has and its base has not."""

    sha = means(
        "The commit's name; in `commits` too while a branch or tag has it.",
        models.CharField(max_length=64),
    )
    message = means("The whole message.", models.TextField(default="", blank=True))
    author_name = means(
        "The author's name, as the commit has it.", models.TextField(default="", blank=True)
    )
    author_email = means(
        "The author's e-mail address, as the commit has it.",
        models.TextField(default="", blank=True),
    )
    authored_at = means("When it was written.", models.DateTimeField())
    committed_at = means("When it was committed.", models.DateTimeField())

    class Meta:
        db_table = "pull_request_commits"
        constraints = [
            models.UniqueConstraint(
                fields=["repository", "pull_request_number", "position"],
                name="pull_request_commit_identity",
            ),
        ]
        indexes = [models.Index(fields=["repository", "sha"], name="pull_request_commit_by_sha")]

    def __str__(self) -> str:
        return f"{self.sha[:10]} of #{self.pull_request_number}"


class PullRequestFile(_OfPullRequest):
    """A file that a pull request changes, from the merge base of its two branches to its head."""

    path = means("Its path; a byte that is not UTF-8 is \\\\xNN.", models.TextField())
    previous_path = means(
        "Its path before, if it was renamed; else empty.", models.TextField(default="", blank=True)
    )
    status = means(
        "added, removed, modified, renamed or changed (another type of file).",
        models.CharField(max_length=16),
    )
    additions = means(
        "Lines added; null for a binary file.", models.IntegerField(null=True, blank=True)
    )
    deletions = means(
        "Lines deleted; null for a binary file.", models.IntegerField(null=True, blank=True)
    )

    class Meta:
        db_table = "pull_request_files"
        constraints = [
            models.UniqueConstraint(
                fields=["repository", "pull_request_number", "position"],
                name="pull_request_file_identity",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.path}"
