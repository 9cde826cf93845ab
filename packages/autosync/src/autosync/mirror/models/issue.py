"""Issues (never pull requests, which share their numbers)."""

from __future__ import annotations

from django.db import models

from autosync.mirror.models.base import MirroredModel
from autosync.mirror.models.repository import Repository


class Issue(MirroredModel):
    """One issue, keyed by GitHub's issue id; (repository, number) may be reused by nothing."""

    github_issue_id = models.BigIntegerField(primary_key=True)
    node_id = models.CharField(max_length=255, default="")
    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, related_name="issues", db_constraint=False
    )
    number = models.IntegerField()
    title = models.TextField(default="")
    body = models.TextField(default="", blank=True)
    state = models.CharField(max_length=16, default="open")
    state_reason = models.CharField(max_length=32, default="", blank=True)
    author_id = models.BigIntegerField(null=True, blank=True)
    author_login = models.CharField(max_length=255, default="", blank=True)
    labels = models.JSONField(default=list, help_text='[{"name": …, "color": …}], by name')
    assignees = models.JSONField(default=list, help_text="logins, sorted")
    milestone = models.TextField(default="", blank=True)
    milestone_number = models.IntegerField(null=True, blank=True)
    comments_count = models.IntegerField(default=0)
    locked = models.BooleanField(default=False)
    html_url = models.TextField(default="", blank=True)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta(MirroredModel.Meta):
        abstract = False
        db_table = "issues"
        indexes = [
            models.Index(fields=["repository", "number"], name="issue_by_number"),
            models.Index(fields=["repository", "-updated_at"], name="issue_by_update"),
            models.Index(fields=["-updated_at"], name="issue_recent"),
            models.Index(
                fields=["dirty_at"],
                name="issue_in_doubt",
                condition=models.Q(dirty_at__isnull=False),
            ),
            # For the counts that each sync compares: from the index alone.
            models.Index(
                fields=["repository"],
                name="issue_alive",
                condition=models.Q(deleted_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.title}"
