"""What every mirrored row carries beside GitHub's data: clocks, dirt and tombstone."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models

F = TypeVar("F", bound="models.Field[Any, Any]")


def means(about: str, field: F) -> F:
    """The column, with what it means to those who query it; one without is for AutoSync alone.

    No `help_text`: of that each change of a word would make a migration.
    """
    field.about = about  # type: ignore[attr-defined]
    return field


class LiveManager(models.Manager[Any]):
    """Rows that exist on GitHub as far as the mirror knows (no tombstone)."""

    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().filter(deleted_at__isnull=True)


class MirroredModel(models.Model):
    """A row of GitHub's. Only `mirror.upsert` writes these; see docs/architecture.md."""

    # GitHub's own clock where the object has one (one-second steps); null: content never changes.
    updated_at = models.DateTimeField(null=True, blank=True)
    # When AutoSync learned this content (received the delivery, or fetched the page).
    observed_at = models.DateTimeField()
    # Set when clocks cannot decide, as between two versions of one second: see mirror.doubt.
    dirty_at = models.DateTimeField(null=True, blank=True)
    # The tombstone. A late event cannot restore the row.
    deleted_at = models.DateTimeField(null=True, blank=True)
    # Why it is gone (`mirror.merge.Cause`); empty where it is not, or was not said.
    gone_because = models.CharField(max_length=16, default="", db_default="", blank=True)
    # Columns whose content is from before the row's clock, each with the clock that it is of;
    # null: it never came. Null as a whole, as almost always: all is of the row's clock.
    lacking = models.JSONField(null=True, blank=True)

    objects = models.Manager()
    live = LiveManager()

    class Meta:
        abstract = True
        default_manager_name = "objects"
        base_manager_name = "objects"
