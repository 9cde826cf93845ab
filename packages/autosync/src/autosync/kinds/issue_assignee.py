"""Who is assigned to issues and pull requests."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._graphql import ASSIGNEE_FIELDS
from autosync.kinds._kind import Each, Kind, Within
from autosync.kinds._sets import SetOf


class IssueAssignee(SetOf, key=("repository_id", "issue_number", "user_id")):
    """One assignee of an issue or pull request: a person or a bot."""

    issue_number = gh.Number(None, graph=None, about="The number of the issue or pull request.")
    user_id = gh.ActorId("", about="GitHub's id of the account.")
    user_login = gh.ActorLogin("", about="The login of the account.")

    github = Kind(
        read=Within(
            of=("issue", "pull_request"),
            number="issue_number",
            lists=(Each("assignees"),),
            graph="assignees: assignedActors",
            fields=ASSIGNEE_FIELDS,
        ),
        needs={"issues": "read"},
        clock=None,
    )

    class Meta:
        indexes = [models.Index(fields=["user_id"], name="issue_assignee_by_user")]

    def __str__(self) -> str:
        return f"{self.user_login} on #{self.issue_number}"
