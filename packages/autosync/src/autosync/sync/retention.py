"""How long the inbox keeps deliveries, and their GUIDs."""

from __future__ import annotations

import logging
from datetime import timedelta

from autosync import config
from autosync.mirror import partitions
from autosync.sync.errors import Busy
from autosync.sync.locks import exclusive
from autosync.sync.recover import KEPT

logger = logging.getLogger(__name__)


def keep_inbox(days: int | None = None) -> list[str]:
    """Make the coming days, drop those that ended `days` ago (AUTOSYNC_INBOX_RETENTION).

    Returns the names of the partitions that were dropped. A GUID is remembered for a day longer
    than GitHub's delivery log reaches back, however short the retention: until then it may come
    again, through the log or by a redelivery.
    """
    days = config.load().autosync_inbox_retention if days is None else days
    partitions.make_ahead()
    try:
        with exclusive("keep_inbox", 0, wait=False):
            now = partitions.database_now()
            before = now - timedelta(days=days)
            history = now - timedelta(days=max(days, config.load().autosync_history_retention))
            given_up = partitions.prune_parked(history)
            dropped = partitions.drop_until(before)
            deleted = partitions.prune_default(before)
            forgotten = partitions.prune_guids(min(before, now - KEPT - timedelta(days=1)))
    except Busy:
        return []  # another worker is at it
    if given_up:
        logger.warning(
            "%d deliveries parked before %s and never replayed are deleted",
            given_up,
            f"{history:%Y-%m-%d}",
        )
    if dropped or deleted:
        logger.info(
            "the inbox dropped %s and %d deliveries of other days; %d GUIDs are forgotten",
            ", ".join(dropped) or "no day",
            deleted,
            forgotten,
        )
    return dropped
