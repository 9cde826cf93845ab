"""Commits and the refs that reach them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from autosync.mirror.digest import Digest
from autosync.mirror.models.base import MirroredModel
from autosync.mirror.models.repository import Repository


class Commit(MirroredModel):
    """One commit of one repository. Forks share SHAs: (repository, sha) is the key."""

    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, related_name="commits", db_constraint=False
    )
    sha = models.CharField(max_length=64)
    message = models.TextField(default="", blank=True)
    author_name = models.TextField(default="", blank=True)
    author_email = models.TextField(default="", blank=True)
    authored_at = models.DateTimeField(null=True)
    committer_name = models.TextField(default="", blank=True)
    committer_email = models.TextField(default="", blank=True)
    committed_at = models.DateTimeField()
    parents = ArrayField(models.CharField(max_length=64), default=list)
    # False while only a push payload named the commit (no parents, one date); git completes it.
    complete = models.BooleanField(default=False)
    on_default_branch = models.BooleanField(default=False)
    # No branch or tag reaches it any more: forced away, or its branch was deleted. Kept.
    orphaned_at = models.DateTimeField(null=True, blank=True)

    # GitHub computes these; they arrive a moment after the commit. Null: not asked yet.
    additions = models.IntegerField(null=True, blank=True)
    deletions = models.IntegerField(null=True, blank=True)
    changed_files = models.IntegerField(null=True, blank=True)
    author_user_id = models.BigIntegerField(null=True, blank=True)
    author_login = models.CharField(max_length=255, default="", blank=True)
    # Why GitHub has no additions and deletions of it; empty: it has, or was not asked yet.
    size_unknown = models.TextField(default="", db_default="", blank=True)
    # When GitHub was asked for the details; null: still to ask.
    detailed_at = models.DateTimeField(null=True, blank=True)
    # When its files were read from git, and its sizes with them; null: not read, or not affordable.
    files_at = models.DateTimeField(null=True, blank=True)

    class Meta(MirroredModel.Meta):
        abstract = False
        db_table = "commits"
        constraints = [
            models.UniqueConstraint(fields=["repository", "sha"], name="commit_identity"),
        ]
        indexes = [
            models.Index(fields=["repository", "-committed_at"], name="commit_by_date"),
            models.Index(fields=["-committed_at"], name="commit_recent"),
            models.Index(
                fields=["repository"],
                name="commit_without_details",
                condition=models.Q(detailed_at__isnull=True),
            ),
            models.Index(
                fields=["repository"],
                name="commit_without_size",
                condition=~models.Q(size_unknown=""),
            ),
            models.Index(
                fields=["repository"],
                name="commit_incomplete",
                condition=models.Q(complete=False, orphaned_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sha[:10]} {self.message.partition(chr(10))[0][:60]}"


class CommitFile(models.Model):
    """A file that a commit changed, against its first parent. It never changes."""

    commit = models.ForeignKey(
        Commit, on_delete=models.CASCADE, related_name="files", db_constraint=False, db_index=False
    )
    repository = models.ForeignKey(
        # They go with their commits, without a search through all of this table.
        Repository,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    position = models.IntegerField(help_text="git's order, from 0")
    path = models.TextField(help_text="a byte that is not UTF-8 is \\xNN")
    previous_path = models.TextField(default="", blank=True)
    status = models.CharField(max_length=16)
    additions = models.IntegerField(null=True, blank=True, help_text="null: binary")
    deletions = models.IntegerField(null=True, blank=True, help_text="null: binary")

    class Meta:
        db_table = "commit_files"
        constraints = [
            # A path may be longer than what an index holds.
            models.UniqueConstraint(fields=["commit", "position"], name="commit_file_identity"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.path}"


class Ref(MirroredModel):
    """A branch (`refs/heads/…`) or tag (`refs/tags/…`) and the commit it points to."""

    class Kind(models.TextChoices):
        BRANCH = "branch"
        TAG = "tag"

    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, related_name="refs", db_constraint=False
    )
    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.TextField(help_text="without refs/heads/ or refs/tags/")
    sha = models.CharField(max_length=64)

    class Meta(MirroredModel.Meta):
        abstract = False
        db_table = "refs"
        constraints = [
            models.UniqueConstraint(
                models.F("repository"),
                models.F("kind"),
                Digest(models.F("name")),
                name="ref_identity",
            ),
        ]

    def __str__(self) -> str:
        return self.name
