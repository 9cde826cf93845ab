"""The judge: what GitHub has, what the mirror has, and what differs. None of it is our own reading.

Both sides give table → key → the fields of a row, for every row and field that is GitHub's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from gidgethub import BadRequest

from githubsim.testing import Sim
from tests.chaos.here import Query, Rows, children, mirror
from tests.chaos.there import forget_tokens, github


class Difference(NamedTuple):
    """In which repository (0: in none), and what."""

    repository_id: int
    what: str

    def __str__(self) -> str:
        return f"repository {self.repository_id}: {self.what}"

    @property
    def table(self) -> str:
        """In which table."""
        return self.what.partition(" ")[0]


# No webhook is sent when these move with a push: the next listing of the repositories tells.
LISTED = frozenset({("repositories", "pushed_at"), ("repositories", "updated_at")})
# What GitHub does not say of a commit whose changes it cannot count.
_SIZES = frozenset({"additions", "deletions", "changed_files"})


def differences(
    sim: Sim,
    query: Query,
    only: Collection[int] | None = None,
    but: Collection[tuple[str, str]] = (),
    uncountable: Collection[str] = (),
    without: Collection[str] = (),
    inside: Collection[str] | None = None,
) -> list[Difference]:
    """Every field of every row that is not as GitHub has it; empty: equal. Not of tables `without`.

    `only` looks at these repositories (ids) alone; `but` are (table, field) not to be compared. The
    sizes of commits that are `uncountable` (SHAs) may be unknown. Of what belongs to repositories,
    issues and pull requests only the tables `inside` are looked at, or all: each costs requests.
    """
    ours_too = {
        table: rows
        for table, rows in children(query).items()
        if table not in without and (inside is None or table in inside)
    }
    there = _patiently(lambda: github(sim, only, ours_too))
    here = mirror(query) | ours_too
    found: list[Difference] = []
    for table in there.keys() - set(without):
        for key in sorted(there[table].keys() | here[table].keys(), key=str):
            theirs, ours = there[table].get(key), here[table].get(key)
            repository_id = _repository_of(table, key, theirs or ours or {})
            if only is not None and repository_id not in only:
                continue
            if theirs is None or ours is None:
                what = [f"{table} {key}: {'only here' if theirs is None else 'missing'}"]
            else:
                what = [
                    f"{table} {key}: {name} is {ours[name]!r}, on GitHub {theirs[name]!r}"
                    for name in theirs
                    if name in ours
                    and theirs[name] != ours[name]
                    and (table, name) not in but
                    and not (
                        table == "commits"
                        and name in _SIZES
                        and ours[name] is None
                        and key[1] in uncountable
                    )
                ]
            found += [Difference(repository_id, one) for one in what]
    return found


class Watch:
    """Looks until nothing differs: at what differed again and again; once it does not, everything
    once more. A whole look takes a request or more for each issue and pull request.
    """

    def __init__(
        self,
        sim: Sim,
        query: Query,
        uncountable: Collection[str] = (),
        without: Collection[str] = (),
    ) -> None:
        self._sim = sim
        self._query = query
        self._uncountable = uncountable
        self._without = without
        self._only: set[int] | None = None
        # The first look is at what costs least.
        self._inside: set[str] | None = set()

    def look(self) -> list[Difference]:
        """What differs, of what differed before; empty: nothing at all."""
        while True:
            left = differences(
                self._sim,
                self._query,
                self._only,
                uncountable=self._uncountable,
                without=self._without,
                inside=self._inside,
            )
            whole = self._only is None and self._inside is None
            self._only = {one.repository_id for one in left} or None
            self._inside = {one.table for one in left} or None
            if left or whole:
                return left

    def equal(self) -> bool:
        """Whether nothing at all differs."""
        return not self.look()


def _patiently(read: Callable[[], dict[str, Rows]]) -> dict[str, Rows]:
    """Again with new tokens, or in a while where GitHub's limit per minute refuses."""
    while True:
        try:
            return read()
        except BadRequest as error:
            if error.status_code == HTTPStatus.UNAUTHORIZED:
                forget_tokens()
            elif "secondary rate limit" in str(error):
                time.sleep(10)
            else:
                raise


def _repository_of(table: str, key: Any, row: Mapping[str, Any]) -> int:
    if table == "installations":
        return 0
    if table == "repositories":
        return int(key)
    return int(key[0] if isinstance(key, tuple) else row["repository_id"])
