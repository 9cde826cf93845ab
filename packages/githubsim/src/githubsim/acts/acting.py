"""What every act needs: the world, somebody to do it, and something lately created to do it to."""

from __future__ import annotations

import random

from githubsim.gitrepos import GitRepos
from githubsim.store import Account, Issue, Pull, Repository, Store
from githubsim.world import People, people_of


class Acting:
    """Somebody of the world who does one thing at a time."""

    def __init__(self, store: Store, git: GitRepos, rng: random.Random) -> None:
        self._store = store
        self._git = git
        self._rng = rng
        self._people: People = people_of(store)

    def _somebody(self, *, but: int | None = None) -> Account:
        return self._rng.choice([one for one in self._people.users if one.id != but])

    def _some_open(self, repository: Repository, *, pulls: bool | None = False) -> Issue | None:
        """An open issue among the lately created, a pull request, or (None) either."""
        kind = {True: "AND pull_id IS NOT NULL", False: "AND pull_id IS NULL", None: ""}[pulls]
        found = self._store.rows(
            Issue,
            f"WHERE repository_id = ? AND state = 'open' {kind} ORDER BY id DESC LIMIT 30",
            (repository.id,),
        )
        return self._rng.choice(found) if found else None

    def _some_pull(self, repository: Repository) -> Pull | None:
        issue = self._some_open(repository, pulls=True)
        return None if issue is None else self._store.pull_of(issue)
