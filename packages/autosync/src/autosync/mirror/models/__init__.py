"""What the mirror holds. GitHub's own ids are the primary keys wherever GitHub has one."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from autosync.mirror.models.access import ApiToken
from autosync.mirror.models.activity import FeedEvent
from autosync.mirror.models.alias import NodeAlias
from autosync.mirror.models.audit import Audit, AuditFinding
from autosync.mirror.models.base import MirroredModel
from autosync.mirror.models.condition import Condition
from autosync.mirror.models.contributor import Contributor
from autosync.mirror.models.inbox import Delivery, DeliveryGuid, DeliveryLog
from autosync.mirror.models.installation import GitHubAppInstallation
from autosync.mirror.models.job import SyncJob, SyncJobRepository
from autosync.mirror.models.people import ForgottenPerson
from autosync.mirror.models.progress import (
    AccountCursor,
    ChildrenRead,
    KindLeftOut,
    PageSize,
    ResourceCursor,
    UnreadObject,
)
from autosync.mirror.models.pull_git import PullRequestCommit, PullRequestFile
from autosync.mirror.models.quota import QuotaBudget, QuotaDelta, QuotaLease, QuotaUse
from autosync.mirror.models.repository import Repository
from autosync.mirror.models.tally import Tally

__all__ = [
    "AccountCursor",
    "ApiToken",
    "Audit",
    "AuditFinding",
    "ChildrenRead",
    "Condition",
    "Contributor",
    "Delivery",
    "DeliveryGuid",
    "DeliveryLog",
    "FeedEvent",
    "ForgottenPerson",
    "GitHubAppInstallation",
    "KindLeftOut",
    "MirroredModel",
    "NodeAlias",
    "PageSize",
    "PullRequestCommit",
    "PullRequestFile",
    "QuotaBudget",
    "QuotaDelta",
    "QuotaLease",
    "QuotaUse",
    "Repository",
    "ResourceCursor",
    "SyncJob",
    "SyncJobRepository",
    "Tally",
    "UnreadObject",
]

if not TYPE_CHECKING:  # type checkers are to find models where they are

    def __getattr__(name: str) -> Any:
        """A model that is declared in `autosync.kinds`, a room above, for those who look here."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(import_module("autosync.models"), name)
