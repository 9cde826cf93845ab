"""Contributors, computed from the mirrored history."""

from __future__ import annotations

from django.db import models

from autosync.mirror.digest import Digest
from autosync.mirror.models.base import means
from autosync.mirror.models.repository import Repository


class Contributor(models.Model):
    """One person's commits on a repository's default branch.

    A person is a GitHub account where the author's e-mail is linked to one, else the e-mail.
    """

    repository = means(
        "GitHub's id of the repository.",
        models.ForeignKey(
            Repository, on_delete=models.CASCADE, related_name="contributors", db_constraint=False
        ),
    )
    identity = means(
        "Who it is: user:<id of the account> or email:<address>.",
        models.TextField(help_text="user:<id> or email:<address>"),
    )
    github_user_id = means(
        "GitHub's id of the account; null if the address belongs to none.",
        models.BigIntegerField(null=True, blank=True),
    )
    login = means(
        "The login of the account, or empty.",
        models.CharField(max_length=255, default="", blank=True),
    )
    name = means("The name in the newest commit.", models.TextField(default="", blank=True))
    email = means(
        "The e-mail address in the newest commit.", models.TextField(default="", blank=True)
    )
    contributions = means(
        "Commits on the default branch, merges included.", models.IntegerField(default=0)
    )
    first_commit_at = means(
        "When the first of them was committed.", models.DateTimeField(null=True)
    )
    last_commit_at = means("When the last of them was committed.", models.DateTimeField(null=True))

    class Meta:
        db_table = "contributors"
        constraints = [
            models.UniqueConstraint(
                models.F("repository"), Digest(models.F("identity")), name="contributor_identity"
            ),
        ]
        indexes = [
            models.Index(fields=["repository", "-contributions"], name="contributor_top"),
            models.Index(fields=["-contributions"], name="contributor_of_all"),
        ]

    def __str__(self) -> str:
        return self.login or self.name or self.email
