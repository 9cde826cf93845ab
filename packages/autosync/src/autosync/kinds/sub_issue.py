"""Which issues are parts of which."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Clock, Kind, List, Nested, OfRepository, Parent
from autosync.kinds._rules import Around
from autosync.kinds.issue import Issue


class SubIssue(OfRepository, key=("repository_id", "parent_number", "issue_id")):
    """One issue that is a part of another, which may be of another repository."""

    parent_number = gh.NumberOf(None, graph=None, about="The number of the issue it is a part of.")
    issue_id = gh.IdOf(None, graph="fullDatabaseId", about="GitHub's id of the part.")
    issue_number = gh.Number(None, graph="number", about="The number of the part.")
    issue_repository_id = gh.BigNumber(
        None, graph="repository.databaseId", about="The id of its repository, mostly the same one."
    )
    position = gh.Place(about="Its place among the parts, from 1 on, as people ordered them.")

    github = Kind(
        called="sub-issue",
        # Another order sends no event, and no source says that a clock moves.
        read=Nested(Issue, "subIssues", type="Issue", first=100, unheard=True),
        under=Parent(Issue, number="parent_number", counted="sub_issues_count"),
        # https://docs.github.com/webhooks/webhook-events-and-payloads#sub_issues: the other two
        # actions go to the repository of the part.
        events={
            "sub_issues": Around("parent_issue", only={"sub_issue_added", "sub_issue_removed"})
        },
        needs={"issues": "read"},
        clock=Clock.ARRIVAL,
        api=List(
            "-id",
            filters=("parent_number", "issue_number", "issue_repository_id"),
            columns=("parent_number", "issue_number", "position"),
        ),
    )

    class Meta:
        indexes = [models.Index(fields=["issue_id"], name="sub_issue_by_issue")]

    def __str__(self) -> str:
        return f"#{self.issue_number} is a part of #{self.parent_number}"
