"""Issues and what happens to them; pull requests too, where GitHub has the same for both.

The methods that GitHub has on issues and pull requests alike (edit, label, close …) take the id
of the issue, which for a pull request is `pull.issue.id`; the event is `issues` or `pull_request`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from githubsim.store.issue_links import IssueLinks
from githubsim.store.rows import MOST_LABELS, Issue, IssueSpec, TooManyLabels


class Issues(IssueLinks):
    """The part of the store that changes issues; pull requests build on it."""

    def open_issue(
        self,
        repository_id: int,
        title: str,
        body: str | None = None,
        *,
        author_id: int,
        label_ids: Sequence[int] = (),
        assignee_ids: Sequence[int] = (),
        milestone_id: int | None = None,
        association: str = "CONTRIBUTOR",
        at: int | None = None,
    ) -> Issue:
        """A new issue. Sends `issues.opened`, then `labeled`, `assigned`, `milestoned`."""
        if len(set(label_ids)) > MOST_LABELS:
            raise TooManyLabels
        spec = IssueSpec(
            title,
            body,
            author_id,
            self.clock.now() if at is None else at,
            self.clock.now() if at is None else at,
            association=association,
            label_ids=tuple(label_ids),
            assignee_ids=tuple(assignee_ids),
            milestone_id=milestone_id,
        )
        with self.writing():
            issue = self.bulk_issues(repository_id, [spec])[0]
            self.tell_opened(issue, author_id)
        return issue

    def tell_opened(self, issue: Issue, sender_id: int) -> None:
        """Emit what GitHub sends for a new issue or pull request."""
        at = issue.created_at
        self.tell_issue(issue, "opened", sender_id, at)
        for label in self.labels_of(issue.label_ids):
            self.tell_issue(issue, "labeled", sender_id, at, label=label)
        for one in issue.assignee_ids:
            self.tell_issue(issue, "assigned", sender_id, at, assignee=self.account(one))
        if issue.milestone_id is not None:
            milestone = self.milestone(issue.milestone_id)
            self.tell_issue(issue, "milestoned", sender_id, at, milestone=milestone)
        self.note_mentions(issue, issue.body, sender_id, at)

    def edit_issue(
        self,
        issue_id: int,
        *,
        title: str | None = None,
        body: str | None = None,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Issue:
        """A new title or body; None keeps the old. Sends `edited` if something changed."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._issue(issue_id)
            changes: dict[str, Any] = {}
            if title is not None and title != old.title:
                changes["title"] = {"from": old.title}
            if body is not None and body != old.body:
                changes["body"] = {"from": old.body or ""}
            if not changes:
                return old
            new = self._save(
                old,
                at,
                title=old.title if title is None else title,
                body=old.body if body is None else body,
            )
            self.tell_issue(new, "edited", sender_id, at, changes=changes)
            self.note_mentions(new, body, sender_id, at)
        return new

    def close_issue(
        self,
        issue_id: int,
        *,
        reason: str = "completed",
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Issue:
        """Close an issue (`completed`, `not_planned`, `duplicate`) or, unmerged, a pull request."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._issue(issue_id)
            if old.state == "closed":
                return old
            new = self._save(
                old,
                at,
                state="closed",
                state_reason=None if old.pull_id is not None else reason,
                closed_at=max(at, old.updated_at),
                closed_by_id=sender_id,
            )
            self._count_open(old.repository_id, -1)
            self.tell_issue(new, "closed", sender_id, at)
        return new

    def reopen_issue(
        self, issue_id: int, *, sender_id: int | None = None, at: int | None = None
    ) -> Issue:
        """Open an issue or pull request again. Sends `reopened`. ValueError for a merged one."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._issue(issue_id)
            if old.state == "open":
                return old
            merged_at = self.value("SELECT merged_at FROM pulls WHERE issue_id = ?", (old.id,))
            if merged_at is not None:
                raise ValueError("a merged pull request cannot be reopened")
            new = self._save(
                old,
                at,
                state="open",
                state_reason=None if old.pull_id is not None else "reopened",
                closed_at=None,
                closed_by_id=None,
            )
            self._count_open(old.repository_id, 1)
            self.tell_issue(new, "reopened", sender_id, at)
        return new

    def lock_issue(
        self,
        issue_id: int,
        *,
        locked: bool = True,
        reason: str | None = None,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Issue:
        """Lock or unlock a conversation. Sends `locked` or `unlocked`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._issue(issue_id)
            if old.locked == locked:
                return old
            new = self._save(old, at, locked=locked, lock_reason=reason if locked else None)
            self.tell_issue(new, "locked" if locked else "unlocked", sender_id, at)
        return new

    def set_labels(
        self,
        issue_id: int,
        label_ids: Sequence[int],
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Issue:
        """Make these the labels. Sends `labeled` and `unlabeled`, one each."""
        at = self.clock.now() if at is None else at
        with self.writing():
            new = old = self._issue(issue_id)
            if len(set(label_ids)) > MOST_LABELS:
                raise TooManyLabels
            for label in self.labels_of([one for one in old.label_ids if one not in label_ids]):
                left = tuple(one for one in new.label_ids if one != label.id)
                new = self._save(new, at, label_ids=left)
                self.tell_issue(new, "unlabeled", sender_id, at, label=label)
            for label in self.labels_of([one for one in label_ids if one not in old.label_ids]):
                new = self._save(new, at, label_ids=(*new.label_ids, label.id))
                self.tell_issue(new, "labeled", sender_id, at, label=label)
        return new

    def set_assignees(
        self,
        issue_id: int,
        assignee_ids: Sequence[int],
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Issue:
        """Make these the assignees. Sends `assigned` and `unassigned`, one each."""
        at = self.clock.now() if at is None else at
        with self.writing():
            new = old = self._issue(issue_id)
            for one in [one for one in old.assignee_ids if one not in assignee_ids]:
                left = tuple(other for other in new.assignee_ids if other != one)
                new = self._save(new, at, assignee_ids=left)
                self.tell_issue(new, "unassigned", sender_id, at, assignee=self.account(one))
            for one in [one for one in assignee_ids if one not in old.assignee_ids]:
                new = self._save(new, at, assignee_ids=(*new.assignee_ids, one))
                self.tell_issue(new, "assigned", sender_id, at, assignee=self.account(one))
        return new

    def set_milestone(
        self,
        issue_id: int,
        milestone_id: int | None,
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Issue:
        """Put into a milestone or take out of one. Sends `milestoned` or `demilestoned`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            new = old = self._issue(issue_id)
            if old.milestone_id == milestone_id:
                return old
            left = self.milestone(old.milestone_id)
            if left is not None:
                new = self._save(new, at, milestone_id=None)
                self.tell_issue(new, "demilestoned", sender_id, at, milestone=left)
            joined = self.milestone(milestone_id)
            if joined is not None:
                new = self._save(new, at, milestone_id=joined.id)
                self.tell_issue(new, "milestoned", sender_id, at, milestone=joined)
        return new

    def delete_issue(
        self, issue_id: int, *, sender_id: int | None = None, at: int | None = None
    ) -> Issue:
        """Delete an issue for good. Sends `issues.deleted`. ValueError for a pull request."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._issue(issue_id)
            if old.pull_id is not None:
                raise ValueError("a pull request cannot be deleted")
            self.forget_history(old)
            self.forget_mentions(old)
            self.forget_links(old)
            self._remove(old, None)
            self.tell_issue(old, "deleted", sender_id, at)
        return old

    def transfer_issue(
        self,
        issue_id: int,
        repository_id: int,
        *,
        new_comments: bool = False,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Issue:
        """Move an issue, where it gets a new id and number. Sends `transferred`, then `opened`.

        Comments and assignees go along, and so do the labels that the other repository has by
        name, and the milestone that it has by title and due date:
        https://docs.github.com/issues/tracking-your-work-with-issues/administering-issues/transferring-an-issue-to-another-repository
        Comments get new node ids; whether they get new ids too (`new_comments`) is documented
        nowhere. No webhook tells of them.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._issue(issue_id)
            if old.pull_id is not None:
                raise ValueError("a pull request cannot be transferred")
            target = self._existing(repository_id)
            comments = self.comments(old.id)
            new = replace(
                old,
                id=self.allocate("issue"),
                repository_id=repository_id,
                number=target.next_number,
                label_ids=self._labels_there(old, repository_id),
                milestone_id=self._milestone_there(old, repository_id),
                updated_at=max(at, old.updated_at),
            )
            self.move_history(old, new)
            self.moved_mentions(old, new)
            self.move_links(old, new)
            self._remove(old, new.id)
            self.insert(new)
            for one in comments:
                moved = replace(one, repository_id=repository_id, issue_id=new.id)
                if new_comments:
                    moved = replace(moved, id=self.allocate("comment"))
                self.insert(moved)
                self.execute(
                    "UPDATE reactions SET subject_id = ?, repository_id = ? "
                    "WHERE subject = 'comment' AND subject_id = ?",
                    (moved.id, repository_id, one.id),
                )
            opened = int(new.state == "open")
            target = replace(
                target,
                next_number=target.next_number + 1,
                open_issues=target.open_issues + opened,
            )
            self.update(target)
            self.tell_issue(old, "transferred", sender_id, at, new_issue=new, new_repository=target)
            source = self._existing(old.repository_id)
            self.tell_issue(new, "opened", sender_id, at, old_issue=old, old_repository=source)
        return new

    def _labels_there(self, issue: Issue, repository_id: int) -> tuple[int, ...]:
        names = [one.name for one in self.labels_of(issue.label_ids)]
        found = [self.label_by_name(repository_id, name) for name in names]
        return tuple(one.id for one in found if one is not None)

    def _milestone_there(self, issue: Issue, repository_id: int) -> int | None:
        old = self.milestone(issue.milestone_id)
        for one in self.milestones(repository_id) if old is not None else ():
            if old is not None and (one.title, one.due_on) == (old.title, old.due_on):
                return one.id
        return None

    def _remove(self, issue: Issue, moved_to_id: int | None) -> None:
        self.execute("DELETE FROM comments WHERE issue_id = ?", (issue.id,))
        self.execute("DELETE FROM issues WHERE id = ?", (issue.id,))
        self.execute(
            "INSERT INTO gone_issues VALUES (?, ?, ?)",
            (issue.repository_id, issue.number, moved_to_id),
        )
        if issue.state == "open":
            self._count_open(issue.repository_id, -1)
