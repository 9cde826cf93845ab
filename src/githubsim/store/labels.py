"""Changes of labels and milestones."""

from dataclasses import replace
from typing import Any

from githubsim.clock import iso
from githubsim.store.repositories import Repositories
from githubsim.store.rows import Label, Milestone


class Labels(Repositories):
    """The part of the store that changes what issues are sorted by."""

    def edit_label(
        self,
        label_id: int,
        *,
        sender_id: int | None = None,
        at: int | None = None,
        **fields: Any,
    ) -> Label:
        """Another name, color or description. Sends `label.edited`. ValueError if taken."""
        with self.writing():
            old = self._label(label_id)
            new = replace(old, **fields)
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
