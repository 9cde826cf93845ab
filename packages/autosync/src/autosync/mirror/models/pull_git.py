"""What pull requests bring: their commits and files, as git has them."""

from __future__ import annotations

from django.db import models

from autosync.mirror.models.repository import Repository


class _OfPullRequest(models.Model):
    """Replaced as a whole when the base or head of the pull request moves."""

    repository = models.ForeignKey(
        # They go with their pull requests.
        Repository,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    pull_request_number = models.IntegerField()
    position = models.IntegerField()

    class Meta:
        abstract = True


class PullRequestCommit(_OfPullRequest):
    """A commit that a pull request brings: one that its head has and its base has not."""

    sha = models.CharField(max_length=64)
    message = models.TextField(default="", blank=True)
    author_name = models.TextField(default="", blank=True)
    author_email = models.TextField(default="", blank=True)
    authored_at = models.DateTimeField()
    committed_at = models.DateTimeField()

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

    path = models.TextField()
    previous_path = models.TextField(default="", blank=True)
    status = models.CharField(max_length=16)
    additions = models.IntegerField(null=True, blank=True)
    deletions = models.IntegerField(null=True, blank=True)

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
