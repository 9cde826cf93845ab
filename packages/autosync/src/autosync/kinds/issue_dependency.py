"""Which issues are to be done before which."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Clock, Kind, List, Nested, OfRepository, Parent
from autosync.kinds._rules import Around
from autosync.kinds.issue import Issue


class IssueDependency(OfRepository, key=("repository_id", "issue_number", "blocking_id")):
    """One issue that blocks another. It may be of another repository."""

    issue_number = gh.NumberOf(None, graph=None, about="The number of the issue that is blocked.")
    blocking_id = gh.IdOf(None, graph="fullDatabaseId", about="GitHub's id of what blocks it.")
    blocking_number = gh.Number(None, graph="number", about="The number of what blocks it.")
    blocking_repository_id = gh.BigNumber(
        None, graph="repository.databaseId", about="The id of its repository, mostly the same one."
    )

    github = Kind(
        # https://docs.github.com/graphql/overview/changelog of 2025-07-30. An issue may be blocked
        # by fifty. No source says that this moves a clock.
        read=Nested(Issue, "blockedBy", type="Issue", unheard=True),
        under=Parent(Issue, number="issue_number", counted="blocked_by_count"),
        # https://docs.github.com/webhooks/webhook-events-and-payloads#issue_dependencies: the other
        # two actions go to the repository of what blocks it.
        events={
            "issue_dependencies": Around(
                "blocked_issue", only={"blocked_by_added", "blocked_by_removed"}
            )
        },
        needs={"issues": "read"},
        clock=Clock.ARRIVAL,
        api=List(
            "-id",
            filters=("issue_number", "blocking_number", "blocking_repository_id"),
            columns=("issue_number", "blocking_number"),
        ),
    )

    class Meta:
        db_table = "issue_dependencies"
        indexes = [models.Index(fields=["blocking_id"], name="issue_dependency_by_blocking")]

    def __str__(self) -> str:
        return f"#{self.issue_number} is blocked by #{self.blocking_number}"
