"""An installation of the GitHub App on one account."""

from __future__ import annotations

from django.db import models

from autosync.mirror.models.base import MirroredModel


class GitHubAppInstallation(MirroredModel):
    """One installation (GitHub's `installation` object)."""

    github_id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField(null=True)
    account_login = models.CharField(max_length=255, default="")
    account_type = models.CharField(max_length=32, default="")
    account_avatar_url = models.TextField(default="", blank=True)
    repository_selection = models.CharField(max_length=16, default="")
    permissions = models.JSONField(default=dict)
    events = models.JSONField(default=list)
    suspended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(null=True, blank=True)

    # Ours: the last full listing of what the installation may see, and what went wrong with it.
    repositories_listed_at = models.DateTimeField(null=True, blank=True)
    sync_error = models.TextField(default="", blank=True)

    class Meta(MirroredModel.Meta):
        abstract = False
        db_table = "installations"
        verbose_name = "installation"

    def __str__(self) -> str:
        return self.account_login or f"installation {self.github_id}"

    @property
    def is_suspended(self) -> bool:
        return self.suspended_at is not None
