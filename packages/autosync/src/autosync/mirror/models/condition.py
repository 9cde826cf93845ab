"""What AutoSync noticed about GitHub, its App and its own machines that a person must know."""

from __future__ import annotations

from django.db import models


class Condition(models.Model):
    """One thing that is wrong now; the row goes when it is right again.

    Written through `mirror.conditions` by whoever can see it (a worker sees its own git and disk),
    told by `insight.findings`.
    """

    name = models.CharField(max_length=32, help_text="what is wrong, in one word")
    subject = models.CharField(
        max_length=255, default="", blank=True, help_text="the machine it is wrong on; empty: all"
    )
    message = models.TextField(help_text="what is wrong, in a sentence")
    remedy = models.TextField(help_text="what to do about it, in a sentence")
    since = models.DateTimeField(help_text="when it was first noticed")
    checked_at = models.DateTimeField(help_text="when it was last noticed")

    class Meta:
        db_table = "conditions"
        constraints = [models.UniqueConstraint(fields=["name", "subject"], name="condition")]

    def __str__(self) -> str:
        return self.message
