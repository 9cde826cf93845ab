"""Rows whose parents have changed since they were seen: what changed these may have changed them,
and moved none of their clocks. A push makes remarks on lines outdated.
"""

from __future__ import annotations

from django.db import connection

from autosync.kinds._events import Resource
from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.models import Repository


def seen_before(resource: Resource, repository: Repository) -> dict[str, int]:
    """Node id → key of those. One that was seen shortly after its parent changed is among them, for
    what was seen then may be from before; once asked for it is not. No request.
    """
    under = resource.under
    if under is None or not under.moves_with:
        return {}
    found: dict[str, int] = {}
    key = resource.merge.key[0]
    with connection.cursor() as cursor:
        for parents in under.parents:
            on = " AND ".join(f"t.{ours} = p.{theirs}" for ours, theirs in under.link.items())
            cursor.execute(
                f"SELECT t.node_id, t.{key} FROM {resource.merge.table} t "  # noqa: S608 (our names)
                f"JOIN {parents.table} p ON {on} "
                "WHERE t.repository_id = %s AND t.deleted_at IS NULL AND p.deleted_at IS NULL "
                "AND t.node_id <> '' AND t.observed_at < p.observed_at + %s * interval '1 second' "
                f"ORDER BY t.{key}",
                [repository.pk, IN_FLIGHT.total_seconds()],
            )
            found |= dict(cursor.fetchall())
    return found
