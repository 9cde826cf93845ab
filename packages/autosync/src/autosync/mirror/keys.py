"""Rows by their whole keys, which may be one column or several, numbers or texts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from autosync.mirror.merge import Key, Merge
from autosync.mirror.tombstones import among


def rows_of(merge: Merge, keys: Iterable[Key]) -> QuerySet[Any]:
    """The rows that have these keys."""
    chosen = list(keys)
    rows = merge.model._default_manager
    if not chosen:
        return rows.none()
    if len(merge.key) == 1:
        return rows.filter(**{f"{merge.key[0]}__in": [key for (key,) in chosen]})
    primary = merge.model._meta.pk
    values: dict[str, Any] = {}
    where = among(merge, "t", chosen, values)
    sql = f"SELECT t.{primary.column} FROM {merge.table} t WHERE {where}"  # noqa: S608 (our names)
    for name in values:  # Django takes parameters in order only
        sql = sql.replace(f"%({name})s", "%s")
    return rows.filter(pk__in=RawSQL(sql, list(values.values())))


def written(key: Key) -> str:
    """A key as one text: the id, or of several columns a list."""
    return str(key[0]) if len(key) == 1 else json.dumps(key, separators=(",", ":"))


def read(merge: Merge, text: str) -> Key:
    """The key that was `written`."""
    if len(merge.key) > 1:
        return tuple(json.loads(text))
    return (merge.fields[merge.key[0]].to_python(text),)
