"""Simulated people: they push, open, discuss, review, release, label and star at a human pace."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

from githubsim.acts.coding import Coding
from githubsim.acts.keeping import Keeping
from githubsim.acts.sorting import Sorting
from githubsim.acts.talking import Talking
from githubsim.gitrepos import GitError, GitRepos
from githubsim.store import Repository, Store

logger = logging.getLogger(__name__)


def run(
    store: Store, git: GitRepos, *, per_minute: float, stop: threading.Event, seed: int
) -> None:
    """Act until `stop`: about `per_minute` actions a minute, each with its webhooks."""
    rng = random.Random(seed)
    person = Person(store, git, rng)
    while not stop.wait(rng.expovariate(per_minute / 60)):
        try:
            person.act()
        except (GitError, KeyError, ValueError) as error:
            logger.info("an action did not work out: %s", error)


class Person(Coding, Talking, Sorting, Keeping):
    """Somebody of the world who does one thing at a time."""

    def acts(self) -> list[tuple[float, Callable[[Repository], None]]]:
        """What there is to do, each with its weight."""
        return [
            (30, self.push),
            (14, self.comment),
            (11, self.open_issue),
            (8, self.review),
            (7, self.close),
            (6, self.open_pull),
            (6, self.label),
            (5, self.remark),
            (4, self.merge),
            (4, self.star),
            (3, self.request),
            (3, self.resolve),
            (2, self.edit_comment),
            (2, self.assign),
            (1.5, self.milestone),
            (1, self.split),
            (1, self.block),
            (1, self.release),
            (0.7, self.edit_community),
            (0.5, self.tag),
            (1, self.change_remark),
            (1, self.comment_commit),
            (0.6, self.download),
            (0.5, self.watch),
            (0.5, self.delete_comment),
            (0.3, self.change_label),
            (0.1, self.delete_release),
            (0.05, self.fork),
        ]

    def act(self) -> None:
        """One action on a repository that has commits."""
        repositories = [
            r for r in self._store.repositories() if not r.archived and self._git.branches(r.id)
        ]
        if not repositories:
            return
        repository = repositories[min(int(self._rng.expovariate(0.3)), len(repositories) - 1)]
        weights, acts = zip(*self.acts(), strict=True)
        self._rng.choices(acts, weights)[0](repository)
