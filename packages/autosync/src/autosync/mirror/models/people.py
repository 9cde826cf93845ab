"""People whose data was erased here, and must not come back."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class ForgottenPerson(models.Model):
    """One thing by which a forgotten person is recognised, as a digest that takes a key to make.

    The key is outside the database: see `mirror.people`.
    """

    class Kind(models.TextChoices):
        ID = "id", "GitHub's id of the account"
        LOGIN = "login"
        EMAIL = "email", "an e-mail address of commits"

    person = models.UUIDField(help_text="whose: the same for all that is known of one person")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    digest = models.CharField(max_length=64, unique=True)
    key = models.CharField(max_length=16, help_text="tells which key the digest was made with")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "forgotten_people"
        verbose_name_plural = "forgotten people"

    def __str__(self) -> str:
        return f"{self.kind} of {self.person}"
