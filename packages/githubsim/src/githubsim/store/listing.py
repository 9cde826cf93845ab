"""Lists of issues and pull requests: which ones, in which order, and which page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_ORDERS = ("created_at", "updated_at", "comments", "number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Issues and/or pull requests of a repository, one page.

    `pulls` None lists both, True only pull requests, False only issues; `state` is `open`, `closed`
    or None; `order` one of created_at, updated_at, comments, number (ValueError otherwise); `after`
    is the (order's value, id) of the last row of the page before; `where` is more SQL with
    `values`.
    """

    pulls: bool | None = None
    state: str | None = None
    since: int | None = None
    order: str = "created_at"
    descending: bool = False
    after: tuple[int, int] | None = None
    limit: int = 100
    offset: int = 0
    where: str = ""
    values: Sequence[Any] = ()

    def __post_init__(self) -> None:
        if self.order not in _ORDERS:
            raise ValueError(self.order)

    def page(self, repository_id: int) -> tuple[str, list[Any]]:
        """SQL from WHERE on, and its values."""
        sql, args = self.all(repository_id)
        direction, beyond = ("DESC", "<") if self.descending else ("ASC", ">")
        if self.after is not None:
            sql += f" AND ({self.order}, id) {beyond} (?, ?)"
            args += self.after
        sql += f" ORDER BY {self.order} {direction}, id {direction} LIMIT ? OFFSET ?"
        return sql, [*args, self.limit, self.offset]

    def all(self, repository_id: int) -> tuple[str, list[Any]]:
        """The same for all pages."""
        sql = "WHERE repository_id = ?"
        args: list[Any] = [repository_id]
        if self.pulls is not None:
            sql += f" AND pull_id IS {'NOT ' if self.pulls else ''}NULL"
        if self.state is not None:
            sql += " AND state = ?"
            args.append(self.state)
        if self.since is not None:
            sql += " AND updated_at >= ?"
            args.append(self.since)
        if self.where:
            sql += f" AND ({self.where})"
            args.extend(self.values)
        return sql, args
