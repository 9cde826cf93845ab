"""Lists inside GraphQL nodes are read to their end before the nodes become rows, and what these do
not show by REST.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from autosync import moments
from autosync.github import Forbidden, Gone, InstallationClient, NotFound
from autosync.kinds._events import Resource
from autosync.mirror.sets import KNOWN


def complete_lists(
    resource: Resource, client: InstallationClient, nodes: Iterable[dict[str, Any] | None]
) -> None:
    """Ask on for each list inside `nodes` that has a next page, at a point a page: a short list
    never replaces a long one.
    """
    lists = resource.lists
    for node in nodes:
        if isinstance(node, dict) and isinstance(node.get("id"), str):
            for name in lists:
                if _next(node.get(name)):
                    _read_on(resource, client, node, name, *lists[name])


def _read_on(
    resource: Resource,
    client: InstallationClient,
    node: dict[str, Any],
    name: str,
    field: str,
    fields: str,
) -> None:
    query = (
        "query($id: ID!, $after: String) { node(id: $id) { ... on "
        f"{resource.graphql_type} {{ {field}(first: 100, after: $after) {{ "
        f"pageInfo {{ hasNextPage endCursor }} nodes {{ {fields} }} }} }} }} }}"
    )
    page = node[name]
    items = list(page.get("nodes") or ())
    while after := _next(page):
        answer = client.graphql(query, {"id": node["id"], "after": after}).data
        # Deleted meanwhile: what was read is the last that is known of it.
        page = (answer.get("node") or {}).get(name)
        items += (page or {}).get("nodes") or ()
    node[name] = {"nodes": items}


def _next(page: Any) -> str | None:
    """Where the next page begins; None after the last."""
    info = page.get("pageInfo") if isinstance(page, dict) else None
    return info.get("endCursor") if isinstance(info, dict) and info.get("hasNextPage") else None


def complete_sets(resource: Resource, client: InstallationClient, rows: Iterable[Any]) -> None:
    """Ask REST, a request each, for objects of which GraphQL did not show all that they carry: it
    shows no teams to who may not read members. What moved meanwhile is left for its own event.
    """
    asked = [one for one in resource.sets if one.path]
    for row in rows if asked else ():
        if KNOWN in row:
            continue
        for one in asked:
            if one.name not in row["sets"]:
                place = f"/repositories/{row['repository_id']}{one.path.format(row['number'])}"
                with suppress(NotFound, Forbidden, Gone):
                    document = client.get(place).fields()
                    members = one.rows(*map(document.get, one.keys))
                    same = moments.moment(document.get("updated_at")) == row["updated_at"]
                    if members is not None and same:
                        row["sets"][one.name] = members
        if all(one.name in row["sets"] for one in resource.sets):
            row[KNOWN] = True
