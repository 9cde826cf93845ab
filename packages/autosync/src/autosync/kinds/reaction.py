"""Who reacted to issues and pull requests, and how."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Clock, Kind, List, Nested, OfRepository, Parent
from autosync.kinds.issue import Issue
from autosync.kinds.pull_request import PullRequest


class Reaction(OfRepository, key=("node_id",)):
    """One reaction of somebody to the text of an issue or a pull request, which share numbers."""

    issue_number = gh.NumberOf(
        None, graph=None, about="The number of the issue or the pull request."
    )
    content = gh.Word(
        None, graph="content", words={"thumbs_up": "+1", "thumbs_down": "-1"},
        about="+1, -1, laugh, confused, heart, hooray, rocket or eyes.",
    )  # fmt: skip
    user_id = gh.ActorId(
        None, graph="user", of="User", null=True, about="Who reacted; null if that is gone."
    )
    user_login = gh.ActorLogin(None, graph="user", of="User", about="The login of who reacted.")
    created_at = gh.Moment(None, graph="createdAt", null=True, about="When that was.")

    github = Kind(
        # Nobody is told of a reaction, and no clock moves: https://docs.github.com/rest/reactions
        read=Nested((Issue, PullRequest), "reactions", first=100, unheard=True),
        under=Parent((Issue, PullRequest), number="issue_number", counted="reactions"),
        needs={"issues": "read", "pull_requests": "read"},
        clock=Clock.ARRIVAL,
        api=List(
            "-created_at",
            filters=("issue_number", "content", "user_login"),
            columns=("issue_number", "content", "user_login", "created_at"),
        ),
        default=False,
    )

    class Meta:
        indexes = [models.Index(fields=["repository", "issue_number"], name="reaction_by_issue")]

    def __str__(self) -> str:
        return f"{self.content} on #{self.issue_number}"
