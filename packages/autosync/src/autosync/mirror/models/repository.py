"""A repository an installation may see."""

from __future__ import annotations

from django.db import models

from autosync.mirror.models.base import MirroredModel, means
from autosync.mirror.models.installation import GitHubAppInstallation


class Repository(MirroredModel):
    """One repository; its id survives renames and transfers."""

    class SyncState(models.TextChoices):
        PENDING = "pending", "waiting for its import"
        IMPORTING = "importing", "being imported"
        SYNCED = "synced", "in step with GitHub"
        FAILED = "failed", "last sync failed"

    github_id = means(
        "GitHub's id of the repository, which survives renames and transfers.",
        models.BigIntegerField(primary_key=True),
    )
    node_id = means(
        "GitHub's global id of the object, by which GraphQL is asked for it.",
        models.CharField(max_length=255, default=""),
    )
    installation = means(
        "The installation through which AutoSync sees it.",
        models.ForeignKey(
            GitHubAppInstallation,
            on_delete=models.CASCADE,
            related_name="repositories",
            db_constraint=False,
        ),
    )
    owner_login = means("The login of its owner.", models.CharField(max_length=255, default=""))
    name = means("Its name without the owner.", models.CharField(max_length=255))
    full_name = means("owner/name.", models.CharField(max_length=511, db_index=True))
    description = means(
        "What it is about, in a line; empty if nobody said.",
        models.TextField(default="", blank=True),
    )
    homepage = means(
        "The address of its own site, or empty.", models.TextField(default="", blank=True)
    )
    language = means(
        "The language of most of its code, or empty.",
        models.CharField(max_length=255, default="", blank=True),
    )
    topics = means("Its topics.", models.JSONField(default=list, blank=True))
    visibility = means("public, private or internal.", models.CharField(max_length=16, default=""))
    private = means("Whether it is not public.", models.BooleanField(default=False))
    fork = means("Whether it is a fork of another.", models.BooleanField(default=False))
    archived = means(
        "Whether it is archived, and so read-only.", models.BooleanField(default=False)
    )
    disabled = means("Whether GitHub has disabled it.", models.BooleanField(default=False))
    has_issues = means(
        "Whether its owner has issues switched on.", models.BooleanField(default=True)
    )
    has_pull_requests = means(
        "Whether its owner has pull requests switched on.", models.BooleanField(default=True)
    )
    default_branch = means(
        "The name of its default branch.", models.CharField(max_length=255, default="")
    )
    html_url = means("The address of its page.", models.TextField(default="", blank=True))
    clone_url = means("The address to clone it from.", models.TextField(default="", blank=True))
    license_key = means(
        "What GitHub takes its licence for, as mit; other: it does not know it; empty: none.",
        models.CharField(max_length=255, default="", db_default="", blank=True),
    )
    license_name = means(
        "The name of that licence.",
        models.CharField(max_length=255, default="", db_default="", blank=True),
    )
    license_spdx_id = means(
        "Its SPDX identifier; NOASSERTION if GitHub does not know it.",
        models.CharField(max_length=255, default="", db_default="", blank=True),
    )
    size = means(
        "Its size in KiB, as GitHub reports it.",
        models.BigIntegerField(default=0, help_text="KiB, as GitHub reports it"),
    )
    stargazers_count = means("How many people starred it.", models.IntegerField(default=0))
    forks_count = means("How many forks it has.", models.IntegerField(default=0))
    created_at = means("When it was created.", models.DateTimeField(null=True, blank=True))
    pushed_at = means("When it was last pushed to.", models.DateTimeField(null=True, blank=True))

    # Ours. No longer accessible (removed from the installation, or the App uninstalled): hidden,
    # kept until purged, raised again by a re-add. A repository deleted on GitHub has `deleted_at`.
    removed_at = models.DateTimeField(null=True, blank=True)
    auto_sync_enabled = means(
        "Whether AutoSync keeps it current; switched in the admin.",
        models.BooleanField(default=True),
    )
    webhook_configured = means(
        "Whether GitHub delivers its events here.", models.BooleanField(default=False)
    )
    sync_state = means(
        "pending, importing, synced or failed.",
        models.CharField(max_length=16, choices=SyncState.choices, default=SyncState.PENDING),
    )
    sync_error = means(
        "Why its last sync failed; empty if it did not.", models.TextField(default="", blank=True)
    )
    imported_at = means(
        "When its first import was complete.", models.DateTimeField(null=True, blank=True)
    )
    last_synced_at = means(
        "When it was last compared with GitHub.", models.DateTimeField(null=True, blank=True)
    )
    equal_at = means(
        "When an audit found it equal to GitHub, or made it so.",
        models.DateTimeField(
            null=True, blank=True, help_text="an audit found it equal to GitHub then, or made it so"
        ),
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
    failing_since = means(
        "Since when its syncs have failed; null if they do not.",
        models.DateTimeField(null=True, blank=True),
    )
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
