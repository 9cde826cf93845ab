"""Compare kinds that REST lists: small ones many repositories a query, large ones by counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from autosync import moments
from autosync.github import InstallationClient
from autosync.github.purpose import made_for
from autosync.kinds import listed_resources
from autosync.kinds._events import Resource
from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.models import AuditFinding, Repository, ResourceCursor
from autosync.sync import unread
from autosync.sync.audit import carried
from autosync.sync.audit.difference import Difference
from autosync.sync.audit.names import CARRIED
from autosync.sync.audit.streams import Newest, answered, asked, shown_to_all, streams
from autosync.sync.listing import pages
from autosync.sync.rest_listing import changed_since, ids_that_differ

Problem = AuditFinding.Problem


@dataclass
class There:
    """What GitHub has of each small kind of a repository, by name, and the newest of those that
    come as edges; `asked_at` before that.
    """

    asked_at: datetime
    nodes: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    fronts: dict[str, Newest] = field(default_factory=dict)


def small_kinds() -> list[Resource]:
    """Those that REST lists whole, and a connection of GraphQL's too."""
    return [one for one in listed_resources() if one.rest is not None and one.news is not None]


def small_lists(
    client: InstallationClient, group: Sequence[Repository], refused: Mapping[int, Set[str]]
) -> dict[int, There]:
    """The small kinds of at most a hundred repositories, for a point each kind."""
    kinds = small_kinds()
    fronts = [one for one in streams() if shown_to_all(one, group, refused)]
    if not [*kinds, *fronts] or not group:
        return {}
    asked_at = timezone.now()
    lists = " ".join(
        f"{one.name}: {_connection(one)}(first: 100) {{ pageInfo {{ hasNextPage }} "
        f"nodes {{ {_fields(one)} }} }}"
        for one in kinds
    )
    lists = " ".join([lists, *map(asked, fronts)])
    query = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Repository {{ {lists} }} }} }}"
    with made_for(one.name for one in [*kinds, *fronts]):
        nodes = client.nodes(query, [repository.node_id for repository in group], partial=True)
    found: dict[int, There] = {}
    for repository in group:
        node = nodes.get(repository.node_id)
        if not node:
            continue
        with unread.named(repository):
            there = There(asked_at)
            for one in kinds:
                if one.name in refused.get(repository.pk, ()):
                    continue
                page = node[one.name]
                if page is None:
                    continue  # not shown, which is no word about what there is
                items = page["nodes"]
                if page["pageInfo"]["hasNextPage"]:
                    with made_for([one.name]):
                        read = pages(_connection(one), repository, client, "", _fields(one), "")
                        items = [item for _, more in read for item in more["nodes"]]
                there.nodes[one.name] = [item for item in items if item]
            for one in fronts:
                there.fronts[one.name] = answered(one, repository, node, asked_at)
            found[repository.pk] = there
    return found


def differences(resource: Resource, repository: Repository, there: There) -> list[Difference]:
    """Objects that only one side has, or that GitHub has otherwise: by clock, or by content where
    REST shows no clock.
    """
    if resource.name not in there.nodes:
        return []
    assert resource.from_graph is not None
    settled = there.asked_at - IN_FLIGHT
    merge = resource.merge
    clocked = "updated_at" in merge.content
    rows = merge.model._default_manager.filter(repository=repository, deleted_at__isnull=True)
    here: dict[str, Any] = {one.node_id: one for one in list[Any](rows)}
    seen: set[str] = set()
    found: list[Difference] = []
    for node in there.nodes[resource.name]:
        node_id = str(node["id"])
        seen.add(node_id)
        changed = moments.moment(node.get("updatedAt"))
        mine = here.get(node_id)
        if changed is None or changed > settled:
            continue
        if mine is None:
            found.append(Difference(resource.name, node_id, Problem.MISSING, node_id))
        elif mine.observed_at > settled:
            continue
        elif clocked:
            if mine.updated_at is None or mine.updated_at < changed:
                found.append(Difference(resource.name, str(mine.pk), Problem.STALE, node_id))
        else:
            row = resource.from_graph(node, repository.pk)
            unknown = merge.later_than(getattr(mine, "kind_version", None))
            if any(getattr(mine, name) != row[name] for name in row if name not in unknown):
                found.append(Difference(resource.name, str(mine.pk), Problem.STALE, node_id))
    found += [
        Difference(resource.name, str(row.pk), Problem.SURPLUS, node_id)
        for node_id, row in here.items()
        if node_id not in seen and row.observed_at < settled
    ]
    known = {one.node_id for one in found}
    others = [node for node in there.nodes[resource.name] if node["id"] not in known]
    found += carried.miscounted(resource, repository, others, settled)
    not_read = {str(key) for key in unread.keys(resource, repository)}
    return [one for one in found if one.key not in not_read]


def counted_differences(
    resource: Resource, repository: Repository, client: InstallationClient
) -> list[Difference]:
    """Those of a large kind, where parents say another number than is here: only these are read."""
    settled = timezone.now() - IN_FLIGHT
    there, rows = ids_that_differ(resource, repository, client)
    here = {row.pk: row for row in rows}
    found = [
        Difference(resource.name, str(pk), Problem.MISSING, node_id)
        for pk, (node_id, changed) in there.items()
        if pk not in here and (changed is None or changed < settled)
    ]
    found += [
        Difference(resource.name, str(pk), Problem.SURPLUS, row.node_id)
        for pk, row in here.items()
        if pk not in there and row.observed_at < settled
    ]
    return found


def told_by_clock(
    resource: Resource, repository: Repository, client: InstallationClient, *, whole: bool
) -> list[Difference]:
    """Those of a kind that nobody counts: changed since its list was read last, by their clocks; or
    `whole`, those that only one side has too. A request, and none where there is none of it.
    """
    rows = resource.merge.model._default_manager.filter(repository=repository)
    alive = rows.filter(deleted_at__isnull=True)
    if not whole and not alive.exists():
        return []
    cursors = ResourceCursor.objects.filter(repository=repository, resource=resource.name)
    since = None if whole else cursors.values_list("watermark", flat=True).first()
    asked_at = timezone.now()
    there = changed_since(resource, repository, client, since)
    settled = asked_at - IN_FLIGHT
    known = alive if whole else alive.filter(pk__in=there)
    here = {row.pk: row for row in list[Any](known)}
    found = []
    for pk, (node_id, changed) in there.items():
        if changed is None or changed > settled:
            continue  # its event may be on its way
        if pk not in here:
            found.append(Difference(resource.name, str(pk), Problem.MISSING, node_id))
        elif here[pk].updated_at is None or here[pk].updated_at < changed:
            found.append(Difference(resource.name, str(pk), Problem.STALE, node_id))
    if whole:
        found += [
            Difference(resource.name, str(pk), Problem.SURPLUS, row.node_id)
            for pk, row in here.items()
            if pk not in there and row.observed_at < settled
        ]
    not_read = {str(key) for key in unread.keys(resource, repository)}
    return [one for one in found if one.key not in not_read]


def _connection(resource: Resource) -> str:
    assert resource.news is not None
    return resource.news.connection


def _fields(resource: Resource) -> str:
    if "updated_at" not in resource.merge.content:
        return f"{resource.node_fields} updatedAt"
    return f"id updatedAt {CARRIED.get(resource.name, '')} {carried.counts(resource)}"
