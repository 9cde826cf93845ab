"""Remarks on lines of pull requests. Those of one place make a thread."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Kind, Line, List, Numbered, OfRepository, Rest, With
from autosync.kinds._rules import Moves, Whole


class ReviewComment(OfRepository):
    """One remark on a line or a file of a pull request, keyed by GitHub's id."""

    github_id = gh.Key(about="GitHub's id of the remark.")
    pull_number = gh.NumberOf(
        "pull_request_url",
        graph="pullRequest.number",
        event="$.pull_request.number",
        about="The number of the pull request.",
    )
    author_id = gh.ActorId("user", graph="author", null=True, about="Who wrote it; null if gone.")
    author_login = gh.ActorLogin("user", graph="author", about="The login of who wrote it.")
    author_association = gh.Word(
        max_length=32, about="What its author is here: member, none and so on."
    )
    body = gh.Text(none=True, about="What it says, in Markdown.")
    path = gh.Text(about="The file that it is about.")
    # A push moves these four, or a deletion the last of them, and no clock of the remark.
    commit_sha = gh.Sha(
        "commit_id",
        graph="commit.oid",
        none=True,
        apart="placed_at",
        about="The latest commit in which the line is; of an outdated one the last that had it.",
    )
    line = gh.Number(null=True, apart="placed_at", about="The line now; null if it is outdated.")
    start_line = gh.Number(
        null=True, apart="placed_at", about="The first of several lines now; null if it is one."
    )
    in_reply_to_id = gh.IdOf(
        graph="replyTo.fullDatabaseId",
        null=True,
        apart="placed_at",
        about="The first remark of its thread; null if this is it.",
    )
    placed_at = models.DateTimeField(null=True, blank=True)
    # GraphQL shows no commit that is not in the repository any more, and no sides.
    original_commit_sha = gh.Sha(
        "original_commit_id", graph=None, none=True, about="The commit it was written on."
    )
    original_line = gh.Number(null=True, about="The line it was written on.")
    original_start_line = gh.Number(
        null=True, about="The first of several lines it was written on; null if it is one."
    )
    side = gh.Word(graph=None, none=True, about="left for a line that goes, else right.")
    start_side = gh.Word(graph=None, none=True, about="The side of the first of several lines.")
    subject_type = gh.Word(none=True, about="line, or file if it is about all of it.")
    diff_hunk = gh.Text(about="The part of the diff it was written on.")
    review_id = gh.IdOf(
        "pull_request_review_id",
        graph="pullRequestReview.fullDatabaseId",
        null=True,
        about="The review it belongs to.",
    )
    html_url = gh.Url(about="The address of its place on the pull request's page.")
    created_at = gh.Moment(about="When it was written.")

    github = Kind(
        read=Rest("/pulls/comments", since=True, type="PullRequestReviewComment"),
        # A new one moves the pull request's clock. An edit moves its own alone: the nightly audit
        # asks for those that are here, a hundred a point, or of many for what their list has new.
        news=With(("pull_request",)),
        under=Numbered("pull_number", ("pull_request",), moves_with=True),
        events={
            "pull_request_review_comment": Whole("comment", gone={"deleted"}),
            "pull_request": Moves("pull_request", "pull_number", only={"synchronize"}),
        },
        needs={"pull_requests": "read"},
        switch="has_pull_requests",
        feed=Line("review_comment", key="pull_number", title="path"),
        api=List(
            "-updated_at",
            filters=("author_login", "pull_number", "path", "review_id"),
            search=("body",),
            columns=("pull_number", "path", "line", "body", "author_login", "updated_at"),
        ),
    )

    class Meta:
        indexes = [
            models.Index(fields=["repository", "pull_number"], name="review_comment_by_pull"),
            models.Index(fields=["in_reply_to_id"], name="review_comment_by_first"),
        ]

    def __str__(self) -> str:
        return f"remark {self.github_id} on #{self.pull_number}"
