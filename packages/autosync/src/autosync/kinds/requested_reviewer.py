"""Who was asked to review a pull request and has not yet: people, bots and teams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._graphql import ASSIGNEE_FIELDS
from autosync.kinds._kind import Each, Kind, Within
from autosync.kinds._sets import SetOf

if TYPE_CHECKING:
    from autosync.kinds._shape import At

_FIELDS = f"{ASSIGNEE_FIELDS} ... on Team {{ databaseId slug }}"


class _Type(gh.Word[str, str]):
    """team, or user for all others, as which REST shows bots."""

    def source(self, at: At) -> str:
        return f"'team' if {at(str, '')} == 'Team' else 'user'"


class _Login(gh.ActorLogin[str, str]):
    """For a team its slug."""

    def source(self, at: At) -> str:
        return f"{at(str, '', 'slug', select=False)} or ({super().source(at)})"


class RequestedReviewer(
    SetOf, key=("repository_id", "pull_number", "reviewer_type", "reviewer_id")
):
    """One reviewer who was asked and has not answered; who reviews is no longer requested."""

    pull_number = gh.Number(None, graph=None, about="The number of the pull request.")
    reviewer_type = _Type(None, graph="__typename", about="user (also a bot) or team.")
    reviewer_id = gh.ActorId("", about="GitHub's id of the account or team.")
    reviewer_login = _Login("", about="The login of the account, or the slug of the team.")

    github = Kind(
        # Without the permission to read members, GraphQL shows a team as null (chdsbd/kodiak#146).
        read=Within(
            of=("pull_request",),
            number="pull_number",
            lists=(
                Each("requested_reviewers", {"reviewer_type": "user"}),
                Each("requested_teams", {"reviewer_type": "team"}),
            ),
            graph="reviewRequests",
            fields=f"requestedReviewer {{ {_FIELDS} }}",
            inside="requestedReviewer",
            one="/pulls/{}",
        ),
        needs={"pull_requests": "read"},
        clock=None,
    )

    class Meta:
        indexes = [models.Index(fields=["reviewer_id"], name="requested_reviewer_by_id")]

    def __str__(self) -> str:
        return f"{self.reviewer_login} of #{self.pull_number}"
