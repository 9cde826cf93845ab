"""The queries and answers of lists: what a client may send, and a page as it gets it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from ninja import Schema
from ninja.errors import HttpError
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from autosync import moments
from autosync.insight import keyset

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
                f"no parameter {unknown[0]!r} here; allowed: {', '.join(cls.model_fields)}"
            )
        return data


class PageQuery(StrictQuery):
    """What every list takes."""

    cursor: Text | None = Field(None, description="`next` of the page before; none: first page")
    limit: int = Field(30, ge=1, le=100, description="items on the page")
    with_total: bool = Field(
        False, description="count all matching rows too (slow on millions; off by default)"
    )


class Page(Schema, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: str | None = Field(None, description="`cursor` of the next page; null: this is the last")
    total: int | None = Field(None, description="all matching rows, if `with_total` was asked for")


def page(
    rows: QuerySet[Row],
    query: PageQuery,
    order: str,
    show: Callable[[Row], Item],
) -> dict[str, Any]:
    """One page of `rows` in `order`, as `Page`; HttpError 422 for a cursor that is not of it."""
    try:
        found = keyset.page(rows, order, cursor=query.cursor, limit=query.limit)
    except keyset.WrongCursor as error:
        raise HttpError(422, str(error)) from None
    total = rows.order_by().count() if query.with_total else None
    return {"items": [show(row) for row in found.rows], "next": found.next, "total": total}
