"""Parents that say how many belong to them: those whose number is another than that of the rows."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from autosync.kinds._events import Resource
from autosync.mirror.models import Repository

# The lists of so many are read one by one; of more, the list of the whole repository.
MOST = 20


def differing(
    resource: Resource, repository: Repository, since: datetime | None = None
) -> list[int]:
    """The numbers of such parents; of those seen `since` then, or of all. No request."""
    under = resource.under
    if under is None or not under.counted:
        return []
    found: list[int] = []
    with connection.cursor() as cursor:
        for parents in under.parents:
            cursor.execute(
                f"SELECT p.number FROM {parents.table} p "  # noqa: S608 (our own names)
                "WHERE p.repository_id = %(home)s AND p.deleted_at IS NULL "
                "AND (%(since)s::timestamptz IS NULL OR p.observed_at >= %(since)s) "
                f"AND p.{under.counted} <> (SELECT count(*) FROM {resource.merge.table} t "
                f"WHERE t.repository_id = p.repository_id AND t.{under.column} = p.number "
                "AND t.deleted_at IS NULL)",
                {"home": repository.pk, "since": since},
            )
            found += [number for (number,) in cursor.fetchall()]
    return sorted(found)
