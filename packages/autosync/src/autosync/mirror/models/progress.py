"""Where each resource of each repository stands: the committed cursors."""

from __future__ import annotations

from django.db import models

from autosync.mirror.models.repository import Repository


class PageSize(models.Model):
    """How much of one repository GitHub answers at once, if a whole page was too heavy for it."""

    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, related_name="page_sizes", db_constraint=False
    )
    name = models.CharField(max_length=64, help_text="the list, and if only ids are asked for")
    size = models.IntegerField()
    good = models.IntegerField(default=0, help_text="pages of this size answered in a row")
    too_heavy = models.IntegerField(help_text="the size that was not answered last")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "page_sizes"
        constraints = [
            models.UniqueConstraint(fields=["repository", "name"], name="page_size_of_list"),
        ]

    def __str__(self) -> str:
        return f"{self.size} of {self.name} of {self.repository_id}"


class UnreadObject(models.Model):
    """An object that could not be read or stored. Gone once it is, or once GitHub deletes it."""

    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, related_name="unread", db_constraint=False
    )
    resource = models.CharField(max_length=32, help_text="issue, pull_request, …")
    key = models.CharField(max_length=511, help_text="GitHub's id, or the columns of its key")
    node_id = models.CharField(max_length=255)
    reason = models.TextField()
    first_at = models.DateTimeField(auto_now_add=True)
    tried_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "unread_objects"
        constraints = [
            models.UniqueConstraint(fields=["repository", "resource", "key"], name="unread_object"),
        ]

    def __str__(self) -> str:
        return f"{self.resource} {self.key} of {self.repository_id}"


class ResourceCursor(models.Model):
    """How far one resource of one repository has been read. Committed with every page."""

    class State(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        COMPLETE = "complete"
        FAILED = "failed"

    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, related_name="cursors", db_constraint=False
    )
    resource = models.CharField(max_length=32, help_text="commit, issue, pull_request, …")
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    # Backfill: the next page's cursor. Empty at the start and after the end.
    cursor = models.TextField(default="", blank=True)
    backfill_started_at = models.DateTimeField(null=True, blank=True)
    backfilled_at = models.DateTimeField(null=True, blank=True)
    # Later: everything GitHub changed before this moment has been read.
    watermark = models.DateTimeField(null=True, blank=True)
    done = models.IntegerField(default=0, help_text="rows read so far in the backfill")
    total = models.IntegerField(null=True, blank=True, help_text="rows GitHub says there are")
    # Of a list that was read to its end: GitHub may count what it does not list.
    unlisted = models.IntegerField(
        default=0, db_default=0, help_text="how many more GitHub counts than it lists"
    )
    error = models.TextField(default="", blank=True)
    # The version of the kind that all rows have the columns of; null: from before there were any.
    version = models.SmallIntegerField(null=True, blank=True)
    # A later version is being read: which, from where it goes on, and how many rows that were.
    again_version = models.SmallIntegerField(null=True, blank=True)
    again_cursor = models.TextField(default="", db_default="", blank=True)
    again_done = models.IntegerField(default=0, db_default=0)
    # Not before: the last attempt failed.
    again_after = models.DateTimeField(null=True, blank=True)
    # Not empty, not gone and no failure: GitHub does not show it. See autosync.sync.refusals.
    unavailable = models.CharField(
        max_length=16,
        default="",
        blank=True,
        help_text="off, events_only, permission, saml, ip_allow_list, blocked or refused; "
        "empty: readable",
    )
    unavailable_reason = models.TextField(default="", blank=True)
    unavailable_since = models.DateTimeField(null=True, blank=True)
    touched_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "resource_cursors"
        constraints = [
            models.UniqueConstraint(fields=["repository", "resource"], name="resource_cursor"),
        ]

    def __str__(self) -> str:
        return f"{self.resource} of {self.repository_id}: {self.state}"


class AccountCursor(models.Model):
    """How far one kind of one organisation has been read. Committed with every page."""

    account_id = models.BigIntegerField(help_text="GitHub's id of the organisation")
    resource = models.CharField(max_length=32, help_text="team, …")
    state = models.CharField(
        max_length=16,
        choices=ResourceCursor.State.choices,
        default=ResourceCursor.State.PENDING,
    )
    cursor = models.TextField(default="", blank=True)
    backfilled_at = models.DateTimeField(null=True, blank=True)
    watermark = models.DateTimeField(
        null=True, blank=True, help_text="when the list was last asked for that was read whole"
    )
    done = models.IntegerField(default=0, help_text="rows here when it was read")
    error = models.TextField(default="", blank=True)
    unavailable = models.CharField(
        max_length=16, default="", blank=True, help_text="as of a kind of a repository"
    )
    unavailable_reason = models.TextField(default="", blank=True)
    unavailable_since = models.DateTimeField(null=True, blank=True)
    equal_at = models.DateTimeField(
        null=True, blank=True, help_text="an audit found it equal to GitHub then, or made it so"
    )
    touched_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "account_cursors"
        constraints = [
            models.UniqueConstraint(fields=["account_id", "resource"], name="account_cursor"),
        ]

    def __str__(self) -> str:
        return f"{self.resource} of account {self.account_id}: {self.state}"


class ChildrenRead(models.Model):
    """Up to which version of a parent its children of one kind were read."""

    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, related_name="children_read", db_constraint=False
    )
    kind = models.CharField(max_length=32, help_text="what the children are: review, …")
    parent_id = models.BigIntegerField(help_text="GitHub's id of the parent")
    # The parent's own clock, or the last moment that the answer surely knew; null: to be read.
    clock = models.DateTimeField(null=True, blank=True)
    # An event spoke of a child. Taken away by an answer that is surely younger.
    marked_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True, help_text="when GitHub was asked last")

    class Meta:
        db_table = "children_read"
        constraints = [
            models.UniqueConstraint(fields=["kind", "parent_id"], name="children_of_parent"),
        ]
        indexes = [
            models.Index(
                fields=["marked_at"],
                name="children_marked",
                condition=models.Q(marked_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}s of {self.parent_id}"


class KindLeftOut(models.Model):
    """A kind of object that AUTOSYNC_KINDS leaves out: its rows are of before that moment."""

    name = models.CharField(max_length=32, primary_key=True)
    since = models.DateTimeField()

    class Meta:
        db_table = "kinds_left_out"

    def __str__(self) -> str:
        return f"{self.name} since {self.since}"
