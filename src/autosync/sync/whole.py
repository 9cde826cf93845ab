"""Nodes of GraphQL made whole before they become rows: lists inside them are read to their end."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from autosync.github import InstallationClient
from autosync.mirror.upsert import Row
from autosync.resources.base import Resource
from autosync.resources.graphql import LISTS
from autosync.resources.payload import IncompletePayload

logger = logging.getLogger(__name__)


def whole_rows(
    resource: Resource,
    client: InstallationClient,
    nodes: Iterable[dict[str, Any] | None],
    repository_id: int | None = None,
) -> list[Row]:
    """The rows of `nodes`, without those that are null or that GitHub did not identify.

    Without `repository_id` each node tells its own. A list inside a node that has a next page is
    read on, at a point a page: a short list never replaces a long one.
    """
    assert resource.listing is not None
    rows = []
    for node in nodes:
        home = repository_id or ((node or {}).get("repository") or {}).get("databaseId")
        if not node or not home:
            continue
        _complete(resource, client, node)
        try:
            rows.append(resource.listing.normalise(node, home))
        except IncompletePayload as error:
            logger.warning("one %s of repository %d is left out: %s", resource.name, home, error)
    return rows


def _complete(resource: Resource, client: InstallationClient, node: dict[str, Any]) -> None:
    for name, (field, fields) in LISTS.items():
        page = node.get(name) or {}
        items = list(page.get("nodes") or ())
        while after := _next(page):
            query = (
                "query($id: ID!, $after: String) { node(id: $id) { ... on "
                f"{resource.graphql_type} {{ {field}(first: 100, after: $after) {{ "
                f"pageInfo {{ hasNextPage endCursor }} nodes {{ {fields} }} }} }} }} }}"
            )
            answer = client.graphql(query, {"id": node["id"], "after": after}).data
            # Deleted meanwhile: what was read is the last that is known of it.
            page = (answer.get("node") or {}).get(name) or {}
            items += page.get("nodes") or ()
        if items:
            node[name] = {"nodes": items}


def _next(page: dict[str, Any]) -> str | None:
    """Where the next page begins; None after the last."""
    info = page.get("pageInfo") or {}
    return info.get("endCursor") if info.get("hasNextPage") else None
