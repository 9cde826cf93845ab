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
            "DELETE FROM issue_events WHERE event = 'cross-referenced' "
            "AND json_extract(detail, '$.source_id') = ?",
            (source.id,),
        )

    def moved_mentions(self, old: Issue, new: Issue) -> None:
        """The source has another id now."""
        self.execute(
            "UPDATE issue_events SET detail = json_set(detail, '$.source_id', ?) "
            "WHERE event = 'cross-referenced' AND json_extract(detail, '$.source_id') = ?",
            (new.id, old.id),
        )

    def closing(self, pull: Issue) -> list[Issue]:
        """The issues that the body of a pull request names after a keyword."""
        found = self._named(pull.repository_id, pull.body or "")
        return [one for one, closes in found if closes and one.pull_id is None]

    def _named(self, repository_id: int, text: str) -> Iterator[tuple[Issue, bool]]:
        """What a text names, and whether it says that this is to be closed."""
        home: Any = self.repository(repository_id)
        own, seen = self.full_name(home), set[int]()
        for found in _MENTION.finditer(text):
            named = found["name"] or found["at"] or own
            same = named.lower() == own.lower()
            other = home if same else self.repository_by_name(*named.split("/"))
            number = int(found["number"] or found["page"])
            issue = other and self.issue_by_number(other.id, number)
            closes = bool(_KEYWORD.search(text, max(found.start() - 20, 0), found.start()))
            if issue is not None and issue.id not in seen:
                seen.add(issue.id)
                yield issue, closes
