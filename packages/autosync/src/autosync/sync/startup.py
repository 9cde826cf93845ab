"""What a worker does first: looks at GitHub, and imports what it does not know yet."""

from __future__ import annotations

import logging

from autosync.mirror import partitions
from autosync.sync import hook, watch
from autosync.sync.jobs import SyncJobRunner
from autosync.sync.queue import RECOVER, defer
from autosync.sync.reconcile import GitHubSyncManager

logger = logging.getLogger(__name__)


def begin() -> None:
    """Point the hook here, read what was missed, find installations, import the new ones."""
    partitions.make_ahead()
    for line in hook.configure().missing:
        logger.warning("%s", line)
    watch.look_at_github()
    defer(RECOVER)
    for installation in GitHubSyncManager.discover():
        if installation.repositories_listed_at is None and not installation.is_suspended:
            SyncJobRunner.start_first_import(installation.pk)
