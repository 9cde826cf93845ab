"""A repository an installation may see."""

from __future__ import annotations

from django.db import models

from autosync.mirror.models.base import MirroredModel
from autosync.mirror.models.installation import GitHubAppInstallation


class Repository(MirroredModel):
    """One repository; its id survives renames and transfers."""

    class SyncState(models.TextChoices):
        PENDING = "pending", "waiting for its import"
        IMPORTING = "importing", "being imported"
        SYNCED = "synced", "in step with GitHub"
        FAILED = "failed", "last sync failed"

    github_id = models.BigIntegerField(primary_key=True)
    node_id = models.CharField(max_length=255, default="")
    installation = models.ForeignKey(
        GitHubAppInstallation,
        on_delete=models.CASCADE,
        related_name="repositories",
        db_constraint=False,
    )
    owner_login = models.CharField(max_length=255, default="")
    name = models.CharField(max_length=255)
    full_name = models.CharField(max_length=511, db_index=True)
    description = models.TextField(default="", blank=True)
    homepage = models.TextField(default="", blank=True)
    language = models.CharField(max_length=255, default="", blank=True)
    topics = models.JSONField(default=list, blank=True)
    visibility = models.CharField(max_length=16, default="")
    private = models.BooleanField(default=False)
    fork = models.BooleanField(default=False)
    archived = models.BooleanField(default=False)
    disabled = models.BooleanField(default=False)
    has_issues = models.BooleanField(default=True)
    has_pull_requests = models.BooleanField(default=True)
    default_branch = models.CharField(max_length=255, default="")
    html_url = models.TextField(default="", blank=True)
    clone_url = models.TextField(default="", blank=True)
    size = models.BigIntegerField(default=0, help_text="KiB, as GitHub reports it")
    stargazers_count = models.IntegerField(default=0)
    forks_count = models.IntegerField(default=0)
    created_at = models.DateTimeField(null=True, blank=True)
    pushed_at = models.DateTimeField(null=True, blank=True)

    # Ours. No longer accessible (removed from the installation, or the App uninstalled): hidden,
    # kept until purged, raised again by a re-add. A repository deleted on GitHub has `deleted_at`.
    removed_at = models.DateTimeField(null=True, blank=True)
    auto_sync_enabled = models.BooleanField(default=True)
    webhook_configured = models.BooleanField(default=False)
    sync_state = models.CharField(
        max_length=16, choices=SyncState.choices, default=SyncState.PENDING
    )
    sync_error = models.TextField(default="", blank=True)
    imported_at = models.DateTimeField(null=True, blank=True)
    last_synced_at = models.DateTimeField(null=True, blank=True)
    equal_at = models.DateTimeField(
        null=True, blank=True, help_text="an audit found it equal to GitHub then, or made it so"
    )
    audit_due_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="an audit is to look then: just imported, or out of GitHub's reach for a while",
    )

    # A sick repository has its own tries, with growing pauses: see autosync.sync.sick.
    failures = models.PositiveIntegerField(
        default=0, help_text="syncs in a row that failed while GitHub answered others"
    )
    failing_since = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(
        null=True, blank=True, help_text="its own next try, beside the periodic sync"
    )

    names_changed_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="an event said then that a label or a milestone was renamed or deleted",
    )

    class Meta(MirroredModel.Meta):
        abstract = False
        db_table = "repositories"
        verbose_name_plural = "repositories"
        indexes = [
            models.Index(fields=["installation", "full_name"], name="repository_by_installation"),
            models.Index(
                fields=["audit_due_at"],
                name="repository_audit_due",
                condition=models.Q(audit_due_at__isnull=False),
            ),
            models.Index(
                fields=["retry_at"],
                name="repository_retry",
                condition=models.Q(retry_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.full_name

    @classmethod
    def visible(cls) -> models.QuerySet[Repository]:
        """Repositories to show and to sync: neither deleted, removed nor of a gone installation."""
        return cls.objects.filter(
            deleted_at__isnull=True,
            removed_at__isnull=True,
            installation__deleted_at__isnull=True,
        )
