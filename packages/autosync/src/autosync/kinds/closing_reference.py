"""Which issues a merge of a pull request closes."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Clock, Kind, List, Nested, OfRepository, Parent
from autosync.kinds._rules import Around
from autosync.kinds.pull_request import PullRequest


class ClosingReference(OfRepository, key=("repository_id", "pull_number", "issue_id")):
    """One issue that a pull request closes: it says so in its text, or was linked by hand."""

    pull_number = gh.NumberOf(None, graph=None, about="The number of the pull request.")
    issue_id = gh.IdOf(None, graph="fullDatabaseId", about="GitHub's id of the issue.")
    issue_number = gh.Number(None, graph="number", about="The number of the issue.")
    issue_repository_id = gh.BigNumber(
        None, graph="repository.databaseId", about="The id of its repository, mostly the same one."
    )

    github = Kind(
        # A link by hand sends no event and is said to move no clock.
        read=Nested(PullRequest, "closingIssuesReferences", type="Issue", unheard=True),
        under=Parent(PullRequest, number="pull_number"),
        events={"pull_request": Around("pull_request", only={"opened", "edited", "reopened"})},
        needs={"pull_requests": "read"},
        clock=Clock.ARRIVAL,
        api=List(
            "-id",
            filters=("pull_number", "issue_number", "issue_repository_id"),
            columns=("pull_number", "issue_number"),
        ),
    )

    class Meta:
        indexes = [models.Index(fields=["issue_id"], name="closing_reference_by_issue")]

    def __str__(self) -> str:
        return f"#{self.pull_number} closes #{self.issue_number}"
