"""The timeline of issues and pull requests, and reactions to what people write."""

from collections.abc import Mapping
from typing import Any

from githubsim.store.history_rows import CONTENTS, IssueEvent, Reaction
from githubsim.store.labels import Labels
from githubsim.store.rows import Issue

# Actions of webhooks that are events of the timeline, by the names they have there.
_EVENTS = {
    "assigned": "assigned",
    "auto_merge_disabled": "auto_merge_disabled",
    "auto_merge_enabled": "auto_merge_enabled",
    "closed": "closed",
    "converted_to_draft": "convert_to_draft",
    "demilestoned": "demilestoned",
    "labeled": "labeled",
    "locked": "locked",
    "milestoned": "milestoned",
    "ready_for_review": "ready_for_review",
    "reopened": "reopened",
    "review_request_removed": "review_request_removed",
    "review_requested": "review_requested",
    "unassigned": "unassigned",
    "unlabeled": "unlabeled",
    "unlocked": "unlocked",
}


class History(Labels):
    """The part of the store that remembers who did what, and who liked it."""

    def note(
        self, issue: Issue, action: str, actor_id: int | None, at: int, extra: Mapping[str, Any]
    ) -> None:
        """Write an action into the timeline of an issue, if it belongs there."""
        if action == "edited" and "title" in extra.get("changes", {}):
            rename = {"from": extra["changes"]["title"]["from"], "to": issue.title}
            self.note_event(issue, "renamed", actor_id, at, rename=rename)
        elif action == "opened" and "old_issue" in extra:
            source = extra["old_repository"].id
            self.note_event(issue, "transferred", actor_id, at, from_repository_id=source)
        elif action in _EVENTS:
            self.note_event(issue, _EVENTS[action], actor_id, at, **_detail(issue, action, extra))

    def note_event(
        self, issue: Issue, event: str, actor_id: int | None, at: int, **detail: Any
    ) -> IssueEvent:
        """Write one event into the timeline of an issue."""
        new = IssueEvent(
            self.allocate("issue_event"),
            issue.repository_id,
            issue.id,
            actor_id,
            event,
            at,
            detail,
        )
        self.insert(new)
        return new

    def issue_event(self, event_id: int) -> IssueEvent | None:
        """An event by id."""
        return self.row(IssueEvent, "WHERE id = ?", (event_id,))

    def issue_events(self, issue_id: int) -> list[IssueEvent]:
        """The events of one issue, oldest first."""
        return self.rows(IssueEvent, "WHERE issue_id = ? ORDER BY created_at, id", (issue_id,))

    def move_history(self, old: Issue, new: Issue) -> None:
        """Take the events and reactions of an issue along where it is transferred to."""
        where = (new.id, new.repository_id, old.id)
        self.execute(
            "UPDATE issue_events SET issue_id = ?, repository_id = ? WHERE issue_id = ?", where
        )
        self.execute(
            "UPDATE reactions SET subject_id = ?, repository_id = ? "
            "WHERE subject = 'issue' AND subject_id = ?",
            where,
        )

    def forget_history(self, issue: Issue) -> None:
        """Delete the events and reactions of an issue and of its comments."""
        self.execute("DELETE FROM issue_events WHERE issue_id = ?", (issue.id,))
        self.execute(
            "DELETE FROM reactions WHERE subject = 'comment' AND subject_id IN "
            "(SELECT id FROM comments WHERE issue_id = ?)",
            (issue.id,),
        )
        self.forget_reactions("issue", issue.id)

    # Reactions. Nobody is told of them, and no clock moves.

    def react(
        self,
        repository_id: int,
        subject: str,
        subject_id: int,
        content: str,
        *,
        account_id: int,
        at: int | None = None,
    ) -> tuple[Reaction, bool]:
        """React to something; the same again is the one that is there. (reaction, whether new)"""
        if content not in CONTENTS:
            raise ValueError(content)
        with self.writing():
            where = "WHERE subject = ? AND subject_id = ? AND account_id = ? AND content = ?"
            old = self.row(Reaction, where, (subject, subject_id, account_id, content))
            if old is not None:
                return old, False
            new = Reaction(
                self.allocate("reaction"),
                repository_id,
                subject,
                subject_id,
                account_id,
                content,
                self.clock.now() if at is None else at,
            )
            self.insert(new)
        return new, True

    def unreact(self, reaction_id: int) -> None:
        """Take a reaction back."""
        self.execute("DELETE FROM reactions WHERE id = ?", (reaction_id,))

    def forget_reactions(self, subject: str, subject_id: int) -> None:
        """Delete the reactions to something that is deleted itself."""
        self.execute(
            "DELETE FROM reactions WHERE subject = ? AND subject_id = ?", (subject, subject_id)
        )

    def find_reaction(self, reaction_id: int) -> Reaction | None:
        """A reaction by id."""
        return self.row(Reaction, "WHERE id = ?", (reaction_id,))

    def reactions(
        self, subject: str, subject_id: int, content: str | None = None
    ) -> list[Reaction]:
        """The reactions to something, oldest first."""
        where = "WHERE subject = ? AND subject_id = ? AND (? IS NULL OR content = ?) ORDER BY id"
        return self.rows(Reaction, where, (subject, subject_id, content, content))

    def count_reactions(self, subject: str, subject_id: int) -> dict[str, int]:
        """How many of each content there are; those that nobody chose are left out."""
        found = self.values(
            "SELECT content, count(*) FROM reactions WHERE subject = ? AND subject_id = ? "
            "GROUP BY content",
            (subject, subject_id),
        )
        return {str(content): int(count) for content, count in found}


def _detail(issue: Issue, action: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    """What an event of the timeline says besides who and when."""
    detail: dict[str, Any] = {}
    if "label" in extra:
        detail["label"] = {"name": extra["label"].name, "color": extra["label"].color}
    if extra.get("assignee") is not None:
        detail["assignee_id"] = extra["assignee"].id
    if "milestone" in extra:
        detail["milestone"] = {"title": extra["milestone"].title}
    if "request" in extra:
        detail["reviewer_id"] = extra["request"].account_id
        detail["team_id"] = extra["request"].team_id
    if action == "locked":
        detail["lock_reason"] = issue.lock_reason
    if action == "closed" and issue.pull_id is None:
        detail["state_reason"] = issue.state_reason
    return detail
