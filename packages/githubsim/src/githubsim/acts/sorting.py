"""Keeping order: issues opened and closed, labels, assignees, milestones; stars and forks."""

from __future__ import annotations

from typing import Any

from githubsim import words
from githubsim.acts.acting import Acting
from githubsim.store import Repository

_WEEK = 7 * 86_400


class Sorting(Acting):
    """What maintainers and passers-by do."""

    def open_issue(self, repository: Repository) -> None:
        if repository.has_issues:
            author = self._somebody().id
            title, body = words.title(self._rng), words.body(self._rng)
            self._store.open_issue(repository.id, title, body, author_id=author)

    def close(self, repository: Repository) -> None:
        issue = self._some_open(repository)
        if issue is not None:
            reasons = ("completed", "completed", "completed", "not_planned", "duplicate")
            reason, sender = self._rng.choice(reasons), self._somebody().id
            self._store.close_issue(issue.id, reason=reason, sender_id=sender)

    def label(self, repository: Repository) -> None:
        issue = self._some_open(repository, pulls=None)
        labels = self._store.labels(repository.id)
        if issue is not None and labels:
            chosen = [self._rng.choice(labels).id]
            self._store.set_labels(issue.id, chosen, sender_id=self._somebody().id)

    def change_label(self, repository: Repository) -> None:
        """Another colour or description."""
        labels = self._store.labels(repository.id)
        if labels:
            change: dict[str, Any] = {"color": f"{self._rng.randrange(16**6):06x}"}
            if self._rng.random() < 0.5:
                change = {"description": words.sentence(self._rng)[:100]}
            one, sender = self._rng.choice(labels), self._somebody().id
            self._store.edit_label(one.id, sender_id=sender, **change)

    def assign(self, repository: Repository) -> None:
        issue = self._some_open(repository, pulls=None)
        if issue is not None:
            people = [self._somebody().id] if self._rng.random() < 0.8 else []
            self._store.set_assignees(issue.id, people, sender_id=self._somebody().id)

    def milestone(self, repository: Repository) -> None:
        """Plan an issue for one, plan a new one, or be done with one."""
        open_ = [one for one in self._store.milestones(repository.id) if one.state == "open"]
        issue, sender = self._some_open(repository, pulls=None), self._somebody().id
        chance = self._rng.random()
        if not open_ or chance < 0.15:
            due = self._store.clock.now() + self._rng.randint(1, 12) * _WEEK
            title = f"{words.title(self._rng)[:40]} {self._rng.randrange(1000)}"
            self._store.create_milestone(repository.id, title, due_on=due, sender_id=sender)
        elif chance < 0.25:
            self._store.edit_milestone(open_[0].id, state="closed", sender_id=sender)
        elif issue is not None:
            self._store.set_milestone(issue.id, self._rng.choice(open_).id, sender_id=sender)

    def watch(self, repository: Repository) -> None:
        """Or watch it no longer."""
        who, watching = self._somebody().id, self._store.watchers(repository.id)
        if who in {one.account_id for one in watching}:
            self._store.unwatch(repository.id, who)
        else:
            self._store.watch(repository.id, who)

    def fork(self, repository: Repository) -> None:
        """One for each who wants to work on it."""
        owner = self._somebody()
        name = f"{repository.name}-{self._rng.randrange(10**6)}"
        made = self._store.fork_repository(repository.id, owner.id, name)
        self._git.copy(made.id, repository.id)

    def star(self, repository: Repository) -> None:
        """One in five takes it back."""
        fans = self._store.stars(repository.id)
        if fans and self._rng.random() < 0.2:
            self._store.unstar(repository.id, self._rng.choice(fans).account_id)
        else:
            self._store.star(repository.id, self._somebody().id)
