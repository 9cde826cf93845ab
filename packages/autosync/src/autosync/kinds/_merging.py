"""What a pull request says of its merge before it is merged: columns, and no kind of their own."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._discussed import Discussed


class Merging(Discussed):
    """Pushes elsewhere and settings move these, and not always the clock of the pull request."""

    # Not every GitHub Enterprise Server has GraphQL's mergeStateStatus, REST's mergeable_state:
    # getstackit/stackit#1143
    mergeable = gh.Flag(
        words={"MERGEABLE": True, "CONFLICTING": False},
        listed=False,
        apart="mergeable_at",
        null=True,
        added=2,
        about="Whether it had no conflicts when last looked at; null if GitHub did not know.",
    )
    mergeable_at = models.DateTimeField(null=True)
    auto_merge_method = gh.Word(
        "auto_merge.merge_method",
        graph="autoMergeRequest.mergeMethod",
        apart="auto_merge_at",
        null=True,
        added=2,
        about="How it is to be merged once it may be: merge, squash or rebase; null if it is not.",
    )
    auto_merge_by_id = gh.ActorId(
        "auto_merge.enabled_by",
        graph="autoMergeRequest.enabledBy",
        apart="auto_merge_at",
        null=True,
        added=2,
        about="Who asked for that.",
    )
    auto_merge_by_login = gh.ActorLogin(
        "auto_merge.enabled_by",
        graph="autoMergeRequest.enabledBy",
        apart="auto_merge_at",
        null=True,
        added=2,
        about="The login of who asked for that; empty if nobody did.",
    )
    auto_merge_at = models.DateTimeField(null=True)
    maintainer_can_modify = gh.Flag(
        listed=False,
        null=True,
        added=2,
        about="Whether those who may push to the repository may push to the branch that it brings.",
    )

    class Meta:
        abstract = True
