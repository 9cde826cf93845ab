"""What pages count, kept with the rows."""

from __future__ import annotations

from enum import StrEnum

from django.db import models

from autosync.mirror.models.repository import Repository


class Counted(StrEnum):
    """What is counted of a repository. `bucket` is 0 where nothing else is said."""

    COMMITS = "commits"
    COMMITS_BY_DAY = "commits_by_day"
    """By committed_at; bucket: days since 1970-01-01, UTC."""
    COMMITS_BY_MONTH = "commits_by_month"
    """The same; bucket: months since 1970-01."""
    BRANCHES = "branches"
    ISSUES = "issues"
    OPEN_ISSUES = "open_issues"
    ISSUES_OPENED = "issues_opened"
    """By created_at; bucket: days since 1970-01-01, UTC."""
    ISSUES_CLOSED = "issues_closed"
    """Those that are closed, by closed_at, in such days."""
    TIME_TO_CLOSE = "time_to_close"
    """Those that are closed; bucket: ⌊50 × ln(seconds from creation)⌋, each 2 % wide."""
    PULL_REQUESTS = "pull_requests"
    OPEN_PULL_REQUESTS = "open_pull_requests"
    LEAD_TIME = "lead_time"
    """Those that were merged; in buckets of TIME_TO_CLOSE."""
    CONTRIBUTORS = "contributors"


class Tally(models.Model):
    """How many rows of a repository are of one sort: all of them, or those of one day.

    Triggers keep it in the transaction that changes the rows, whoever changes them; audits count
    again (`mirror.tallies`).
    """

    pk = models.CompositePrimaryKey("repository_id", "name", "bucket")
    repository = models.ForeignKey(
        Repository,
        on_delete=models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    name = models.CharField(max_length=24, help_text="one of `Counted`")
    bucket = models.IntegerField()
    n = models.BigIntegerField(help_text="rows; 0 is the same as no tally")

    class Meta:
        db_table = "tallies"

    def __str__(self) -> str:
        return f"{self.n} {self.name} of {self.repository_id}"
