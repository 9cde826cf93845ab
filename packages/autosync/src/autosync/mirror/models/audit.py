"""Audits: when the mirror was compared with GitHub, and what differed."""

from __future__ import annotations

from django.db import models

from autosync.mirror.models.installation import GitHubAppInstallation
from autosync.mirror.models.repository import Repository


class Audit(models.Model):
    """One comparison of an installation's repositories with GitHub."""

    installation = models.ForeignKey(
        GitHubAppInstallation,
        on_delete=models.CASCADE,
        related_name="audits",
        db_constraint=False,
    )
    deep = models.BooleanField(default=False, help_text="every object was compared, not counts")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    repositories = models.IntegerField(default=0, help_text="compared")
    equal = models.IntegerField(default=0, help_text="equal to GitHub without any repair")
    found = models.IntegerField(default=0, help_text="objects that differed")
    repaired = models.IntegerField(default=0, help_text="of these, brought in step")
    waited = models.IntegerField(
        default=0, db_default=0, help_text="objects of which no event tells, that waited to be read"
    )
    points = models.IntegerField(default=0, help_text="quota the installation spent meanwhile")
    error = models.TextField(default="", blank=True)
    left_out = models.TextField(
        default="",
        blank=True,
        help_text="repositories that could not be compared, each with its cause",
    )

    class Meta:
        db_table = "audits"
        indexes = [models.Index(fields=["-started_at"], name="audit_recent")]

    def __str__(self) -> str:
        return f"audit {self.pk}: {self.equal} of {self.repositories} equal, {self.found} differed"


class AuditFinding(models.Model):
    """One object that differed, why, and whether it was repaired."""

    class Problem(models.TextChoices):
        MISSING = "missing", "on GitHub and not here"
        SURPLUS = "surplus", "here and not on GitHub"
        STALE = "stale", "older here than on GitHub"

    class Kind(models.TextChoices):
        """The cause in a word; a guess from what the inbox knows of the object."""

        LOST = "lost", "no delivery about it came"
        LATE = "late", "a delivery about it is parked or waits"
        BUG = "bug", "deliveries about it were applied, and yet it differs"

    audit = models.ForeignKey(Audit, on_delete=models.CASCADE, related_name="findings")
    repository = models.ForeignKey(
        Repository,
        on_delete=models.CASCADE,
        related_name="findings",
        db_constraint=False,
        null=True,
        blank=True,
    )
    account_id = models.BigIntegerField(
        null=True, blank=True, help_text="of what belongs to an organisation, and to no repository"
    )
    resource = models.CharField(max_length=32)
    object_key = models.CharField(max_length=255, help_text="GitHub's id, a ref or a sha")
    problem = models.CharField(max_length=8, choices=Problem.choices)
    cause = models.CharField(max_length=255, default="", blank=True)
    kind = models.CharField(max_length=4, choices=Kind.choices, default=Kind.LOST)
    repaired = models.BooleanField(default=False)

    class Meta:
        db_table = "audit_findings"

    def __str__(self) -> str:
        return f"{self.resource} {self.object_key} {self.problem}"
