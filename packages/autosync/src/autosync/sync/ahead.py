"""Reads ahead of the next sync what no event brings, of the parents of which events spoke: a minute
after it became quiet around them, those of all repositories of an installation in one query.

Each round costs a point for every hundred parents and kind of these, one at least. What may be
spent so is bounded per hour and per repository: in one where something happens all the time, the
next round is as much later as the last one cost. What is not read here is read by the next sync.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from autosync import config, connect
from autosync.github import InstallationSuspended, Priority
from autosync.kinds import nested_kinds
from autosync.kinds._nest import Nest
from autosync.mirror.children import Parent
from autosync.mirror.models import QuotaBudget, Repository
from autosync.sync.children import ALL_FOR_ONE, take_in
from autosync.sync.errors import UnknownRepository
from autosync.sync.locks import exclusive
from autosync.sync.nested_pages import PARENTS, read_children
from autosync.sync.plan import TO_DO
from autosync.sync.queue import READ_AHEAD, defer
from autosync.sync.refusals import unavailable

logger = logging.getLogger(__name__)
# Of what happened to one parent more is to come, mostly. Longer than an answer may lag: see LAG.
QUIET = timedelta(seconds=45)
# What was not spent in so long may be spent at once.
_SAVED = timedelta(minutes=30)
_AT_ONCE = 10 * PARENTS
_HOUR = timedelta(hours=1)


def enqueue_due() -> None:
    """A round for each installation in which something waits that may be read now."""
    if not config.load().autosync_timeline_points or not _nests():
        return
    for installation_id in _installations(timezone.now()):
        defer(READ_AHEAD, installation_id)


def read_ahead(installation_id: int) -> int:
    """One round; how many rows changed."""
    allowed = config.load().autosync_timeline_points
    with exclusive("ahead", installation_id, wait=False):
        now = timezone.now()
        if not allowed or installation_id not in _installations(now):
            return 0
        asked = _asked(_waiting(installation_id, now))
        homes = {one.repository_id for _, some in asked for one in some}
        points = sum(_points(nests, some) for nests, some in asked)
        # Before it is asked: a kill in between costs what was put aside, and nothing more.
        _pay(installation_id, points * _HOUR / (allowed * max(1, len(homes))), now)
        return sum(_read(installation_id, nests, some) for nests, some in asked)


def _nests() -> Mapping[str, Nest]:
    """Kinds of children that only reading brings, each with a kind of parents."""
    kinds = (kind for kind in nested_kinds() if kind.only_read and kind.declared.events)
    return {nest.name: nest for kind in kinds for nest in kind.nests}


# What an event spoke of, a while ago, in repositories that no sync is about to read.
_DUE = """
FROM children_read c JOIN repositories r ON r.github_id = c.repository_id
JOIN installations i ON i.github_id = r.installation_id
WHERE c.marked_at <= %(quiet)s AND c.kind = ANY (%(names)s)
AND r.deleted_at IS NULL AND r.removed_at IS NULL AND r.auto_sync_enabled AND r.failures = 0
AND r.imported_at IS NOT NULL AND i.deleted_at IS NULL AND i.suspended_at IS NULL
AND NOT EXISTS (SELECT FROM sync_job_repositories s
                WHERE s.repository_id = c.repository_id AND s.status = ANY (%(to_do)s))
"""
_PAID = """
AND NOT EXISTS (SELECT FROM quota_budgets b WHERE b.installation_id = i.github_id
                AND b.resource = 'graphql' AND b.ahead_until > %(saved)s)
"""


def _values(now: datetime) -> dict[str, Any]:
    return {
        "quiet": now - QUIET,
        "saved": now + _SAVED,
        "names": list(_nests()),
        "to_do": [str(one) for one in TO_DO],
    }


def _installations(now: datetime) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT r.installation_id {_DUE} {_PAID}", _values(now))
        return {row[0] for row in cursor.fetchall()}


def _waiting(installation_id: int, now: datetime) -> dict[Nest, list[int]]:
    """The parents that wait by the kinds of children, those first of which was spoken first."""
    found: dict[Nest, list[int]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT c.kind, c.parent_id {_DUE} AND i.github_id = %(installation)s "
            "ORDER BY c.marked_at, c.parent_id LIMIT %(most)s",
            _values(now) | {"installation": installation_id, "most": _AT_ONCE},
        )
        for name, parent in cursor.fetchall():
            found[_nests()[name]].append(parent)
    return found


def _asked(waiting: Mapping[Nest, Sequence[int]]) -> list[tuple[list[Nest], list[Parent]]]:
    """A hundred parents at a time, all of one kind with all kinds of children that some of them
    wait for. What cannot be had is left to the next sync, which says so.
    """
    of_parent: dict[str, list[Nest]] = defaultdict(list)
    for nest in waiting:
        of_parent[nest.parent.name].append(nest)
    asked = []
    for nests in of_parent.values():
        ids = sorted({pk for nest in nests for pk in waiting[nest]})
        parents = nests[0].family.chosen(ids)
        refused = unavailable({one.repository_id for one in parents})
        names = {nests[0].parent.name, *(nest.kind.name for nest in nests)}
        shown = [one for one in parents if refused[one.repository_id].isdisjoint(names)]
        _leave(nests, set(ids) - {one.pk for one in shown})
        asked += [
            (nests, shown[start : start + PARENTS]) for start in range(0, len(shown), PARENTS)
        ]
    return asked


def _points(nests: Sequence[Nest], parents: Sequence[Parent]) -> int:
    """What GitHub takes for these, if none of them has more children than come along."""
    return max(1, (1 + len(nests) * len(parents) + 50) // 100)


def _pay(installation_id: int, price: timedelta, now: datetime) -> None:
    """Put aside what the round costs, in time."""
    with transaction.atomic():
        budget, _ = QuotaBudget.objects.select_for_update().get_or_create(
            installation_id=installation_id, resource="graphql"
        )
        budget.ahead_until = max(budget.ahead_until or now, now) + price
        budget.save(update_fields=["ahead_until"])


def _read(installation_id: int, nests: Sequence[Nest], parents: Sequence[Parent]) -> int:
    client = connect.installation_client(installation_id, Priority.RECONCILE)
    home = Repository.objects.get(pk=parents[0].repository_id)
    left = {one.pk for one in parents}
    count = 0
    try:
        for page in read_children(nests, home, client, parents):
            if page:
                count += take_in(page, home, client)
            left -= {one.parent.pk for one in page}
    except (*ALL_FOR_ONE, UnknownRepository) as error:
        if isinstance(error, InstallationSuspended):
            raise
        logger.info("%d parents are left to the next sync: %s", len(left), error)
    _leave(nests, left)
    return count


def _leave(nests: Sequence[Nest], parents: Collection[int]) -> None:
    for nest in nests:
        nest.family.leave(parents)
