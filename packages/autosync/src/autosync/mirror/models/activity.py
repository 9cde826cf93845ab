"""The feed: what changed, as people read it, newest last."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class FeedEvent(models.Model):
    """One change applied to the mirror. Its insertion notifies channel `autosync_feed`."""

    at = models.DateTimeField(db_default=Now())
    installation_id = models.BigIntegerField(null=True, blank=True)
    repository_id = models.BigIntegerField(null=True, blank=True)
    kind = models.CharField(max_length=32, help_text="commit, issue, pull_request, ref, …")
    action = models.CharField(max_length=64, help_text="pushed, opened, closed, deleted, …")
    object_key = models.CharField(max_length=255, default="", help_text="sha, number or name")
    title = models.TextField(default="", blank=True)
    actor = models.CharField(max_length=255, default="", blank=True)
    html_url = models.TextField(default="", blank=True)

    class Meta:
        db_table = "feed"
        indexes = [
            models.Index(fields=["repository_id", "-id"], name="feed_by_repository"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.action} {self.object_key}"
