"""What texts and commits name: events in the timelines of the issues and pull requests named."""

import re
from collections.abc import Iterator
from typing import Any

from githubsim.store.issue_rows import IssueRows
from githubsim.store.rows import Issue

# https://docs.github.com/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls
_MENTION = re.compile(
    r"(?:(?<![\w./-])(?P<name>[\w.-]+/[\w.-]+)|(?<![\w&/]))(?:#|GH-)(?P<number>\d{1,9})\b"
    r"|/(?P<at>[\w.-]+/[\w.-]+)/(?:issues|pull)/(?P<page>\d{1,9})\b"
)
# https://docs.github.com/issues/tracking-your-work-with-issues/using-issues/linking-a-pull-request-to-an-issue
_KEYWORD = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+$", re.IGNORECASE)


class Mentions(IssueRows):
    """The part of the store that follows references.

    None of them moves the clock of what is named, and no webhook is sent about it: measured for
    issues in https://github.com/josegonzalez/python-github-backup/issues/168.
    """

    def note_mentions(self, source: Issue, text: str | None, actor_id: int | None, at: int) -> None:
        """`source` names others in its body or a comment: `cross-referenced`, once each."""
        for issue, closes in self._named(source.repository_id, text or ""):
            known = [
                one
                for one in self.issue_events(issue.id)
                if one.event == "cross-referenced" and one.detail["source_id"] == source.id
            ]
            if issue.id != source.id and not known:
                detail = {"source_id": source.id, "will_close": closes and bool(source.pull_id)}
                self.note_event(issue, "cross-referenced", actor_id, at, **detail)

    def note_references(
        self, repository_id: int, sha: str, message: str, actor_id: int | None, at: int
    ) -> None:
        """A commit that was pushed names issues: `referenced`, once each."""
        for issue, _ in self._named(repository_id, message):
            known = [
                one
                for one in self.issue_events(issue.id)
                if one.event == "referenced" and one.detail["commit_id"] == sha
            ]
            if not known:
                self.note_event(issue, "referenced", actor_id, at, commit_id=sha)

    def forget_mentions(self, source: Issue) -> None:
        """The source is gone, and with it that it named others."""
        self.execute(
            "DELETE FROM issue_events WHERE json_extract(detail, '$.source_id') = ?", (source.id,)
        )
        self.execute("DELETE FROM closing_links WHERE issue_id = ?", (source.id,))

    def moved_mentions(self, old: Issue, new: Issue) -> None:
        """The source has another id now."""
        self.execute(
            "UPDATE issue_events SET detail = json_set(detail, '$.source_id', ?) "
            "WHERE json_extract(detail, '$.source_id') = ?",
            (new.id, old.id),
        )
        self.execute("UPDATE closing_links SET issue_id = ? WHERE issue_id = ?", (new.id, old.id))

    def closing(self, pull: Issue, base_ref: str) -> dict[int, Issue]:
        """The issues that a merge of the pull request closes: those that were linked by hand, and,
        if it goes into the default branch, those that its description names after a keyword.
        """
        linked = "SELECT issue_id FROM closing_links WHERE pull_issue_id = ? ORDER BY issue_id"
        found = self.issues_of([row[0] for row in self.values(linked, (pull.id,))])
        home: Any = self.repository(pull.repository_id)
        if base_ref == home.default_branch:
            named = self._named(home.id, pull.body or "")
            found |= {one.id: one for one, closes in named if closes and one.pull_id is None}
        return found

    def link(
        self, pull: Issue, issue: Issue, linked: bool, *, actor_id: int | None, at: int
    ) -> None:
        """By hand, in the sidebar: no webhook, and no source says that a clock moves."""
        with self.writing():
            words = "INSERT OR IGNORE INTO" if linked else "DELETE FROM"
            rest = "VALUES (?, ?)" if linked else "WHERE pull_issue_id = ? AND issue_id = ?"
            self.execute(f"{words} closing_links {rest}", (pull.id, issue.id))
            event = "connected" if linked else "disconnected"
            self.note_event(issue, event, actor_id, at, source_id=pull.id)

    def _named(self, repository_id: int, text: str) -> Iterator[tuple[Issue, bool]]:
        """What a text names, and whether it says that this is to be closed."""
        home: Any = self.repository(repository_id)
        own, seen = self.full_name(home), set[int]()
        for found in _MENTION.finditer(text):
            named = found["name"] or found["at"] or own
            same = named.lower() == own.lower()
            other = home if same else self.repository_by_name(*named.split("/"))
            number = int(found["number"] or found["page"])
            issue = None if other is None else self.issue_by_number(other.id, number)
            closes = bool(_KEYWORD.search(text, max(found.start() - 20, 0), found.start()))
            if issue is not None and issue.id not in seen:
                seen.add(issue.id)
                yield issue, closes
