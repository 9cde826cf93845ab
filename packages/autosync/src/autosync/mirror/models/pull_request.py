"""Pull requests."""

from __future__ import annotations

from django.db import models

from autosync.mirror.models.base import MirroredModel
from autosync.mirror.models.repository import Repository


class PullRequest(MirroredModel):
    """One pull request, keyed by its own id (not that of its issue)."""

    github_id = models.BigIntegerField(primary_key=True)
    node_id = models.CharField(max_length=255, default="")
    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, related_name="pull_requests", db_constraint=False
    )
    number = models.IntegerField()
    title = models.TextField(default="")
    body = models.TextField(default="", blank=True)
    state = models.CharField(max_length=16, default="open", help_text="open or closed")
    draft = models.BooleanField(default=False)
    merged = models.BooleanField(default=False)
    author_id = models.BigIntegerField(null=True, blank=True)
    author_login = models.CharField(max_length=255, default="", blank=True)
    base_ref = models.TextField(default="")
    base_sha = models.CharField(max_length=64, default="")
    head_ref = models.TextField(default="")
    head_sha = models.CharField(max_length=64, default="")
    head_repository = models.CharField(max_length=511, default="", blank=True)
    head_repository_id = models.BigIntegerField(
        null=True, blank=True, help_text="null once the fork is gone"
    )
    merge_commit_sha = models.CharField(max_length=64, default="", blank=True)
    merged_by_login = models.CharField(max_length=255, default="", blank=True)
    additions = models.IntegerField(null=True, blank=True)
    deletions = models.IntegerField(null=True, blank=True)
    changed_files = models.IntegerField(null=True, blank=True)
    commits_count = models.IntegerField(null=True, blank=True)
    comments_count = models.IntegerField(default=0)
    labels = models.JSONField(default=list, help_text='[{"name": …, "color": …}], by name')
    assignees = models.JSONField(default=list, help_text="logins, sorted")
    milestone = models.TextField(default="", blank=True)
    milestone_number = models.IntegerField(null=True, blank=True)
    locked = models.BooleanField(default=False)
    html_url = models.TextField(default="", blank=True)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    merged_at = models.DateTimeField(null=True, blank=True)

    class Meta(MirroredModel.Meta):
        abstract = False
        db_table = "pull_requests"
        indexes = [
            models.Index(fields=["repository", "number"], name="pull_request_by_number"),
            models.Index(fields=["repository", "-updated_at"], name="pull_request_by_update"),
            models.Index(fields=["-updated_at"], name="pull_request_recent"),
            models.Index(
                fields=["dirty_at"],
                name="pull_request_in_doubt",
                condition=models.Q(dirty_at__isnull=False),
            ),
            # For the counts that each sync compares: from the index alone.
            models.Index(
                fields=["repository"],
                name="pull_request_alive",
                condition=models.Q(deleted_at__isnull=True),
            ),
            models.Index(fields=["head_repository_id"], name="pull_request_by_head"),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.title}"
