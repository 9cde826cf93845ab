"""Reviews of pull requests: the verdict, not the remarks on lines."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Clock, Kind, Line, List, Nested, OfRepository, Parent
from autosync.kinds._rules import Whole
from autosync.kinds.pull_request import PullRequest


class Review(OfRepository):
    """One review of a pull request. One that is not submitted is seen by its author alone."""

    github_id = gh.Key(about="GitHub's id of the review.")
    pull_number = gh.NumberOf(
        "pull_request_url",
        graph="pullRequest.number",
        event="$.pull_request.number",
        about="The number of the pull request.",
    )
    state = gh.Word(
        max_length=32,
        about="approved, changes_requested, commented, dismissed or pending.",
    )
    body = gh.Text(none=True, about="What the reviewer wrote, in Markdown; often empty.")
    author_id = gh.ActorId("user", graph="author", null=True, about="Who reviewed; null if gone.")
    author_login = gh.ActorLogin("user", graph="author", about="The login of who reviewed.")
    author_association = gh.Word(
        max_length=32, about="What the author is to the repository: member, contributor and so on."
    )
    commit_sha = gh.Sha(
        "commit_id", graph="commit.oid", none=True, about="The commit that was reviewed."
    )
    html_url = gh.Url(about="The address of its place on the pull request's page.")
    submitted_at = gh.Moment(null=True, about="When it was submitted; a dismissal leaves it.")

    github = Kind(
        read=Nested(PullRequest, "reviews", type="PullRequestReview"),
        under=Parent(PullRequest, number="pull_number", follows="updated_at"),
        # GitHub moves the pull request's clock too: that kind has rules of its own for these.
        events={"pull_request_review": Whole("review")},
        clock=Clock.ARRIVAL,  # REST shows no updated_at
        needs={"pull_requests": "read"},
        feed=Line("review", key="pull_number", title="state"),
        api=List(
            "-submitted_at",
            filters=("author_login", "pull_number", "state"),
            search=("body",),
            columns=("pull_number", "state", "author_login", "submitted_at"),
        ),
    )

    class Meta:
        indexes = [
            models.Index(fields=["repository", "pull_number"], name="review_by_pull"),
            models.Index(fields=["repository", "-submitted_at"], name="review_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.state} on #{self.pull_number}"
