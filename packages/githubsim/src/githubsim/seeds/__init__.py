"""What a new world has around its code, issues and pull requests.

Each kind draws its own random numbers from the world's seed, so that one more kind changes nothing
of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from githubsim.gitrepos import GitRepos
from githubsim.seeds import community, history, releases, reviews, unusual
from githubsim.store import Repository, Store

if TYPE_CHECKING:
    from githubsim.world import People


__all__ = ["around", "community"]


def around(
    store: Store, git: GitRepos, repository: Repository, people: People, number: int, until: int
) -> None:
    """All of it for one repository; `number` is the world's seed."""
    unusual.seed(store, repository, number)
    reviews.seed(store, git, repository, people, number)
    releases.seed(store, git, repository, people, number, until)
    history.seed(store, repository, people, number, until)
