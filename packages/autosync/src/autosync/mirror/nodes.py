"""Rows by node id, where a way of GitHub gives no number; other forms of a node id are aliases.

GitHub is changing the form of its node ids, and shows one object with either:
https://docs.github.com/graphql/guides/migrating-graphql-global-node-ids
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection

from autosync.mirror.merge import Key, Merge, Row
from autosync.mirror.stage import source


def keys_of(merge: Merge, node_ids: Iterable[str]) -> dict[str, Key]:
    """The keys of the rows with these node ids, in whichever form; unknown ones are left out."""
    wanted = [node_id for node_id in node_ids if node_id]
    if not wanted:
        return {}
    keys = ", ".join(f"t.{name}" for name in merge.key)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT a.node_id, {keys} FROM node_aliases a "  # noqa: S608 (names are ours)
            f"JOIN {merge.table} t ON t.{_primary(merge)} = a.row_id "
            "WHERE a.table_name = %(table)s AND a.node_id = ANY(%(wanted)s) UNION ALL "
            f"SELECT t.node_id, {keys} FROM {merge.table} t WHERE t.node_id = ANY(%(wanted)s)",
            {"table": merge.table, "wanted": wanted},
        )
        return {row[0]: tuple(row[1:]) for row in cursor.fetchall()}


def keyed(merge: Merge, rows: Iterable[Row]) -> tuple[list[Row], list[Row]]:
    """`rows` with the keys of the rows that their node ids are known for; and those without.

    For a merge by number that is a row without its number, for one by node id no row at all: there
    another form of an id is replaced by the one that the row has.
    """
    found = list(rows)
    by_node = merge.key == ("node_id",)
    asked = [row for row in found if by_node or any(name not in row for name in merge.key)]
    known = keys_of(merge, [row.get("node_id", "") for row in asked])
    with_key: list[Row] = []
    without: list[Row] = []
    for row in found:
        if key := known.get(row.get("node_id", "")):
            row = {**row, **dict(zip(merge.key, key, strict=True))}
        complete = all(name in row for name in merge.key)
        (with_key if complete else without).append(row)
    return with_key, without


def learn(merge: Merge, forms: Mapping[str, str]) -> None:
    """Another form → the node id that a row is known by, in whichever form."""
    wanted = sorted((form, node_id) for form, node_id in forms.items() if form and form != node_id)
    if not wanted:
        return
    rows = {**keys_of(merge, [node_id for _, node_id in wanted])}
    primary = _primary(merge)
    match = " AND ".join(f"t.{name} = %s" for name in merge.key)
    with connection.cursor() as cursor:
        for form, node_id in wanted:
            if node_id in rows:
                cursor.execute(
                    "INSERT INTO node_aliases (table_name, node_id, row_id) "  # noqa: S608
                    f"SELECT %s, %s, t.{primary} FROM {merge.table} t "
                    f"WHERE {match} AND t.node_id <> %s ON CONFLICT DO NOTHING",
                    [merge.table, form, *rows[node_id], form],
                )


def keep_forms(merge: Merge, staged: Mapping[str, Any]) -> None:
    """Of the rows staged and merged just now: a node id that the row does not have is an alias."""
    match = " AND ".join(f"s.{name} = t.{name}" for name in merge.key)
    rows = source(merge, tuple(dict.fromkeys((*merge.key, "node_id"))))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO node_aliases (table_name, node_id, row_id) "  # noqa: S608 (names are ours)
            f"SELECT DISTINCT %(table)s, s.node_id, t.{_primary(merge)} FROM {rows} "
            f"JOIN {merge.table} t ON {match} WHERE s.node_id <> '' AND s.node_id <> t.node_id "
            "ORDER BY s.node_id ON CONFLICT DO NOTHING",
            {**staged, "table": merge.table},
        )


def _primary(merge: Merge) -> str:
    primary = merge.model._meta.pk
    assert primary is not None
    return primary.column
