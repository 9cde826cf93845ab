"""Simulated people: they push, open, discuss, label, close and merge at a human pace."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

from githubsim import words
from githubsim.gitrepos import GitError, GitRepos
from githubsim.pushes import NewCommit, merge_pull, pull_spec, push_commits
from githubsim.store import Issue, Repository, Store
from githubsim.world import People, people_of

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


class Person:
    """Somebody of the world who does one thing at a time."""

    def __init__(self, store: Store, git: GitRepos, rng: random.Random) -> None:
        self._store = store
        self._git = git
        self._rng = rng
        self._people: People = people_of(store)
        self._actions: list[tuple[float, Callable[[Repository], None]]] = [
            (0.42, self.push),
            (0.16, self.open_issue),
            (0.12, self.comment),
            (0.10, self.close),
            (0.08, self.label),
            (0.07, self.open_pull),
            (0.05, self.merge),
            (0.08, self.review),
        ]

    def act(self) -> None:
        """One action on a repository that has commits."""
        repositories = [
            r for r in self._store.repositories() if not r.archived and self._git.branches(r.id)
        ]
        if not repositories:
            return
        repository = repositories[min(int(self._rng.expovariate(0.3)), len(repositories) - 1)]
        weights = [weight for weight, _ in self._actions]
        self._rng.choices([action for _, action in self._actions], weights)[0](repository)

    def push(self, repository: Repository) -> None:
        user = self._rng.choice(self._people.users)
        now = self._store.clock.now()
        commits = [
            NewCommit(
                words.commit_message(self._rng),
                words.files(self._rng),
                (user.name or user.login, user.email or ""),
                now,
            )
            for _ in range(self._rng.choice((1, 1, 1, 2, 3)))
        ]
        push_commits(
            self._store,
            self._git,
            repository.id,
            repository.default_branch,
            commits,
            sender_id=user.id,
        )

    def open_issue(self, repository: Repository) -> None:
        if repository.has_issues:
            author = self._rng.choice(self._people.users).id
            title, body = words.title(self._rng), words.body(self._rng)
            self._store.open_issue(repository.id, title, body, author_id=author)

    def comment(self, repository: Repository) -> None:
        issue = self._some_open(repository)
        if issue is not None:
            author = self._rng.choice(self._people.users).id
            self._store.comment(issue.id, words.sentence(self._rng), author_id=author)

    def close(self, repository: Repository) -> None:
        issue = self._some_open(repository)
        if issue is not None and issue.pull_id is None:
            sender = self._rng.choice(self._people.users).id
            reasons = ("completed", "completed", "completed", "not_planned", "duplicate")
            self._store.close_issue(issue.id, reason=self._rng.choice(reasons), sender_id=sender)

    def label(self, repository: Repository) -> None:
        issue = self._some_open(repository)
        labels = self._store.labels(repository.id)
        if issue is not None and labels:
            chosen = [self._rng.choice(labels).id]
            sender = self._rng.choice(self._people.users).id
            self._store.set_labels(issue.id, chosen, sender_id=sender)

    def open_pull(self, repository: Repository) -> None:
        user = self._rng.choice(self._people.users)
        branch = f"{user.login}/{self._rng.randrange(10**6)}"
        change = NewCommit(
            words.commit_message(self._rng),
            {f"notes/{branch}.md": words.sentence(self._rng).encode()},
            (user.name or user.login, user.email or ""),
            self._store.clock.now(),
        )
        push_commits(self._store, self._git, repository.id, branch, [change], sender_id=user.id)
        spec = pull_spec(self._git, repository.id, repository.default_branch, branch)
        self._store.open_pull(
            repository.id, words.title(self._rng), words.body(self._rng), spec, author_id=user.id
        )

    def merge(self, repository: Repository) -> None:
        issue = self._some_open(repository, pulls=True)
        if issue is not None and issue.pull_id is not None:
            sender = self._rng.choice(self._people.users).id
            merge_pull(self._store, self._git, issue.pull_id, sender_id=sender)

    def review(self, repository: Repository) -> None:
        issue = self._some_open(repository, pulls=True)
        if issue is None or issue.pull_id is None:
            return
        others = [one for one in self._people.users if one.id != issue.author_id]
        self._store.review(
            issue.pull_id,
            self._rng.choice(("APPROVED", "APPROVED", "COMMENTED", "CHANGES_REQUESTED")),
            words.sentence(self._rng),
            author_id=self._rng.choice(others).id,
        )

    def _some_open(self, repository: Repository, *, pulls: bool = False) -> Issue | None:
        """An open issue among the lately created."""
        wanted = "IS NOT NULL" if pulls else "IS NULL"
        found = self._store.rows(
            Issue,
            f"WHERE repository_id = ? AND state = 'open' AND pull_id {wanted} "
            "ORDER BY id DESC LIMIT 30",
            (repository.id,),
        )
        return self._rng.choice(found) if found else None
