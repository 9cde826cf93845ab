"""Labels and milestones: made, changed, deleted."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from githubsim.clock import iso
from githubsim.store.repositories import Repositories
from githubsim.store.rows import Label, Milestone


class Labels(Repositories):
    """The part of the store that holds what issues are sorted by."""

    def create_label(
        self,
        repository_id: int,
        name: str,
        color: str = "ededed",
        description: str | None = None,
        *,
        sender_id: int | None = None,
        at: int | None = None,
        quiet: bool = False,
    ) -> Label:
        """A new label. Sends `label.created`. ValueError if the name is taken."""
        at = self.clock.now() if at is None else at
        with self.writing():
            repository = self._existing(repository_id)
            if self.label_by_name(repository_id, name) is not None:
                raise ValueError("label already exists")
            label_id = self.allocate("label")
            new = Label(label_id, repository_id, name, color, description, False, at, at)
            self.insert(new)
            if not quiet:
                self.tell("label", "created", repository, new, sender_id, at)
        return new

    def label(self, label_id: int) -> Label | None:
        """A label by id."""
        return self.remember(
            ("label", label_id), lambda: self.row(Label, "WHERE id = ?", (label_id,))
        )

    def label_by_name(self, repository_id: int, name: str) -> Label | None:
        """A label by name, any case."""
        return self.row(Label, "WHERE repository_id = ? AND name = ?", (repository_id, name))

    def labels(self, repository_id: int) -> list[Label]:
        """A repository's labels, oldest first."""
        return self.rows(Label, "WHERE repository_id = ? ORDER BY id", (repository_id,))

    def labels_of(self, label_ids: Sequence[int]) -> list[Label]:
        """Labels by id, in that order, without the deleted."""
        if not label_ids:
            return []
        found = [self.label(one) for one in label_ids]
        return [one for one in found if one is not None]

    def create_milestone(
        self,
        repository_id: int,
        title: str,
        *,
        description: str | None = None,
        due_on: int | None = None,
        sender_id: int | None = None,
        at: int | None = None,
        quiet: bool = False,
    ) -> Milestone:
        """A new milestone. Sends `milestone.created`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            repository = self._existing(repository_id)
            new = Milestone(
                id=self.allocate("milestone"),
                repository_id=repository_id,
                number=repository.next_milestone,
                title=title,
                description=description,
                state="open",
                creator_id=sender_id or repository.owner_id,
                due_on=due_on,
                created_at=at,
                updated_at=at,
                closed_at=None,
            )
            self.insert(new)
            repository = replace(repository, next_milestone=repository.next_milestone + 1)
            self.update(repository)
            if not quiet:
                self.tell("milestone", "created", repository, new, sender_id, at)
        return new

    def milestone(self, milestone_id: int | None) -> Milestone | None:
        """A milestone by id."""
        if milestone_id is None:
            return None
        return self.remember(
            ("milestone", milestone_id),
            lambda: self.row(Milestone, "WHERE id = ?", (milestone_id,)),
        )

    def milestones(self, repository_id: int) -> list[Milestone]:
        """A repository's milestones by number."""
        return self.rows(Milestone, "WHERE repository_id = ? ORDER BY number", (repository_id,))

    def completeness(self, milestone_id: int) -> float:
        """The closed part of the issues and pull requests in a milestone, from 0 to 1."""
        total = self.value("SELECT count(*) FROM issues WHERE milestone_id = ?", (milestone_id,))
        closed = self.value(
            "SELECT count(*) FROM issues WHERE milestone_id = ? AND state = 'closed'",
            (milestone_id,),
        )
        return float(closed) / total if total else 0.0

    def edit_label(
        self,
        label_id: int,
        *,
        sender_id: int | None = None,
        at: int | None = None,
        **fields: Any,
    ) -> Label:
        """Another name, color or description. Sends `label.edited`. ValueError if taken."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._label(label_id)
            new = replace(old, **fields)
            if new != old:
                new = replace(new, updated_at=max(at, old.updated_at or 0))
            taken = self.label_by_name(old.repository_id, new.name)
            if taken is not None and taken.id != old.id:
                raise ValueError("label already exists")
            self.update(new)
            changes = {
                key: {"from": getattr(old, key) or ""}
                for key in ("name", "color", "description")
                if getattr(old, key) != getattr(new, key)
            }
            if changes:
                repository = self._existing(new.repository_id)
                self.tell("label", "edited", repository, new, sender_id, at, changes=changes)
        return new

    def delete_label(
        self, label_id: int, *, sender_id: int | None = None, at: int | None = None
    ) -> Label:
        """Delete a label; issues lose it and hear nothing of their own. Sends `label.deleted`."""
        with self.writing():
            old = self._label(label_id)
            self.execute("DELETE FROM labels WHERE id = ?", (label_id,))
            self.execute(
                "UPDATE issues SET label_ids = (SELECT json_group_array(value) "
                "FROM json_each(label_ids) WHERE value <> ?) "
                "WHERE repository_id = ? AND ? IN (SELECT value FROM json_each(label_ids))",
                (label_id, old.repository_id, label_id),
            )
            repository = self._existing(old.repository_id)
            self.tell("label", "deleted", repository, old, sender_id, at)
        return old

    def edit_milestone(
        self,
        milestone_id: int,
        *,
        sender_id: int | None = None,
        at: int | None = None,
        **fields: Any,
    ) -> Milestone:
        """Another title, description, due_on or state. Sends `milestone.edited`, and `closed` or
        `opened` for its state.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._milestone(milestone_id)
            new = replace(old, **fields)
            if new == old:
                return old
            if new.state != old.state:
                new = replace(new, closed_at=at if new.state == "closed" else None)
            new = replace(new, updated_at=max(at, old.updated_at))
            self.update(new)
            repository = self._existing(new.repository_id)
            changes: dict[str, Any] = {
                key: {"from": getattr(old, key) or ""}
                for key in ("title", "description")
                if getattr(old, key) != getattr(new, key)
            }
            if old.due_on != new.due_on:
                changes["due_on"] = {"from": "" if old.due_on is None else iso(old.due_on)}
            if changes:
                self.tell("milestone", "edited", repository, new, sender_id, at, changes=changes)
            if new.state != old.state:
                action = "closed" if new.state == "closed" else "opened"
                self.tell("milestone", action, repository, new, sender_id, at)
        return new

    def delete_milestone(
        self, milestone_id: int, *, sender_id: int | None = None, at: int | None = None
    ) -> Milestone:
        """Delete a milestone; its issues are in none then. Sends `milestone.deleted`."""
        with self.writing():
            old = self._milestone(milestone_id)
            self.execute("DELETE FROM milestones WHERE id = ?", (milestone_id,))
            self.execute(
                "UPDATE issues SET milestone_id = NULL WHERE milestone_id = ?", (milestone_id,)
            )
            repository = self._existing(old.repository_id)
            self.tell("milestone", "deleted", repository, old, sender_id, at)
        return old

    def _label(self, label_id: int) -> Label:
        found = self.label(label_id)
        if found is None:
            raise KeyError(label_id)
        return found

    def _milestone(self, milestone_id: int) -> Milestone:
        found = self.milestone(milestone_id)
        if found is None:
            raise KeyError(milestone_id)
        return found
