"""Issues (never pull requests, which share their numbers)."""

from __future__ import annotations

from typing import Any

from django.db import models

from autosync.kinds._columns import (
    ActorId,
    ActorLogin,
    Flag,
    Key,
    Labels,
    Logins,
    Moment,
    Number,
    State,
    Text,
    Url,
    Word,
)
from autosync.kinds._kind import Connection, Guise, Kind, Line, OfRepository
from autosync.kinds._naming import CarriedLabel, CarriedMilestone
from autosync.kinds._rules import Whole
from autosync.kinds.pull_request import PullRequest


def _is_pull(issue: Any) -> bool:
    return issue.pull_request is not None or issue.html_url.endswith(f"/pull/{issue.number}")


class Issue(OfRepository):
    """One issue, keyed by GitHub's issue id; (repository, number) may be reused by nothing."""

    github_issue_id = Key(about="GitHub's id of the issue.")
    number = Number(
        essential=True, about="The number in its repository, shared with pull requests."
    )
    title = Text(about="The title.")
    body = Text(none=True, about="The description, in Markdown; empty if there is none.")
    state = State(about="open or closed.")
    # Without the argument a duplicate is said to be NOT_PLANNED:
    # https://docs.github.com/graphql/reference/enums#issuestatereason
    state_reason = Word(
        graph="stateReason(enableDuplicate: true)",
        max_length=32,
        none=True,
        about="Why it has its state: completed, not_planned, duplicate, reopened; or empty.",
    )
    author_id = ActorId(
        "user", graph="author", about="The account that opened it; null if that is gone."
    )
    author_login = ActorLogin(
        "user", graph="author", about="The login of that account; empty if it is gone."
    )
    labels = Labels(about="Its labels by name: name, color and node id of each.")
    assignees = Logins(
        graph="assignees: assignedActors", about="The logins it is assigned to, sorted."
    )
    milestone = Text("milestone.title", none=True, about="The title of its milestone, or empty.")
    milestone_number = Number(
        "milestone.number", null=True, about="The number of its milestone in the repository."
    )
    comments_count = Number(
        "comments", graph="comments.totalCount", default=0, about="How many comments it has."
    )
    locked = Flag(about="Whether only people with write access may comment.")
    html_url = Url(about="The address of its page.")
    created_at = Moment(about="When it was opened.")
    closed_at = Moment(null=True, about="When it was closed; null while it is open.")

    github = Kind(
        read=Connection("issues", since=True),
        # A transferred issue has a new id there. A comment moves the count and the clock.
        events={
            "issues": Whole("issue", gone={"deleted", "transferred"}),
            "issue_comment": Whole("issue", line="comment"),
            "label": CarriedLabel("labels"),
            "milestone": CarriedMilestone("milestone"),
        },
        needs={"issues": "read"},
        switch="has_issues",
        feed=Line("issue"),
        # REST lists pull requests as issues too, and a comment on one shows it as one.
        unless=Guise(PullRequest, _is_pull, {"pull_request": Any}),
    )

    class Meta:
        indexes = [
            models.Index(fields=["repository", "-updated_at"], name="issue_by_update"),
            models.Index(fields=["-updated_at"], name="issue_recent"),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.title}"
