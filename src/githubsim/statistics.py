"""Who committed how much in which week, as the statistics of a repository count it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from githubsim.gitrepos import GitRepos

WEEK = 7 * 86_400
DAY = 86_400
# Beyond this many commits GitHub counts no lines any more.
MOST_COUNTED = 10_000
# The epoch was a Thursday, GitHub's weeks begin on Sunday.
_SUNDAY = 3 * 86_400


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit that is no merge: who, when (epoch seconds; `local` by their own clock), lines."""

    email: str
    at: int
    local: int
    additions: int
    deletions: int


def week_of(at: int) -> int:
    """The Sunday on which the week of a time began, at 0:00 UTC."""
    return (at - _SUNDAY) // WEEK * WEEK + _SUNDAY


@lru_cache(maxsize=64)
def entries(git: GitRepos, repository_id: int, head: str) -> Sequence[Entry]:
    """The commits reachable from `head`, merges left out, newest first."""
    counted = git.count(repository_id, head) <= MOST_COUNTED
    flags = ["--numstat"] if counted else []
    said = git.try_run(
        ["log", "--no-merges", "--format=%x00%ae%x09%at%x09%aI", *flags, head, "--"],
        git.path(repository_id),
    )
    found = []
    for block in said.split("\0")[1:]:
        first, *lines = block.strip("\n").split("\n")
        email, at, local = first.split("\t")
        numbers = [line.split("\t") for line in lines if "\t" in line]
        found.append(
            Entry(
                email,
                int(at),
                int(at) + _offset(local),
                sum(int(one[0]) for one in numbers if one[0].isdigit()),
                sum(int(one[1]) for one in numbers if one[1].isdigit()),
            )
        )
    return tuple(found)


def _offset(local: str) -> int:
    """The seconds by which a time with a zone is ahead of UTC; git writes `Z` or `+hh:mm`."""
    if local.endswith("Z"):
        return 0
    sign = -1 if local[-6] == "-" else 1
    return sign * (int(local[-5:-3]) * 3600 + int(local[-2:]) * 60)
