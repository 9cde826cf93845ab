"""Every model of AutoSync, in one place to import from: `from autosync.models import Issue`."""

from typing import TYPE_CHECKING, Any

from autosync.kinds import TABLES
from autosync.kinds.commit import Commit
from autosync.kinds.commit_file import CommitFile
from autosync.kinds.issue import Issue
from autosync.kinds.issue_assignee import IssueAssignee
from autosync.kinds.issue_label import IssueLabel
from autosync.kinds.pull_request import PullRequest
from autosync.kinds.ref import Ref
from autosync.kinds.requested_reviewer import RequestedReviewer
from autosync.kinds.review import Review
from autosync.mirror.models import (
    AccountCursor,
    ApiToken,
    Audit,
    AuditFinding,
    ChildrenRead,
    Condition,
    Contributor,
    Delivery,
    DeliveryGuid,
    DeliveryLog,
    FeedEvent,
    ForgottenPerson,
    GitHubAppInstallation,
    MirroredModel,
    PageSize,
    PullRequestCommit,
    PullRequestFile,
    QuotaBudget,
    QuotaLease,
    Repository,
    ResourceCursor,
    SyncJob,
    SyncJobRepository,
    Tally,
    UnreadObject,
)

__all__ = [
    "AccountCursor",
    "ApiToken",
    "Audit",
    "AuditFinding",
    "ChildrenRead",
    "Commit",
    "CommitFile",
    "Condition",
    "Contributor",
    "Delivery",
    "DeliveryGuid",
    "DeliveryLog",
    "FeedEvent",
    "ForgottenPerson",
    "GitHubAppInstallation",
    "Issue",
    "IssueAssignee",
    "IssueLabel",
    "MirroredModel",
    "PageSize",
    "PullRequest",
    "PullRequestCommit",
    "PullRequestFile",
    "QuotaBudget",
    "QuotaLease",
    "Ref",
    "Repository",
    "RequestedReviewer",
    "ResourceCursor",
    "Review",
    "SyncJob",
    "SyncJobRepository",
    "Tally",
    "UnreadObject",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """A kind that was added and is not named above."""
        for kind in TABLES.values():
            if kind.model.__name__ == name:
                return kind.model
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
