"""Pull requests: real rows with their branches, sizes and fate."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._discussed import LISTED, NAMES, by_update
from autosync.kinds._kind import Connection, Kind, Line
from autosync.kinds._merging import Merging
from autosync.kinds._rules import Moves, Whole

# Git is to be asked what it brings; or it is gone, and what it brought is to go. Behind an index.
UNREAD = (
    models.Q(deleted_at__isnull=True)
    & ~models.Q(read_base_sha=models.F("base_sha"), read_head_sha=models.F("head_sha"))
) | (models.Q(deleted_at__isnull=False) & ~models.Q(read_head_sha=""))


class PullRequest(Merging):
    """One pull request, keyed by its own id (not that of its issue)."""

    github_id = gh.Key(about="GitHub's id of the pull request, not that of its issue.")
    # GraphQL has three states where REST has two and a flag.
    state = gh.State(words={"merged": "closed"}, about="open or closed; a merged one is closed.")
    draft = gh.Flag(graph="isDraft", none=True, about="Whether it is a draft.")
    merged = gh.Flag(since="merged_at", about="Whether it was merged.")  # REST's lists lack it
    base_ref = gh.Text("base.ref", graph="baseRefName", prose=False, about="The branch to go into.")
    base_sha = gh.Sha("base.sha", graph="baseRefOid", about="The commit it is compared with.")
    head_ref = gh.Text(
        "head.ref", graph="headRefName", prose=False, about="The branch that it brings."
    )
    head_sha = gh.Sha("head.sha", graph="headRefOid", about="The last commit of that branch.")
    head_repository = gh.Name(
        "head.repo.full_name",
        graph="headRepository.nameWithOwner",
        max_length=511,
        none=True,
        about="The repository of that branch as owner/name; empty once the fork is gone.",
    )
    head_repository_id = gh.BigNumber(
        "head.repo.id", graph="headRepository.databaseId", null=True, about="Its id; null if gone."
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
    merged_by_login = gh.ActorLogin("merged_by", listed=False, about="Who merged it, or empty.")
    merged_by_id = gh.ActorId("merged_by", listed=False, null=True, added=2, about="Who that is.")
    additions = gh.Number(null=True, listed=False, about="Lines added.")
    deletions = gh.Number(null=True, listed=False, about="Lines deleted.")
    changed_files = gh.Number(null=True, listed=False, about="Files changed.")
    commits_count = gh.Number(
        "commits", graph="commits.totalCount", null=True, listed=False, about="Its commits."
    )
    comments_count = gh.Number(
        "comments", graph="comments.totalCount", none=True, listed=False, about="In conversation."
    )
    merged_at = gh.Moment(null=True, about="When it was merged.")
    reactions = gh.Reactions(None, null=True, added=2, about="As an issue's, but by GraphQL alone.")

    # See sync.pull_git.
    read_base_sha = models.CharField(
        max_length=64,
        default="",
        db_default="",
        help_text="The base with which git compared it; empty if it did not.",
    )
    read_head_sha = models.CharField(
        max_length=64,
        default="",
        db_default="",
        help_text="The head of which its commits and files are; empty if they were not read.",
    )
    git_unknown = models.TextField(
        default="",
        db_default="",
        help_text="Why git does not know its commits and files; empty if it does.",
    )

    github = Kind(
        read=Connection("pullRequests"),
        # These move the clock without a `pull_request` event, and show it without its counts.
        events={
            "pull_request": Whole("pull_request"),
            "pull_request_review": Moves("pull_request"),
            "pull_request_review_comment": Moves("pull_request"),
            "pull_request_review_thread": Moves("pull_request"),
            **NAMES,
        },
        needs={"pull_requests": "read"},
        switch="has_pull_requests",
        feed=Line("pull_request", turns={"closed": "merged"}),
        api=LISTED,
    )

    class Meta:
        indexes = [
            *by_update("pull_request"),
            models.Index(fields=["head_repository_id"], name="pull_request_by_head"),
            models.Index(fields=["repository"], name="pull_request_unread", condition=UNREAD),
        ]
