"""Counting again what pages show as counted."""

from __future__ import annotations

from django.db import connection


def recount(repository_id: int) -> list[tuple[str, int, int]]:
    """Count a repository's rows and correct its tallies: (sort, kept, found) of the wrong ones.

    Right also while others write: rows and tallies are compared in one snapshot, and what differs
    is added to the tally.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT counted, kept, found FROM autosync_recount(%s)", [repository_id])
        return list(cursor.fetchall())
