"""Which issues are parts of others, and which must be done before others."""

from collections.abc import Sequence
from typing import Any

from githubsim.store.mentions import Mentions
from githubsim.store.rows import Issue

# https://docs.github.com/issues/tracking-your-work-with-issues/using-issues/adding-sub-issues
MOST_SUB_ISSUES = 100
DEEPEST = 8
# https://docs.github.com/issues/tracking-your-work-with-issues/using-issues/creating-issue-dependencies
MOST_DEPENDENCIES = 50
# The tables of links, and which columns have the two issues.
_ENDS = (
    ("sub_issues", "sub_id", "parent_id"),
    ("issue_dependencies", "blocked_id", "blocking_id"),
)


class IssueLinks(Mentions):
    """The part of the store that keeps sub-issues and dependencies.

    No source says that a link moves the clock of an issue, so none does here.
    """

    def parent_of(self, issue_id: int) -> Issue | None:
        """The issue of which this is a part."""
        found = self.value("SELECT parent_id FROM sub_issues WHERE sub_id = ?", (issue_id,))
        return None if found is None else self.issue(found)

    def sub_issues(self, issue_id: int) -> list[Issue]:
        """The parts of an issue, in the order that people gave them."""
        return self._linked(
            "SELECT sub_id FROM sub_issues WHERE parent_id = ? ORDER BY position, sub_id", issue_id
        )

    def count_sub_issues(self, issue_id: int) -> tuple[int, int]:
        """How many parts there are, and how many of them are closed."""
        ((total, done),) = self.values(
            "SELECT count(*), coalesce(sum(state = 'closed'), 0) FROM sub_issues "
            "JOIN issues ON issues.id = sub_id WHERE parent_id = ?",
            (issue_id,),
        )
        return int(total), int(done)

    def add_sub_issue(
        self,
        parent_id: int,
        sub_id: int,
        *,
        replace: bool = False,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> None:
        """Make one a part of the other, the last. Sends `sub_issues.sub_issue_added` to the
        repository of the whole, and `parent_issue_added` to that of the part. ValueError if it may
        not be: GitHub allows one parent, a hundred parts and eight levels.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            parent, sub = self._issue(parent_id), self._issue(sub_id)
            old = self.parent_of(sub_id)
            above = self._above(parent)
            if sub.pull_id is not None or parent.pull_id is not None:
                raise ValueError("a pull request has no sub-issues and is none")
            if old is not None and (not replace or old.id == parent_id):
                raise ValueError("Sub issue may only have one parent")
            if sub_id in above or len(above) + self._depth_of(sub) > DEEPEST:
                raise ValueError("Sub-issues may be eight levels deep, and not in a circle")
            known = self.sub_issues(parent_id)
            if len(known) >= MOST_SUB_ISSUES:
                raise ValueError("Parent cannot have more than 100 sub-issues")
            if old is not None:
                self.remove_sub_issue(old.id, sub_id, sender_id=sender_id, at=at)
            last = self.value(
                "SELECT max(position) FROM sub_issues WHERE parent_id = ?", (parent_id,)
            )
            self.execute(
                "INSERT INTO sub_issues VALUES (?, ?, ?)", (sub_id, parent_id, (last or 0) + 1)
            )
            self._tell_part("added", parent, sub, sender_id, at)

    def remove_sub_issue(
        self, parent_id: int, sub_id: int, *, sender_id: int | None = None, at: int | None = None
    ) -> None:
        """Make it a part no more. Sends `sub_issue_removed` and `parent_issue_removed`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            parent, sub = self._issue(parent_id), self._issue(sub_id)
            self.execute(
                "DELETE FROM sub_issues WHERE sub_id = ? AND parent_id = ?", (sub_id, parent_id)
            )
            self._tell_part("removed", parent, sub, sender_id, at)

    def order_sub_issues(self, parent_id: int, sub_ids: Sequence[int]) -> None:
        """Put the parts into this order. There is no webhook for it."""
        with self.writing():
            for place, sub_id in enumerate(sub_ids, 1):
                self.execute(
                    "UPDATE sub_issues SET position = ? WHERE sub_id = ? AND parent_id = ?",
                    (place, sub_id, parent_id),
                )

    def blocked_by(self, issue_id: int) -> list[Issue]:
        """The issues that must be done before this one, in the order in which they were added."""
        return self._linked(
            "SELECT blocking_id FROM issue_dependencies WHERE blocked_id = ? ORDER BY number",
            issue_id,
        )

    def blocking(self, issue_id: int) -> list[Issue]:
        """The issues that wait for this one."""
        return self._linked(
            "SELECT blocked_id FROM issue_dependencies WHERE blocking_id = ? ORDER BY number",
            issue_id,
        )

    def count_dependencies(self, issue_id: int) -> dict[str, int]:
        """GitHub's summary: those that are open, and all."""
        counts: dict[str, int] = {}
        for word, mine, other in (
            ("blocked_by", "blocked_id", "blocking_id"), ("blocking", "blocking_id", "blocked_id")
        ):  # fmt: skip
            ((total, waiting),) = self.values(
                "SELECT count(*), coalesce(sum(state = 'open'), 0) FROM issue_dependencies "  # noqa: S608
                f"JOIN issues ON issues.id = {other} WHERE {mine} = ?",
                (issue_id,),
            )
            counts |= {word: int(waiting), f"total_{word}": int(total)}
        return counts

    def add_dependency(
        self,
        blocked_id: int,
        blocking_id: int,
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> None:
        """One waits for the other. Sends `issue_dependencies.blocked_by_added` to the repository of
        the one that waits, and `blocking_added` to that of the other.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            blocked, blocking = self._issue(blocked_id), self._issue(blocking_id)
            if blocked.pull_id is not None or blocking.pull_id is not None:
                raise ValueError("a pull request has no dependencies and is none")
            known = self.blocked_by(blocked_id)
            if (
                blocked_id == blocking_id
                or blocking in known
                or blocked in self.blocked_by(blocking_id)
            ):
                raise ValueError("Target issue has already been taken")
            if max(len(known), len(self.blocking(blocking_id))) >= MOST_DEPENDENCIES:
                raise ValueError("An issue may have 50 of each relationship")
            number = self.value("SELECT max(number) FROM issue_dependencies", ())
            self.execute(
                "INSERT INTO issue_dependencies VALUES (?, ?, ?)",
                (blocked_id, blocking_id, (number or 0) + 1),
            )
            self._tell_dependency("added", blocked, blocking, sender_id, at)

    def remove_dependency(
        self,
        blocked_id: int,
        blocking_id: int,
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> None:
        """It waits no longer. Sends `blocked_by_removed` and `blocking_removed`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            blocked, blocking = self._issue(blocked_id), self._issue(blocking_id)
            self.execute(
                "DELETE FROM issue_dependencies WHERE blocked_id = ? AND blocking_id = ?",
                (blocked_id, blocking_id),
            )
            self._tell_dependency("removed", blocked, blocking, sender_id, at)

    def forget_links(self, issue: Issue) -> None:
        """The issue is gone, and what it was a part of, had as parts, waited for or blocked."""
        for table, one, other in _ENDS:
            self.execute(f"DELETE FROM {table} WHERE ? IN ({one}, {other})", (issue.id,))  # noqa: S608

    def move_links(self, old: Issue, new: Issue) -> None:
        """The issue has another id now."""
        for table, *ends in _ENDS:
            for end in ends:
                self.execute(f"UPDATE {table} SET {end} = ? WHERE {end} = ?", (new.id, old.id))  # noqa: S608

    def _linked(self, sql: str, issue_id: int) -> list[Issue]:
        ids = [row[0] for row in self.values(sql, (issue_id,))]
        found = self.issues_of(ids)
        return [found[one] for one in ids if one in found]

    def _above(self, issue: Issue) -> list[int]:
        """The issue and all that it is a part of."""
        found = [issue.id]
        while (above := self.parent_of(found[-1])) is not None:
            found.append(above.id)
        return found

    def _depth_of(self, issue: Issue) -> int:
        """How many levels are below an issue, with itself."""
        return 1 + max((self._depth_of(one) for one in self.sub_issues(issue.id)), default=0)

    def _tell_part(
        self, done: str, parent: Issue, sub: Issue, sender_id: int | None, at: int
    ) -> None:
        ends = {"parent_issue": parent, "sub_issue": sub}
        actions = (f"sub_issue_{done}", f"parent_issue_{done}")
        self._tell_ends("sub_issues", actions, ends, sender_id, at)

    def _tell_dependency(
        self, done: str, blocked: Issue, blocking: Issue, sender_id: int | None, at: int
    ) -> None:
        ends = {"blocked_issue": blocked, "blocking_issue": blocking}
        actions = (f"blocked_by_{done}", f"blocking_{done}")
        self._tell_ends("issue_dependencies", actions, ends, sender_id, at)

    def _tell_ends(
        self,
        event: str,
        actions: tuple[str, str],
        ends: dict[str, Issue],
        sender_id: int | None,
        at: int,
    ) -> None:
        """To the repository of each end its action, with the repository of the other end."""
        homes: dict[str, Any] = {
            name: self._existing(one.repository_id) for name, one in ends.items()
        }
        for action, name, other in zip(actions, ends, reversed(ends), strict=True):
            extra = {**ends, f"{other}_repo": homes[other]}
            self.tell(event, action, homes[name], ends[name], sender_id, at, **extra)
