"""Contributors, computed from the mirrored history."""

from __future__ import annotations

from django.db import models

from autosync.mirror.digest import Digest
from autosync.mirror.models.repository import Repository


class Contributor(models.Model):
    """One person's commits on a repository's default branch.

    A person is a GitHub account where the author's e-mail is linked to one, else the e-mail.
    """

    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, related_name="contributors", db_constraint=False
    )
    identity = models.TextField(help_text="user:<id> or email:<address>")
    github_user_id = models.BigIntegerField(null=True, blank=True)
    login = models.CharField(max_length=255, default="", blank=True)
    name = models.TextField(default="", blank=True)
    email = models.TextField(default="", blank=True)
    contributions = models.IntegerField(default=0)
    first_commit_at = models.DateTimeField(null=True)
    last_commit_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "contributors"
        constraints = [
            models.UniqueConstraint(
                models.F("repository"), Digest(models.F("identity")), name="contributor_identity"
            ),
        ]
        indexes = [
            models.Index(fields=["repository", "-contributions"], name="contributor_top"),
        ]

    def __str__(self) -> str:
        return self.login or self.name or self.email
