"""Keyset pages: any page of a list of millions costs what the first one costs."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Field as ModelField
from django.db.models import Model, Q, QuerySet
from ninja import Schema
from ninja.errors import HttpError
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from autosync import moments

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")


def _no_nul(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain a NUL character")
    return value


def _written(value: object) -> object:
    """What pydantic would refuse and a calendar knows: the year 10000, a zone of a day."""
    return moments.moment(value) or value if isinstance(value, str) else value


Text = Annotated[str, Field(max_length=500), AfterValidator(_no_nul)]
Moment = Annotated[datetime, BeforeValidator(_written), AfterValidator(moments.clamp)]
"""ISO 8601, or a date; UTC if it says no offset. Clamped to the years 1 to 9999."""


class StrictQuery(Schema):
    """Query parameters; an unknown one is an error, for it would else be a filter not applied."""

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any, info: ValidationInfo) -> Any:
        # Ninja hands over only the fields it knows; the request shows what was sent.
        sent = info.context["request"].GET if info.context else {}
        unknown = [name for name in sent if name not in cls.model_fields]
        if unknown:
            raise ValueError(
                f"unknown parameter {unknown[0]!r}; allowed: {', '.join(cls.model_fields)}"
            )
        return data


class PageQuery(StrictQuery):
    """What every list takes."""

    cursor: Text | None = Field(
        None, description="`next` of the previous page; without it: the first page"
    )
    limit: int = Field(30, ge=1, le=100, description="items on the page")
    with_total: bool = Field(
        False, description="count all matching rows too (slow on millions; off by default)"
    )


class Page(Schema, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: str | None = Field(None, description="`cursor` of the next page; null on the last one")
    total: int | None = Field(None, description="number of matching rows, if `with_total` is set")


def page(
    rows: QuerySet[Row],
    query: PageQuery,
    order: str,
    show: Callable[[Row], Item],
) -> dict[str, Any]:
    """One page of `rows` by the field `order` (`-` in front: descending), ties by primary key.

    PostgreSQL's order of nulls is kept (the largest value), so that an index on the field serves
    both directions. Raises HttpError 422 for a cursor that is not of this list and order.
    """
    name, descending = order.lstrip("-"), order.startswith("-")
    sign = "-" if descending else ""
    field = _field(rows.model, name)
    ordered = rows.order_by(f"{sign}{field.attname}", f"{sign}pk")
    found: list[Row] = []
    for part in _after(ordered, field, descending, query.cursor, order):
        found.extend(part[: query.limit + 1 - len(found)])
        if len(found) > query.limit:
            break
    shown = found[: query.limit]
    following = None
    if len(found) > query.limit:
        following = _encode(order, getattr(shown[-1], field.attname), shown[-1].pk)
    total = rows.order_by().count() if query.with_total else None
    return {"items": [show(row) for row in shown], "next": following, "total": total}


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
        raise HttpError(
            422, "cursor: not valid. Send `next` of the previous page, or leave it out."
        ) from None
    raise HttpError(
        422, f"cursor: made for order={made_for!s:.50}, not {order}. Start without a cursor."
    )
