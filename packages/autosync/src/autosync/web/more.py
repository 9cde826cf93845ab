"""What a list on a repository's page shows beside the columns of its rows: what rides in them, and
how much of what belongs to them is done. Both are asked for once a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.db.models import Count

from autosync.kinds import KINDS, Derived
from autosync.kinds._kind import Inside
from autosync.web.tabs import Tab

# A release may have a thousand files.
MOST: Final = 1_000


def add_to(tab: Tab, repository_id: int, rows: Sequence[Any]) -> None:
    """Give each row `inside` and `progress`, where the kind has such."""
    if not rows or not tab.kind:
        return
    for kind in KINDS.values():
        read = kind.declared.read
        if isinstance(read, Inside) and read.of == tab.kind:
            _inside(kind, read.link, rows)
    column = f"{tab.kind}_number"
    carriers = list(_with(column, "state"))
    if carriers and hasattr(rows[0], "number"):
        _progress(carriers, column, repository_id, rows)


def _inside(kind: Derived, link: str, rows: Sequence[Any]) -> None:
    found: dict[int, list[Any]] = {}
    told = kind.model.live.filter(**{f"{link}__in": [row.pk for row in rows]})
    for one in told.order_by(link, "pk")[:MOST]:
        found.setdefault(getattr(one, link), []).append(one)
    for row in rows:
        row.inside = found.get(row.pk, [])


def _with(*columns: str) -> Iterator[Derived]:
    for kind in KINDS.values():
        if set(columns) <= {one.name for one in kind.columns}:
            yield kind


def _progress(
    carriers: Sequence[Derived], column: str, repository_id: int, rows: Sequence[Any]
) -> None:
    """How many that have the number of the row are open, and how many are closed."""
    numbers = [row.number for row in rows]
    counts: dict[tuple[int, str], int] = {}
    for kind in carriers:
        told = kind.model.live.filter(repository_id=repository_id, **{f"{column}__in": numbers})
        grouped = told.values_list(column, "state").order_by().annotate(count=Count("pk"))
        for number, state, count in grouped:
            counts[number, state] = counts.get((number, state), 0) + count
    for row in rows:
        still = counts.get((row.number, "open"), 0)
        done = counts.get((row.number, "closed"), 0)
        row.progress = {"open": still, "closed": done, "all": still + done}
