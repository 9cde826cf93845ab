"""The inbox: raw deliveries, durable before they are acknowledged."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class DeliveryGuid(models.Model):
    """A GUID that was stored, and where: what makes each count once.

    A table of its own, since `inbox` is divided into days; it outlives the delivery it stands for.
    """

    guid = models.CharField(max_length=64, primary_key=True)
    delivery_id = models.BigIntegerField(unique=True)  # given by the database: the inbox's ids
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "inbox_guids"

    def __str__(self) -> str:
        return self.guid


class Delivery(models.Model):
    """One webhook delivery as it came. `guid` is GitHub's and is applied once.

    Stored by `mirror.deliveries`, never by `create()`. The table is partitioned by `received_at`,
    a day a partition (`mirror.partitions`): a query that knows the time should say it.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "waiting or to be retried"
        APPLIED = "applied", "in the mirror"
        IGNORED = "ignored", "nothing to do for this event"
        PARKED = "parked", "failed too often; replay by hand"

    class Source(models.TextChoices):
        WEBHOOK = "webhook", "GitHub's request"
        DELIVERY_LOG = "delivery_log", "read back from GitHub's delivery log"

    guid = models.CharField(max_length=64)
    event = models.CharField(max_length=64)
    action = models.CharField(max_length=64, default="", blank=True)
    installation_id = models.BigIntegerField(null=True, blank=True)
    repository_id = models.BigIntegerField(null=True, blank=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(help_text="the JSON document, decoded from the form if it came so")
    source = models.CharField(max_length=16, choices=Source.choices, default=Source.WEBHOOK)
    received_at = models.DateTimeField(db_default=Now())

    status = models.CharField(
        max_length=8, choices=Status.choices, db_default=Status.PENDING, default=Status.PENDING
    )
    attempts = models.IntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(default="", db_default="", blank=True)

    touched = models.JSONField(
        null=True, blank=True, help_text="the rows it speaks of and what became of each"
    )
    replays = models.IntegerField(default=0, db_default=0, help_text="put back in line by a person")
    replayed_at = models.DateTimeField(null=True, blank=True, help_text="the last time")

    class Meta:
        db_table = "inbox"
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["id"], name="inbox_pending", condition=models.Q(status="pending")),
            models.Index(fields=["-received_at"], name="inbox_recent"),
            models.Index(
                fields=["-finished_at"],
                name="inbox_finished",
                condition=models.Q(finished_at__isnull=False),
            ),
            models.Index(
                fields=["-received_at"], name="inbox_parked", condition=models.Q(status="parked")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.guid}"


class DeliveryLog(models.Model):
    """How far GitHub's own log of deliveries has been read; one row."""

    # By GitHub's clock. Null: never read; what happened before is the import's.
    read_until = models.DateTimeField(null=True, help_text="all delivered before is in the inbox")
    read_at = models.DateTimeField(null=True, help_text="when the log was last read to its end")
    recovered = models.BigIntegerField(default=0, help_text="deliveries found in it and not here")

    class Meta:
        db_table = "delivery_log"
        verbose_name_plural = "delivery log"

    def __str__(self) -> str:
        return f"read until {self.read_until}"
