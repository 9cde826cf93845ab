"""Labels and milestones that objects carry and their repository no longer has.

Renaming one moves no clock; where the event about it was never sent, only this shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from autosync.kinds._events import Resource
from autosync.mirror.models import Repository

# What objects carry of them: kind → fields of GraphQL's, beside the id.
CARRIED = {"label": "name color", "milestone": "number title"}


@dataclass
class Names:
    """A repository's labels as (node id, name, color), its milestones as (number, title)."""

    labels: set[tuple[str, str, str]] = field(default_factory=set)
    milestones: set[tuple[int, str]] = field(default_factory=set)


def names_of(lists: Mapping[str, Sequence[Mapping[str, Any]]]) -> Names | None:
    """The names in GitHub's lists of a repository, by kind; None where GitHub showed but a part of
    them, which would make the others look renamed.
    """
    if not CARRIED.keys() <= lists.keys():
        return None
    return Names(
        {(one["id"], one["name"], one["color"]) for one in lists["label"]},
        {(one["number"], one["title"]) for one in lists["milestone"]},
    )


def carriers_of_others(
    resource: Resource, repository: Repository, names: Names
) -> list[tuple[int, str]]:
    """Rows (key, node id) that carry a label or a milestone which the repository does not have.

    A label is known by its node id, a milestone by its number, where the row has it: another may
    have taken its old name.
    """
    if not {"labels", "milestone"} <= set(resource.merge.columns):
        return []
    key = resource.merge.key[0]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {key}, node_id FROM {resource.merge.table} one "  # noqa: S608 (our own names)
            "WHERE repository_id = %s AND deleted_at IS NULL AND node_id <> '' AND ("
            "(milestone <> '' AND NOT EXISTS ("
            "SELECT FROM unnest(%s::integer[], %s::text[]) AS t(number, title) "
            "WHERE title = milestone AND t.number = coalesce(milestone_number, t.number))) "
            "OR EXISTS ("
            "SELECT FROM jsonb_to_recordset(one.labels) AS l(name text, color text, node_id text) "
            "WHERE NOT EXISTS (SELECT FROM unnest(%s::text[], %s::text[], %s::text[]) "
            "AS t(node_id, name, color) WHERE t.name = l.name AND t.color = l.color "
            "AND t.node_id = coalesce(nullif(l.node_id, ''), t.node_id))))",
            [
                repository.pk,
                *([one[part] for one in names.milestones] for part in range(2)),
                *([one[part] for one in names.labels] for part in range(3)),
            ],
        )
        return [(int(row[0]), str(row[1])) for row in cursor.fetchall()]
