"""Objects that ride inside others, as files do in releases: no clock tells of them.

Any audit compares how many there are, for nothing; a deep one compares each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q

from autosync.github import InstallationClient
from autosync.kinds._events import Resource, Riding
from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.models import AuditFinding, Repository
from autosync.mirror.upsert import Row
from autosync.sync import unread
from autosync.sync.audit.difference import Difference
from autosync.sync.rest_listing import alive_rows, documents

Problem = AuditFinding.Problem


def counts(resource: Resource) -> str:
    """What to ask GraphQL for beside an object, so that `miscounted` can tell."""
    return " ".join(
        f"{one.resource.name}: {one.counted} {{ totalCount }}" for one in _counted(resource)
    )


def miscounted(
    resource: Resource,
    repository: Repository,
    nodes: Iterable[Mapping[str, Any]],
    settled: datetime,
) -> list[Difference]:
    """Objects that carry another number of others than is here; not those just read."""
    found: list[Difference] = []
    for riding in _counted(resource):
        # A null beside an error says nothing.
        there = {
            str(node["id"]): list_there["totalCount"]
            for node in nodes
            if (list_there := node.get(riding.resource.name))
        }
        parents = alive_rows(resource, repository, observed_at__lt=settled)
        numbers = dict(parents.values_list("pk", "node_id"))
        theirs = riding.resource.merge.model._default_manager.filter(
            **{f"{riding.link}__in": numbers}
        )
        alive = Count("pk", filter=Q(deleted_at__isnull=True))
        rows = theirs.values(riding.link).annotate(alive=alive, seen=Max("observed_at"))
        here = {one[riding.link]: one for one in rows}
        for pk, node_id in numbers.items():
            mine = here.get(pk, {"alive": 0, "seen": None})
            if mine["seen"] is not None and mine["seen"] > settled:
                continue
            if there.get(node_id, mine["alive"]) != mine["alive"]:
                found.append(Difference(resource.name, str(pk), Problem.STALE, node_id))
    return found


def differences(
    resource: Resource, repository: Repository, client: InstallationClient
) -> list[Difference]:
    """Objects inside those of `resource` that differ: a request per hundred of these."""
    if resource.rest is None or not resource.rest.riding:
        return []
    there: dict[str, dict[int, Row]] = {one.resource.name: {} for one in resource.rest.riding}
    settled: datetime | None = None
    for asked_at, items in documents(resource, repository, client):
        settled = settled or asked_at - IN_FLIGHT
        for item in items:
            try:
                parent = resource.rest.normalise(item, repository.pk)
            except unread.ODD:
                continue  # named by whoever reads it to store it
            if parent is None:
                continue
            for riding in resource.rest.riding:
                rows = riding.rows(item, parent)
                there[riding.resource.name] |= {row[_key(riding)]: row for row in rows}
    assert settled is not None
    return [
        one
        for riding in resource.rest.riding
        for one in _compared(riding, repository, there[riding.resource.name], settled)
    ]


def _compared(
    riding: Riding, repository: Repository, there: Mapping[int, Row], settled: datetime
) -> list[Difference]:
    merge = riding.resource.merge
    here = {row.pk: row for row in alive_rows(riding.resource, repository)}
    # Downloads and their like move without a clock at any moment.
    columns = set(merge.governed) - merge.quiet
    found = []
    for pk, row in there.items():
        mine = here.get(pk)
        if mine is None:
            problem = Problem.MISSING
        elif mine.observed_at < settled and any(
            getattr(mine, name) != row[name] for name in columns & row.keys()
        ):
            problem = Problem.STALE
        else:
            continue
        node_id = str(row.get("node_id") or "")
        found.append(Difference(riding.resource.name, str(pk), problem, node_id))
    return found + [
        Difference(riding.resource.name, str(pk), Problem.SURPLUS, mine.node_id)
        for pk, mine in here.items()
        if pk not in there and mine.observed_at < settled
    ]


def _counted(resource: Resource) -> list[Riding]:
    riding = resource.rest.riding if resource.rest is not None else ()
    return [one for one in riding if one.counted]


def _key(riding: Riding) -> str:
    return riding.resource.merge.key[0]
