"""Compare kinds that come as edges: the newest of many repositories a query, and all of one where
the numbers differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from autosync.github import InstallationClient
from autosync.github.purpose import made_for
from autosync.kinds import listed_resources
from autosync.kinds._events import Resource
from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.keys import rows_of, written
from autosync.mirror.models import AuditFinding, Repository
from autosync.mirror.upsert import Row
from autosync.sync import unread
from autosync.sync.audit.difference import Difference
from autosync.sync.listing import PAGE
from autosync.sync.stream import read_rows, understood, unlisted

Problem = AuditFinding.Problem


@dataclass
class Newest:
    """The newest rows of a list, or all, and from before when they are known. Not `clear`: some
    could not be read.
    """

    asked_at: datetime
    rows: list[Row]
    total: int
    whole: bool
    clear: bool


def streams() -> list[Resource]:
    """The kinds that come as edges."""
    return [one for one in listed_resources() if one.stream is not None]


def shown_to_all(
    resource: Resource, group: Iterable[Repository], refused: Mapping[int, Set[str]]
) -> bool:
    """Whether GitHub shows the list of each repository, as far as is known. One that is refused
    takes its repository along, for its list may not be null.
    """
    return not any(resource.name in refused.get(one.pk, ()) for one in group)


def asked(resource: Resource) -> str:
    """GraphQL for the newest, below a repository."""
    stream = resource.stream
    assert stream is not None
    order = f", orderBy: {{field: {stream.order}, direction: DESC}}" if stream.order else ""
    return (
        f"{resource.name}: {stream.connection}(first: {PAGE}{order}) "
        f"{{ totalCount pageInfo {{ hasNextPage }} edges {{ {stream.fields} }} }}"
    )


def answered(
    resource: Resource, repository: Repository, node: Mapping[str, Any], asked_at: datetime
) -> Newest:
    """What GitHub answered to that."""
    page = node[resource.name]
    rows, odd = understood(resource, repository, page["edges"])
    whole = not page["pageInfo"]["hasNextPage"]
    return Newest(asked_at, rows, int(page["totalCount"]), whole, not odd)


def newest(
    client: InstallationClient, group: Sequence[Repository], refused: Mapping[int, Set[str]]
) -> dict[int, dict[str, Newest]]:
    """The newest of each kind that some of at most a hundred repositories do not show, of the
    others; a point each. What all show is asked for with the small kinds.
    """
    found: dict[int, dict[str, Newest]] = {one.pk: {} for one in group}
    for resource in streams():
        some = [one for one in group if resource.name not in refused.get(one.pk, ())]
        if not some or len(some) == len(group):
            continue
        asked_at = timezone.now()
        query = (
            "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Repository { "
            f"{asked(resource)} }} }} }}"
        )
        with made_for([resource.name]):
            nodes = client.nodes(query, [one.node_id for one in some], partial=True)
        for repository in some:
            if node := nodes.get(repository.node_id):
                with unread.named(repository):
                    newest_of = answered(resource, repository, node, asked_at)
                    found[repository.pk][resource.name] = newest_of
    return found


def differences(
    resource: Resource,
    repository: Repository,
    client: InstallationClient,
    there: Newest | None,
    *,
    whole: bool,
) -> list[Difference]:
    """What only one side has, or GitHub has otherwise: of `there`, or if `whole` of all."""
    if there is None or (whole and not there.whole):
        if not whole:
            return []
        asked_at = timezone.now()
        rows, total, clear = read_rows(resource, repository, client)
        there = Newest(asked_at, rows, total, whole=True, clear=clear)
    assert resource.stream is not None
    merge, moment = resource.merge, resource.stream.moment
    settled = there.asked_at - IN_FLIGHT
    keys = {merge.key_of(row): row for row in there.rows}
    here = {
        merge.key_of(row): row
        for row in rows_of(merge, keys).values(
            *merge.key, *merge.governed, "observed_at", "deleted_at"
        )
    }
    found: list[Difference] = []
    for key, row in keys.items():
        mine = here.get(key)
        if moment and (row[moment] is None or row[moment] > settled):
            continue
        if mine is not None and _moved(mine, settled):
            continue
        if mine is None or mine["deleted_at"] is not None:
            found.append(Difference(resource.name, written(key), Problem.MISSING))
        elif any(mine[name] != row[name] for name in merge.governed):
            found.append(Difference(resource.name, written(key), Problem.STALE))
    short = there.whole and there.total - len(there.rows) > max(0, unlisted(resource, repository))
    if not there.clear or short or not (moment or there.whole):
        return found  # no word about what it lacks
    alive = merge.model._default_manager.filter(
        repository=repository, deleted_at__isnull=True, observed_at__lt=settled
    )
    if not there.whole:
        # Behind the last are others of the same second, perhaps.
        alive = alive.filter(**{f"{moment}__gt": min(row[moment] for row in there.rows)})
    found += [
        Difference(resource.name, written(key), Problem.SURPLUS)
        for key in map(tuple, alive.values_list(*merge.key))
        if key not in keys
    ]
    return found


def _moved(mine: Row, settled: datetime) -> bool:
    """Whether an event may have changed the row since GitHub was asked."""
    return bool(mine["observed_at"] > settled or (mine["deleted_at"] or settled) > settled)
