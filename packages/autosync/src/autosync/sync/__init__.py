"""The engine: apply, import, reconcile, jobs. Knows no resource by name.

Public names: GitHubSyncManager, WebhookProcessor and SyncJobRunner.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autosync.sync.apply import WebhookProcessor
    from autosync.sync.jobs import SyncJobRunner
    from autosync.sync.reconcile import GitHubSyncManager

__all__ = ["GitHubSyncManager", "SyncJobRunner", "WebhookProcessor"]

_HOMES = {
    "GitHubSyncManager": "autosync.sync.reconcile",
    "SyncJobRunner": "autosync.sync.jobs",
    "WebhookProcessor": "autosync.sync.apply",
}


def __getattr__(name: str) -> Any:
    """Import on first use: this package is loaded while Django is still setting up its models."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
