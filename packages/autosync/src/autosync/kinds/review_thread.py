"""Threads of remarks on lines of pull requests: whether what was asked is settled."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Clock, Kind, List, Nested, OfRepository, Parent
from autosync.kinds._rules import Around, Whole
from autosync.kinds.pull_request import PullRequest


class ReviewThread(OfRepository, key=("node_id",)):
    """The remarks on one place of a pull request. GraphQL alone has it, and no number of it."""

    pull_number = gh.NumberOf(
        None, graph="pullRequest.number", event="$.pull_request.number",
        about="The number of the pull request.",
    )  # fmt: skip
    is_resolved = gh.After("resolved", about="Whether somebody called it settled.")
    resolved_by_id = gh.ActorId(
        None, graph="resolvedBy", event="$.sender", of="User", null=True, when="is_resolved",
        about="Who called it settled; null if nobody did, or if that is gone.",
    )  # fmt: skip
    resolved_by_login = gh.ActorLogin(
        None, graph="resolvedBy", event="$.sender", of="User", when="is_resolved",
        about="The login of who called it settled.",
    )  # fmt: skip
    first_comment_id = gh.FirstOf(
        graph="comments(first: 1).nodes", null=True, deep=True,
        about="GitHub's id of its first remark, which the others are replies to.",
    )  # fmt: skip
    path = gh.Text(None, about="The file that it is about.")
    is_outdated = gh.Flag(None, about="Whether a push has taken its lines out of the diff.")
    line = gh.Number(None, null=True, about="The line now; null if it is outdated.")
    start_line = gh.Number(None, null=True, about="The first of several lines now.")
    original_line = gh.Number(None, null=True, about="The line it was begun on.")
    original_start_line = gh.Number(None, null=True, about="The first of several it was begun on.")
    side = gh.Word(None, graph="diffSide", about="left for a line that goes, else right.")
    start_side = gh.Word(
        None, graph="startDiffSide", none=True, about="The side of the first of several lines."
    )
    subject_type = gh.Word(None, about="line, or file if it is about all of it.")

    github = Kind(
        read=Nested(PullRequest, "reviewThreads", type="PullRequestReviewThread", silent=True),
        under=Parent(PullRequest, number="pull_number", follows="updated_at"),
        # Who settles a thread moves no clock at all: should the webhook be lost for good, the
        # nightly audit finds it.
        events={
            "pull_request_review_thread": Whole("thread"),
            # A thread comes with its first remark and goes with its last; neither names it.
            "pull_request_review_comment": Around("pull_request", only={"created", "deleted"}),
        },
        clock=Clock.ARRIVAL,
        needs={"pull_requests": "read"},
        api=List(
            "-id",
            filters=("pull_number", "is_resolved", "is_outdated", "path", "resolved_by_login"),
            search=("path",),
            columns=("pull_number", "path", "line", "is_resolved", "resolved_by_login"),
        ),
    )

    class Meta:
        indexes = [
            models.Index(fields=["repository", "pull_number"], name="review_thread_by_pull"),
            models.Index(fields=["first_comment_id"], name="review_thread_by_first"),
        ]

    def __str__(self) -> str:
        return f"thread in {self.path} on #{self.pull_number}"
