"""Where each resource of each repository stands: the committed cursors."""

from __future__ import annotations

from django.db import models

from autosync.mirror.models.repository import Repository


class ResourceCursor(models.Model):
    """How far one resource of one repository has been read. Committed with every page."""

    class State(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        COMPLETE = "complete"
        FAILED = "failed"

    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, related_name="cursors", db_constraint=False
    )
    resource = models.CharField(max_length=32, help_text="commit, issue, pull_request, …")
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    # Backfill: the next page's cursor. Empty at the start and after the end.
    cursor = models.TextField(default="", blank=True)
    backfill_started_at = models.DateTimeField(null=True, blank=True)
    backfilled_at = models.DateTimeField(null=True, blank=True)
    # Later: everything GitHub changed before this moment has been read.
    watermark = models.DateTimeField(null=True, blank=True)
    done = models.IntegerField(default=0, help_text="rows read so far in the backfill")
    total = models.IntegerField(null=True, blank=True, help_text="rows GitHub says there are")
    error = models.TextField(default="", blank=True)
    # Not empty, not gone and no failure: GitHub does not show it. See autosync.sync.refusals.
    unavailable = models.CharField(
        max_length=16,
        default="",
        blank=True,
        help_text="off, permission, saml, ip_allow_list, blocked or refused; empty: readable",
    )
    unavailable_reason = models.TextField(default="", blank=True)
    unavailable_since = models.DateTimeField(null=True, blank=True)
    touched_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "resource_cursors"
        constraints = [
            models.UniqueConstraint(fields=["repository", "resource"], name="resource_cursor"),
        ]

    def __str__(self) -> str:
        return f"{self.resource} of {self.repository_id}: {self.state}"
