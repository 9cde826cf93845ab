"""Sync jobs: what AutoSync did, for whom, how far it is."""

from __future__ import annotations

from django.db import models

from autosync.mirror.models.installation import GitHubAppInstallation
from autosync.mirror.models.repository import Repository


class SyncJob(models.Model):
    """One run of an import or a sync over one or all installations."""

    class JobType(models.TextChoices):
        AUTO_IMPORT = "auto_import", "automatic import"
        PERIODIC_SYNC = "periodic_sync", "periodic sync"
        MANUAL_SYNC = "manual_sync", "manual sync"
        WEBHOOK_TRIGGERED = "webhook_triggered", "triggered by a webhook"

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        COMPLETED = "completed"
        COMPLETED_WITH_ERRORS = "completed_with_errors", "completed with errors"
        FAILED = "failed"

    FINISHED = (Status.COMPLETED, Status.COMPLETED_WITH_ERRORS, Status.FAILED)

    installation = models.ForeignKey(
        GitHubAppInstallation,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="sync_jobs",
        db_constraint=False,
        help_text="null: every installation",
    )
    job_type = models.CharField(max_length=32, choices=JobType.choices)
    status = models.CharField(max_length=32, choices=Status.choices, default=Status.PENDING)
    repositories_total = models.IntegerField(default=0)
    repositories_processed = models.IntegerField(default=0)
    errors_count = models.IntegerField(default=0)
    details = models.JSONField(default=dict, blank=True)
    error_message = models.TextField(default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "sync_jobs"
        indexes = [
            models.Index(fields=["job_type", "-id"], name="sync_job_by_type"),
            models.Index(fields=["status", "-id"], name="sync_job_by_status"),
        ]

    def __str__(self) -> str:
        return f"{self.job_type} {self.pk} ({self.status})"

    @property
    def is_finished(self) -> bool:
        return self.status in self.FINISHED

    @property
    def duration_seconds(self) -> float | None:
        """Seconds from start to end; None while it runs."""
        if self.started_at is None or self.completed_at is None:
            return None
        return (self.completed_at - self.started_at).total_seconds()

    @property
    def progress_percent(self) -> int:
        if self.is_finished:
            return 100
        return 100 * self.repositories_processed // max(self.repositories_total, 1)


class SyncJobRepository(models.Model):
    """One repository's part of a sync job."""

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        COMPLETED = "completed"
        SKIPPED = "skipped"
        FAILED = "failed"

    job = models.ForeignKey(SyncJob, on_delete=models.CASCADE, related_name="repositories")
    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PENDING)
    moved = models.JSONField(
        null=True, blank=True, help_text="resources that GitHub said had changed; null: read all"
    )
    rows = models.IntegerField(default=0, help_text="rows written or changed")
    error = models.TextField(default="", blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "sync_job_repositories"
        constraints = [
            models.UniqueConstraint(fields=["job", "repository"], name="sync_job_repository"),
        ]

    def __str__(self) -> str:
        return f"{self.repository_id} in job {self.job_id}"
