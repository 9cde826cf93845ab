"""Keyset pages: any page of a list of millions costs what the first one costs."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Field as ModelField
from django.db.models import Model, Q, QuerySet

from autosync.errors import AutoSyncError

Row = TypeVar("Row", bound=Model)


class WrongCursor(AutoSyncError):
    """A cursor that is not of this list and order."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list; `next` is the cursor of the page after them, None after the last."""

    rows: list[Row]
    next: str | None


def page(rows: QuerySet[Row], order: str, *, cursor: str | None, limit: int) -> Page[Row]:
    """One page of `rows` by the field `order` (`-` in front: descending), ties by primary key.

    PostgreSQL's order of nulls is kept (the largest value), so that an index on the field serves
    both directions. Raises WrongCursor for a cursor that is not of this list and order.
    """
    name, descending = order.lstrip("-"), order.startswith("-")
    sign = "-" if descending else ""
    field = _field(rows.model, name)
    ordered = rows.order_by(f"{sign}{field.attname}", f"{sign}pk")
    found: list[Row] = []
    for part in _after(ordered, field, descending, cursor, order):
        found.extend(part[: limit + 1 - len(found)])
        if len(found) > limit:
            break
    shown = found[:limit]
    following = None
    if len(found) > limit:
        following = _encode(order, getattr(shown[-1], field.attname), shown[-1].pk)
    return Page(shown, following)


def _field(model: type[Model], name: str) -> ModelField[Any, Any]:
    # GitHub's ids are primary keys under other names; a list's users know them as `id`.
    field = model._meta.pk if name in ("id", "pk") else model._meta.get_field(name)
    assert isinstance(field, ModelField)
    return field


def _after(
    ordered: QuerySet[Row],
    field: ModelField[Any, Any],
    descending: bool,
    cursor: str | None,
    order: str,
) -> Sequence[QuerySet[Row]]:
    """The rows after the cursor, as queries to run one after the other.

    Nulls get a query of their own: one condition for both would make PostgreSQL read the index
    from its start.
    """
    if cursor is None:
        return [ordered]
    value, key = _decode(cursor, order, field, _field(ordered.model, "pk"))
    name, beyond = field.attname, "lt" if descending else "gt"
    later_key = Q(**{f"pk__{beyond}": key})
    nulls = Q(**{f"{name}__isnull": True})
    if value is None:
        rest = [ordered.filter(nulls, later_key)]
        return [*rest, ordered.filter(~nulls)] if descending else rest
    # `<=` alone bounds the index scan; the second condition settles ties.
    rest = [
        ordered.filter(
            Q(**{f"{name}__{beyond}e": value}), Q(**{f"{name}__{beyond}": value}) | later_key
        )
    ]
    return rest if descending or not field.null else [*rest, ordered.filter(nulls)]


def _encode(order: str, value: Any, key: Any) -> str:
    if isinstance(value, datetime):
        value = value.isoformat()
    text = json.dumps([order, value, key], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(
    cursor: str, order: str, field: ModelField[Any, Any], key_field: ModelField[Any, Any]
) -> tuple[Any, Any]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        made_for, value, key = json.loads(text)
        if made_for == order:
            if "\x00" in str(value) or key is None or (value is None and not field.null):
                raise ValueError
            return field.to_python(value), key_field.to_python(key)
    except (ValueError, TypeError, OverflowError, ValidationError, RecursionError):
        raise WrongCursor(
            "cursor: not valid. Send `next` of the previous page, or leave it out."
        ) from None
    raise WrongCursor(
        f"cursor: made for order={made_for!s:.50}, not {order}. Start without a cursor."
    )
