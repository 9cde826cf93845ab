"""Quota, shared by every worker through the database."""

from __future__ import annotations

from django.db import models


class QuotaBudget(models.Model):
    """What GitHub last said about one installation's rate limit for one resource."""

    installation_id = models.BigIntegerField(help_text="0: requests made as the App itself")
    resource = models.CharField(max_length=16, help_text="core (REST) or graphql")
    # Null: GitHub sent no rate headers (GHES with limits off). No budget, not an empty one.
    limit = models.IntegerField(null=True)
    remaining = models.IntegerField(null=True)
    used = models.IntegerField(null=True)
    reset_at = models.DateTimeField(null=True)
    blocked_until = models.DateTimeField(null=True, help_text="retry-after or secondary limit")
    blocked_reason = models.TextField(default="", blank=True)
    requests = models.BigIntegerField(default=0, help_text="requests made since installation")
    spent = models.BigIntegerField(default=0, help_text="points spent since installation")
    observed_at = models.DateTimeField(null=True)
    ahead_until = models.DateTimeField(
        null=True, help_text="until when what was read ahead of syncs is paid for"
    )
    # See autosync.github.rates.Pace.
    width = models.FloatField(
        null=True,
        help_text="requests at once since GitHub pushed back; null: AUTOSYNC_MAX_REQUESTS",
    )
    narrowed_at = models.DateTimeField(null=True, help_text="when GitHub pushed back last")
    minute = models.DateTimeField(null=True, help_text="the minute of the last request")
    sent = models.IntegerField(default=0, db_default=0, help_text="requests sent in it")
    sent_before = models.IntegerField(default=0, db_default=0, help_text="and in the one before")

    class Meta:
        db_table = "quota_budgets"
        constraints = [
            models.UniqueConstraint(fields=["installation_id", "resource"], name="quota_budget"),
        ]

    def __str__(self) -> str:
        return f"{self.resource} of {self.installation_id}: {self.remaining}/{self.limit}"


class QuotaLease(models.Model):
    """One request under way, of any worker: counted in what remains, and in how many at once."""

    installation_id = models.BigIntegerField(db_index=True)
    resource = models.CharField(
        max_length=16, db_default="core", help_text="core (REST) or graphql"
    )
    expires_at = models.DateTimeField(help_text="a killed worker's lease is void after this")

    class Meta:
        db_table = "quota_leases"

    def __str__(self) -> str:
        return f"lease {self.pk} of {self.installation_id}"


class QuotaUse(models.Model):
    """What requests for one kind of object cost on one day. A request for several counts in parts.

    One writer folds into it what `QuotaDelta` has.
    """

    day = models.DateField(help_text="in UTC")
    installation_id = models.BigIntegerField(help_text="0: requests made as the App itself")
    resource = models.CharField(max_length=16, help_text="core (REST) or graphql")
    kind = models.CharField(max_length=32, help_text="issue, commit, …; other: of none")
    requests = models.FloatField(default=0)
    points = models.FloatField(default=0)

    class Meta:
        db_table = "quota_uses"
        constraints = [
            models.UniqueConstraint(
                fields=["day", "installation_id", "resource", "kind"], name="quota_use"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.day}: {self.points} points"


class QuotaDelta(models.Model):
    """One request's part for one kind, until it is folded: no worker waits for another's row."""

    day = models.DateField()
    installation_id = models.BigIntegerField()
    resource = models.CharField(max_length=16)
    kind = models.CharField(max_length=32)
    requests = models.FloatField()
    points = models.FloatField()

    class Meta:
        db_table = "quota_deltas"

    def __str__(self) -> str:
        return f"{self.kind}: {self.points} points"
