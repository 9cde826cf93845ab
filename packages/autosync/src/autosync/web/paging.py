"""Pages of long lists: keyset pages behind a link to what is older."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest

from autosync.insight import keyset

Row = TypeVar("Row", bound=Model)
LENGTH = 30


@dataclass(frozen=True, slots=True)
class ListPage(Generic[Row]):
    """One page; `older` and `first` are query strings, empty where there is no such page."""

    rows: list[Row]
    older: str
    first: str


def of(
    rows: QuerySet[Row], request: HttpRequest, order: str, length: int = LENGTH
) -> ListPage[Row]:
    """The page that `?cursor=` asks for, in `order`; Http404 for a cursor not made by us."""
    cursor = request.GET.get("cursor") or None
    try:
        found = keyset.page(rows, order, cursor=cursor, limit=length)
    except keyset.WrongCursor as error:
        raise Http404(str(error)) from None
    return ListPage(
        found.rows,
        _link(request, found.next) if found.next else "",
        _link(request, None) if cursor else "",
    )


def search(request: HttpRequest) -> str:
    """What was typed into the page's search box."""
    # PostgreSQL stores no NUL, and would refuse the whole query.
    return request.GET.get("q", "").strip().replace("\x00", "")[:200]


def _link(request: HttpRequest, cursor: str | None) -> str:
    query = request.GET.copy()
    query.pop("cursor", None)
    if cursor:
        query["cursor"] = cursor
    return f"?{query.urlencode()}"
