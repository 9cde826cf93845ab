"""Keeps this machine's git caches within AUTOSYNC_GIT_CACHE; every worker does it for its own."""

from __future__ import annotations

import logging
import threading

from django.db import close_old_connections, connection

from autosync import config
from autosync.github.git_cache import GitCache
from autosync.mirror.models import Repository
from autosync.sync.errors import Busy
from autosync.sync.locks import exclusive

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 600.0


def keep(stop: threading.Event) -> None:
    """Look now and every ten minutes, until `stop`."""
    while True:
        try:
            close_old_connections()
            keep_bounded()
        except Exception as error:
            logger.warning("the git caches are not tidied now: %s", error)
            connection.close()
        if stop.wait(_EVERY_SECONDS):
            return


def keep_bounded(limit: int | None = None) -> list[int]:
    """Remove caches of repositories that are gone, then the least recently used above `limit`
    bytes (AUTOSYNC_GIT_CACHE; 0: no limit); returns the repositories whose cache was removed.

    One in use stays, and what is removed is cloned anew at its next sync: the cursors in the
    database go on being true.
    """
    settings = config.load()
    limit = int(settings.autosync_git_cache) if limit is None else limit
    caches = GitCache(settings.data_dir / "git")
    here = caches.repositories()
    known = set(Repository.objects.filter(pk__in=here).values_list("pk", flat=True))
    removed = [gone for gone in sorted(here - known) if _remove(caches, gone)]
    for repository_id in known:
        caches.sweep(repository_id)
    if not limit:
        return removed
    sizes = {repository_id: caches.size(repository_id) for repository_id in known}
    total = sum(sizes.values())
    for repository_id in sorted(sizes, key=caches.last_used):
        if total <= limit:
            break
        if sizes[repository_id] and _remove(caches, repository_id):
            removed.append(repository_id)
            total -= sizes[repository_id]
            if sizes[repository_id] > limit:
                logger.warning(
                    "the git cache of repository %d alone is %d MB, more than AUTOSYNC_GIT_CACHE; "
                    "it is cloned again at each sync that finds something new",
                    repository_id,
                    sizes[repository_id] >> 20,
                )
    if removed:
        logger.info("the git caches of %d repositories made room", len(removed))
    return removed


def _remove(caches: GitCache, repository_id: int) -> bool:
    try:
        with exclusive("git", repository_id, wait=False):
            return caches.remove(repository_id)
    except Busy:
        return False
