"""Issues (never pull requests, which share their numbers)."""

from __future__ import annotations

from typing import Any

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._discussed import LISTED, NAMES, Discussed, by_update
from autosync.kinds._kind import Connection, Guise, Kind, Line, Rest
from autosync.kinds._rules import Whole


def _is_pull(issue: Any) -> bool:
    return issue.pull_request is not None or issue.html_url.endswith(f"/pull/{issue.number}")


class Issue(Discussed):
    """One issue, keyed by GitHub's issue id; (repository, number) may be reused by nothing."""

    github_issue_id = gh.Key(about="GitHub's id of the issue.")
    state = gh.State(about="open or closed.")
    # Without the argument a duplicate is said to be NOT_PLANNED:
    # https://docs.github.com/graphql/reference/enums#issuestatereason
    state_reason = gh.Word(
        graph="stateReason(enableDuplicate: true)",
        max_length=32,
        none=True,
        about="Why it has its state: completed, not_planned, duplicate, reopened, or nothing.",
    )
    comments_count = gh.Number(
        "comments", graph="comments.totalCount", default=0, about="Comments."
    )

    # No source says that these links move a clock: they are as of `links_at`.
    sub_issues_count = gh.Number(
        "sub_issues_summary.total",
        graph="subIssuesSummary.total",
        apart="links_at",
        null=True,
        added=3,
        about="How many parts it has: its sub-issues.",
    )
    blocked_by_count = gh.Number(
        "issue_dependencies_summary.total_blocked_by",
        graph="issueDependenciesSummary.totalBlockedBy",
        apart="links_at",
        null=True,
        added=3,
        about="How many issues are to be done before it, open and closed ones.",
    )
    links_at = models.DateTimeField(null=True)

    github = Kind(
        read=Connection("issues", since=True),
        also=Rest("/issues?state=all", since=True, among="pullRequests"),
        # A transferred issue has a new id there. A comment moves the count and the clock.
        events={
            "issues": Whole("issue", gone={"deleted", "transferred"}),
            "issue_comment": Whole("issue", line=None),
            **NAMES,
        },
        needs={"issues": "read"},
        switch="has_issues",
        feed=Line("issue"),
        # REST lists pull requests as issues too, and a comment on one shows it as one.
        unless=Guise("pull_request", _is_pull, {"pull_request": Any}),
        api=LISTED,
    )

    class Meta:
        indexes = by_update("issue")
