"""Pull requests: real rows with their branches, sizes and fate."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Connection, Kind, Line, List
from autosync.kinds._naming import CarriedLabel, CarriedMilestone
from autosync.kinds._rules import Moves, Whole
from autosync.kinds.discussed import Discussed


class PullRequest(Discussed):
    """One pull request, keyed by its own id (not that of its issue)."""

    github_id = gh.Key(about="GitHub's id of the pull request, not that of its issue.")
    # GraphQL has three states where REST has two and a flag.
    state = gh.State(
        ends=("closed_at", "merged_at"),
        words={"merged": "closed"},
        help_text="open or closed",
        about="open or closed; a merged one is closed.",
    )
    draft = gh.Flag(graph="isDraft", none=True, about="Whether it is a draft.")
    # REST's lists do not say it.
    merged = gh.Flag(since="merged_at", about="Whether it was merged.")
    base_ref = gh.Text("base.ref", graph="baseRefName", about="The branch it is to go into.")
    base_sha = gh.Sha("base.sha", graph="baseRefOid", about="The commit it is compared with.")
    head_ref = gh.Text("head.ref", graph="headRefName", about="The branch that it brings.")
    head_sha = gh.Sha("head.sha", graph="headRefOid", about="The last commit of that branch.")
    head_repository = gh.Name(
        "head.repo.full_name",
        graph="headRepository.nameWithOwner",
        max_length=511,
        none=True,
        about="The repository of that branch as owner/name; empty once the fork is gone.",
    )
    head_repository_id = gh.BigNumber(
        "head.repo.id",
        graph="headRepository.databaseId",
        null=True,
        help_text="null once the fork is gone",
        about="GitHub's id of that repository; null once the fork is gone.",
    )
    # Before the merge a webhook has the test merge here, which GraphQL does not; REST has none
    # since API version 2026-03-10: https://docs.github.com/rest/about-the-rest-api/breaking-changes
    merge_commit_sha = gh.Sha(
        None,
        event="merge_commit_sha",
        graph="mergeCommit.oid",
        none=True,
        when="merged",
        about="The commit on the base branch that merged it; empty before.",
    )
    merged_by_login = gh.ActorLogin(
        "merged_by", listed=False, about="Who merged it; empty if nobody did, or that is gone."
    )
    merged_by_id = gh.ActorId(
        "merged_by", listed=False, null=True, added=2, about="The id of who merged it."
    )
    additions = gh.Number(null=True, listed=False, about="Lines added.")
    deletions = gh.Number(null=True, listed=False, about="Lines deleted.")
    changed_files = gh.Number(null=True, listed=False, about="Files changed.")
    commits_count = gh.Number(
        "commits", graph="commits.totalCount", null=True, listed=False, about="Its commits."
    )
    comments_count = gh.Number(
        "comments",
        graph="comments.totalCount",
        none=True,
        default=0,
        listed=False,
        about="Comments in its conversation, those on lines of code not counted.",
    )
    closed_at = gh.Moment(null=True, about="When it was closed or merged; null while it is open.")
    merged_at = gh.Moment(null=True, about="When it was merged.")
    maintainer_can_modify = gh.Flag(
        listed=False, null=True, added=2, about="Whether who may push there may push to its branch."
    )
    # Pushes elsewhere move it, and no clock. Not every GitHub Enterprise Server has GraphQL's
    # mergeStateStatus, REST's mergeable_state: getstackit/stackit#1143
    mergeable = gh.Flag(
        words={"MERGEABLE": True, "CONFLICTING": False},
        listed=False,
        apart="mergeable_at",
        null=True,
        added=2,
        about="Whether it had no conflicts when last looked at; null if GitHub did not know.",
    )
    mergeable_at = models.DateTimeField(null=True)
    reactions = gh.Reactions(
        None,
        graph="reactionGroups",
        apart="reactions_at",
        null=True,
        added=2,
        about="As of an issue; only GraphQL shows them here.",
    )

    github = Kind(
        read=Connection("pullRequests"),
        # A review or a comment of one moves the clock without a `pull_request` event, and shows
        # the pull request without its counts.
        events={
            "pull_request": Whole("pull_request"),
            "pull_request_review": Moves("pull_request"),
            "pull_request_review_comment": Moves("pull_request"),
            "pull_request_review_thread": Moves("pull_request"),
            "label": CarriedLabel("labels"),
            "milestone": CarriedMilestone("milestone"),
        },
        needs={"pull_requests": "read"},
        switch="has_pull_requests",
        feed=Line("pull_request", turns={"closed": "merged"}),
        api=List(
            "-updated_at",
            filters=("author_login",),
            search=("title",),
            columns=("number", "title", "state", "author_login", "updated_at"),
        ),
    )

    class Meta:
        indexes = [
            models.Index(fields=["repository", "-updated_at"], name="pull_request_by_update"),
            models.Index(fields=["-updated_at"], name="pull_request_recent"),
            models.Index(fields=["head_repository_id"], name="pull_request_by_head"),
        ]
