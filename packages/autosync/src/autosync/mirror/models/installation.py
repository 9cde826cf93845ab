"""An installation of the GitHub App on one account."""

from __future__ import annotations

from django.db import models

from autosync.mirror.models.base import MirroredModel, means


class GitHubAppInstallation(MirroredModel):
    """One installation (GitHub's `installation` object)."""

    github_id = means("GitHub's id of the installation.", models.BigIntegerField(primary_key=True))
    account_id = means(
        "GitHub's id of the account on which the App is installed.",
        models.BigIntegerField(null=True),
    )
    account_login = means(
        "The login of that account.", models.CharField(max_length=255, default="")
    )
    account_type = means("Organization or User.", models.CharField(max_length=32, default=""))
    account_avatar_url = means(
        "The address of the account's picture.", models.TextField(default="", blank=True)
    )
    repository_selection = means(
        "Which repositories the App may see: all or selected.",
        models.CharField(max_length=16, default=""),
    )
    permissions = means(
        "What the account granted: permission and level.", models.JSONField(default=dict)
    )
    events = means("The events that GitHub delivers for it.", models.JSONField(default=list))
    suspended_at = means(
        "When it was suspended; null unless it is.", models.DateTimeField(null=True, blank=True)
    )
    created_at = means("When the App was installed.", models.DateTimeField(null=True, blank=True))

    # Ours: the last full listing of what the installation may see, and what went wrong with it.
    repositories_listed_at = means(
        "When AutoSync last listed what it may see.", models.DateTimeField(null=True, blank=True)
    )
    sync_error = means(
        "What went wrong with that; empty if nothing did.", models.TextField(default="", blank=True)
    )

    class Meta(MirroredModel.Meta):
        abstract = False
        db_table = "installations"
        verbose_name = "installation"

    def __str__(self) -> str:
        return self.account_login or f"installation {self.github_id}"

    @property
    def is_suspended(self) -> bool:
        return self.suspended_at is not None
