"""Who committed how much in which week, as the statistics of a repository count it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from githubsim.gitrepos import GitRepos

WEEK = 7 * 86_400
DAY = 86_400
# Beyond this many commits GitHub counts no lines any more.
MOST_COUNTED = 10_000
# The epoch was a Thursday, GitHub's weeks begin on Sunday.
_SUNDAY = 3 * 86_400


@dataclass(slots=True)
class Sum:
    """Commits, and the lines they added and deleted."""

    commits: int = 0
    additions: int = 0
    deletions: int = 0

    def add(self, other: Sum) -> None:
        self.commits += other.commits
        self.additions += other.additions
        self.deletions += other.deletions


@dataclass(frozen=True, slots=True)
class Statistics:
    """Sums of all commits but merges: by author's email and week, commits by day, and by hour of
    the week on the author's own clock. Its size does not grow with the commits.
    """

    by_author: Mapping[tuple[str, int], Sum]
    by_day: Mapping[int, int]
    by_hour: Mapping[int, int]

    @property
    def commits(self) -> int:
        return sum(self.by_day.values())

    @property
    def weeks(self) -> range:
        """All weeks from the first commit to the last."""
        if not self.by_day:
            return range(0)
        return range(week_of(min(self.by_day)), week_of(max(self.by_day)) + 1, WEEK)


NOTHING = Statistics({}, {}, {})


def week_of(at: int) -> int:
    """The Sunday on which the week of a time began, at 0:00 UTC."""
    return (at - _SUNDAY) // WEEK * WEEK + _SUNDAY


@lru_cache(maxsize=64)
def statistics(git: GitRepos, repository_id: int, head: str) -> Statistics:
    """The sums of the commits reachable from `head`."""
    counted = git.count(repository_id, head) <= MOST_COUNTED
    flags = ["--numstat"] if counted else []
    said = git.try_run(
        ["log", "--no-merges", "--format=%x00%ae%x09%at%x09%aI", *flags, head, "--"],
        git.path(repository_id),
    )
    by_author: dict[tuple[str, int], Sum] = {}
    by_day: Counter[int] = Counter()
    by_hour: Counter[int] = Counter()
    for block in said.split("\0")[1:]:
        first, *lines = block.strip("\n").split("\n")
        email, text, local = first.split("\t")
        at = int(text)
        numbers = [line.split("\t") for line in lines if "\t" in line]
        one = Sum(
            1,
            sum(int(number[0]) for number in numbers if number[0].isdigit()),
            sum(int(number[1]) for number in numbers if number[1].isdigit()),
        )
        by_author.setdefault((email, week_of(at)), Sum()).add(one)
        by_day[at // DAY * DAY] += 1
        here = at + _offset(local)
        by_hour[(here - week_of(here)) // 3600] += 1
    return Statistics(by_author, by_day, by_hour)


def _offset(local: str) -> int:
    """The seconds by which a time with a zone is ahead of UTC; git writes `Z` or `+hh:mm`."""
    if local.endswith("Z"):
        return 0
    sign = -1 if local[-6] == "-" else 1
    return sign * (int(local[-5:-3]) * 3600 + int(local[-2:]) * 60)
