"""Comments on issues, and in the conversation of pull requests."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Kind, Line, List, Numbered, OfRepository, Rest, With
from autosync.kinds._rules import Whole


class IssueComment(OfRepository):
    """One comment, keyed by GitHub's id. Issues and pull requests share their numbers."""

    github_id = gh.Key(about="GitHub's id of the comment.")
    issue_number = gh.NumberIn(
        "issue_url", graph="url", about="The number of its issue or pull request."
    )
    author_id = gh.ActorId(
        "user", graph="author", null=True, about="Who wrote it; null if that is gone."
    )
    author_login = gh.ActorLogin("user", graph="author", about="The login of who wrote it.")
    author_association = gh.Word(
        max_length=32, about="What its author is here: member, none and so on."
    )
    body = gh.Text(none=True, about="What it says, in Markdown.")
    html_url = gh.Url(about="The address of it on its page.")
    created_at = gh.Moment(about="When it was written.")

    github = Kind(
        read=Rest("/issues/comments", since=True),
        # A comment moves the clock of what it is on, also when it is edited or deleted.
        news=With(("issue", "pull_request")),
        under=Numbered(
            "issue_number",
            ("issue", "pull_request"),
            counted="comments_count",
            path="/issues/{}/comments",
        ),
        events={"issue_comment": Whole("comment", gone={"deleted"})},
        needs={"issues": "read"},
        feed=Line("comment", key="issue_number", title=""),
        api=List(
            "-updated_at",
            filters=("author_login", "issue_number"),
            search=("body",),
            columns=("issue_number", "body", "author_login", "created_at", "updated_at"),
        ),
    )

    class Meta:
        indexes = [
            models.Index(fields=["repository", "issue_number"], name="issue_comment_by_issue"),
        ]

    def __str__(self) -> str:
        return f"comment {self.github_id} on #{self.issue_number}"
