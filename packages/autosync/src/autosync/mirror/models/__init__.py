"""What the mirror holds. GitHub's own ids are the primary keys wherever GitHub has one."""

from autosync.mirror.models.access import ApiToken
from autosync.mirror.models.activity import FeedEvent
from autosync.mirror.models.alias import NodeAlias
from autosync.mirror.models.audit import Audit, AuditFinding
from autosync.mirror.models.base import MirroredModel
from autosync.mirror.models.commit import Commit, Ref
from autosync.mirror.models.condition import Condition
from autosync.mirror.models.contributor import Contributor
from autosync.mirror.models.inbox import Delivery, DeliveryGuid, DeliveryLog
from autosync.mirror.models.installation import GitHubAppInstallation
from autosync.mirror.models.issue import Issue
from autosync.mirror.models.job import SyncJob, SyncJobRepository
from autosync.mirror.models.progress import PageSize, ResourceCursor, UnreadObject
from autosync.mirror.models.pull_request import PullRequest
from autosync.mirror.models.quota import QuotaBudget, QuotaLease
from autosync.mirror.models.repository import Repository

__all__ = [
    "ApiToken",
    "Audit",
    "AuditFinding",
    "Commit",
    "Condition",
    "Contributor",
    "Delivery",
    "DeliveryGuid",
    "DeliveryLog",
    "FeedEvent",
    "GitHubAppInstallation",
    "Issue",
    "MirroredModel",
    "NodeAlias",
    "PageSize",
    "PullRequest",
    "QuotaBudget",
    "QuotaLease",
    "Ref",
    "Repository",
    "ResourceCursor",
    "SyncJob",
    "SyncJobRepository",
    "UnreadObject",
]
