"""Pull requests: real rows with their branches, sizes and fate."""

from __future__ import annotations

from django.db import models

from autosync.kinds._columns import (
    ActorId,
    ActorLogin,
    BigNumber,
    Flag,
    Key,
    Labels,
    Logins,
    Moment,
    Name,
    Number,
    State,
    Text,
    Url,
)
from autosync.kinds._kind import Connection, Kind, Line, OfRepository
from autosync.kinds._naming import CarriedLabel, CarriedMilestone
from autosync.kinds._rules import Moves, Whole


class PullRequest(OfRepository):
    """One pull request, keyed by its own id (not that of its issue)."""

    github_id = Key(about="GitHub's id of the pull request, not that of its issue.")
    number = Number(essential=True, about="The number in its repository, shared with issues.")
    title = Text(about="The title.")
    body = Text(none=True, about="The description, in Markdown; empty if there is none.")
    # GraphQL has three states where REST has two and a flag.
    state = State(
        ends=("closed_at", "merged_at"),
        words={"merged": "closed"},
        help_text="open or closed",
        about="open or closed; a merged one is closed.",
    )
    draft = Flag(graph="isDraft", none=True, about="Whether it is a draft.")
    # REST's lists do not say it.
    merged = Flag(since="merged_at", about="Whether it was merged.")
    author_id = ActorId(
        "user", graph="author", about="The account that opened it; null if that is gone."
    )
    author_login = ActorLogin(
        "user", graph="author", about="The login of that account; empty if it is gone."
    )
    base_ref = Text("base.ref", graph="baseRefName", about="The branch it is to be merged into.")
    base_sha = Name(
        "base.sha", graph="baseRefOid", max_length=64, about="The commit it is compared with."
    )
    head_ref = Text("head.ref", graph="headRefName", about="The branch that it brings.")
    head_sha = Name(
        "head.sha", graph="headRefOid", max_length=64, about="The last commit of that branch."
    )
    head_repository = Name(
        "head.repo.full_name",
        graph="headRepository.nameWithOwner",
        max_length=511,
        none=True,
        about="The repository of that branch as owner/name; empty once the fork is gone.",
    )
    head_repository_id = BigNumber(
        "head.repo.id",
        graph="headRepository.databaseId",
        null=True,
        help_text="null once the fork is gone",
        about="GitHub's id of that repository; null once the fork is gone.",
    )
    # Before the merge a webhook has the test merge here, which GraphQL does not; REST has none
    # since API version 2026-03-10: https://docs.github.com/rest/about-the-rest-api/breaking-changes
    merge_commit_sha = Name(
        None,
        event="merge_commit_sha",
        graph="mergeCommit.oid",
        max_length=64,
        none=True,
        when="merged",
        about="The commit on the base branch that merged it; empty before.",
    )
    merged_by_login = ActorLogin(
        "merged_by",
        listed=False,
        about="Who merged it; empty if nobody did, or the account is gone.",
    )
    additions = Number(null=True, listed=False, about="Lines added.")
    deletions = Number(null=True, listed=False, about="Lines deleted.")
    changed_files = Number(null=True, listed=False, about="Files changed.")
    commits_count = Number(
        "commits",
        graph="commits.totalCount",
        null=True,
        listed=False,
        about="How many commits it has.",
    )
    comments_count = Number(
        "comments",
        graph="comments.totalCount",
        none=True,
        default=0,
        listed=False,
        about="How many comments its conversation has, those on lines of code not counted.",
    )
    labels = Labels(about="Its labels by name: name, color and node id of each.")
    assignees = Logins(
        graph="assignees: assignedActors", about="The logins it is assigned to, sorted."
    )
    milestone = Text("milestone.title", none=True, about="The title of its milestone, or empty.")
    milestone_number = Number(
        "milestone.number", null=True, about="The number of its milestone in the repository."
    )
    locked = Flag(about="Whether only people with write access may comment.")
    html_url = Url(about="The address of its page.")
    created_at = Moment(about="When it was opened.")
    closed_at = Moment(null=True, about="When it was closed or merged; null while it is open.")
    merged_at = Moment(null=True, about="When it was merged.")

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
    )

    class Meta:
        indexes = [
            models.Index(fields=["repository", "-updated_at"], name="pull_request_by_update"),
            models.Index(fields=["-updated_at"], name="pull_request_recent"),
            models.Index(fields=["head_repository_id"], name="pull_request_by_head"),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.title}"
