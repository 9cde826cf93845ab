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

    def split(self, repository: Repository) -> None:
        """Make an issue a part of another, put the parts into another order, or take one out."""
        whole = self._some_open(repository, pulls=False)
        part = self._some_open(repository, pulls=False)
        if whole is None or part is None:
            return
        known, sender = self._store.sub_issues(whole.id), self._somebody().id
        chance = self._rng.random()
        if len(known) > 1 and chance < 0.3:
            self._store.order_sub_issues(whole.id, [one.id for one in reversed(known)])
        elif known and chance < 0.5:
            self._store.remove_sub_issue(whole.id, known[0].id, sender_id=sender)
        elif part not in [whole, *known] and self._may_be_levels(whole.id, part.id):
            self._store.add_sub_issue(whole.id, part.id, replace=True, sender_id=sender)

    def _may_be_levels(self, whole: int, part: int) -> bool:
        """People split into two levels, so that they never go in a circle."""
        return not self._store.sub_issues(part) and self._store.parent_of(whole) is None

    def block(self, repository: Repository) -> None:
        """Let an issue wait for another, or no longer."""
        waits = self._some_open(repository, pulls=False)
        other = self._some_open(repository, pulls=False)
        if waits is None or other is None:
            return
        known, sender = self._store.blocked_by(waits.id), self._somebody().id
        if known and self._rng.random() < 0.4:
            self._store.remove_dependency(waits.id, known[0].id, sender_id=sender)
        elif waits != other and other not in [*known, *self._store.blocking(waits.id)]:
            self._store.add_dependency(waits.id, other.id, sender_id=sender)

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
