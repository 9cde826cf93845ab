"""Compare what objects carry with the tables of it; objects of another version differ anyway."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from autosync.github import InstallationClient
from autosync.kinds._events import Resource
from autosync.mirror.models import AuditFinding
from autosync.mirror.sets import carried, given
from autosync.mirror.tombstones import among
from autosync.sync.audit.difference import Difference
from autosync.sync.nested_lists import complete_lists
from autosync.sync.unread import ODD


def set_fields(resource: Resource) -> str:
    """What to ask of each object, beside its ids and its clock."""
    return " ".join(one.selection for one in resource.sets)


def set_differences(
    resource: Resource,
    client: InstallationClient,
    nodes: Iterable[Any],
    home: int,
    settled: datetime,
) -> list[Difference]:
    """A difference for each set that is not here as it is in `nodes`, asked with `set_fields`."""
    merge, from_graph = resource.merge, resource.from_graph
    nodes = [one for one in nodes if isinstance(one, dict)]
    if not resource.sets or from_graph is None or not nodes:
        return []
    complete_lists(resource, client, nodes)
    there: dict[Any, Any] = {}
    for node in nodes:
        try:
            row = from_graph(node, home)
        except ODD:
            continue
        if row["updated_at"] <= settled:
            there[row[merge.key[0]]] = row
    if not there:
        return []
    values: dict[str, Any] = {}
    chosen = among(merge, "t", sorted(there), values)
    here = carried(merge, f"WHERE {chosen} AND t.dirty_at IS NULL", values)
    return [
        Difference(name, str(pk), AuditFinding.Problem.STALE, row["node_id"], carrier=resource.name)
        for pk, row in there.items()
        for name, members in given(merge, row).items()
        if (mine := here.get((pk,))) is not None
        and (mine.known, mine.version) == (True, row["updated_at"])
        and mine.sets[name] != members
    ]


def still_different(
    resource: Resource,
    client: InstallationClient,
    found: Sequence[Difference],
    home: int,
    settled: datetime,
) -> set[str]:
    """The sets that differ after a repair of those `found`."""
    ids = sorted({one.node_id for one in found if one.carrier == resource.name})
    if not ids:
        return set()
    query = (
        f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {resource.graphql_type} "
        f"{{ id fullDatabaseId updatedAt {set_fields(resource)} }} }} }}"
    )
    nodes = client.nodes(query, ids).values()
    left = set_differences(resource, client, nodes, home, settled)
    return {one.resource for one in left}
