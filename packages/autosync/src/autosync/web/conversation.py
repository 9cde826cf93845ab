"""What was said and done about one issue, pull request or commit, in order of time, page by page.

However long it is, a page costs one query for its places, one for how many there are, and one for
each kind that is on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from django.db.models import F, Q, QuerySet, Value
from django.utils.safestring import SafeString

from autosync.web import deeds, markdown, remarks
from autosync.web.deeds import Fact
from autosync.web.hanging import Hanging
from autosync.web.markdown import Place
from autosync.web.remarks import Thread

LENGTH: Final = 100
# Characters of Markdown that one page reads in full; after that, of each text its beginning.
_ROOM: Final = 150_000
_BEGINNING: Final = 1_000
_WHOLE: Final = 200_000
_ANCHOR: Final = re.compile(r"[A-Za-z][\w-]{0,99}")
_VERBS: Final = {
    "approved": "approved these changes",
    "changes_requested": "requested changes",
    "commented": "reviewed",
    "dismissed": "reviewed; the review was dismissed",
}


@dataclass
class Texts:
    """Draws the texts of one page, with a bound for all of them together."""

    place: Place
    images: bool = False
    whole: str = ""
    """The anchor of the one text to be shown in full."""
    pictures: bool = False
    """Whether some text has pictures."""
    _left: int = _ROOM

    def drawn(self, text: str, anchor: str) -> Text:
        """The text as the page shows it."""
        limit = markdown.LIMIT if self._left > 0 else _BEGINNING
        limit = _WHOLE if anchor == self.whole else limit
        self._left -= min(len(text), limit)
        self.pictures = self.pictures or markdown.has_pictures(text)
        html = markdown.html(text, self.place, images=self.images, limit=limit)
        return Text(html, max(len(text) - limit, 0), anchor)


@dataclass(frozen=True, slots=True)
class Text:
    """Markdown as HTML; `cut` counts the characters that are left out."""

    html: SafeString
    cut: int
    anchor: str


@dataclass(slots=True)
class Entry:
    """One thing that was said or done. `text` is None for what was only done, or is gone."""

    name: str
    row: Any
    at: datetime
    anchor: str
    verb: str
    text: Text | None = None
    threads: list[Said] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    done: bool = False
    """Whether it was only done: one line tells it."""

    @property
    def gone(self) -> bool:
        """Whether it was deleted."""
        return getattr(self.row, "deleted_at", None) is not None


@dataclass(frozen=True, slots=True)
class Said:
    """A thread with its remarks as entries."""

    thread: Thread
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a conversation, from 1 on."""

    entries: list[Entry]
    number: int
    pages: int
    total: int


@dataclass(frozen=True)
class _Stream:
    """Rows of one kind with their places: `place` orders what is of the same moment."""

    place: int
    of: Hanging
    rows: QuerySet[Any]

    def places(self) -> QuerySet[Any, Any]:
        """Moment, place and key of each row."""
        moment = self.of.moment
        placed = self.rows.filter(**{f"{moment}__isnull": False}).order_by()
        named = placed.annotate(at=F(moment), place=Value(self.place), key=F("pk"))
        found: QuerySet[Any, Any] = named.values_list("at", "place", "key")
        return found

    def before(self, at: datetime, place: int, key: int) -> QuerySet[Any, Any]:
        """Those of rows that stand before this place."""
        moment = self.of.moment
        earlier = Q(**{f"{moment}__lt": at})
        if self.place < place:
            earlier |= Q(**{moment: at})
        elif self.place == place:
            earlier |= Q(**{moment: at, "pk__lt": key})
        return self.places().filter(earlier)


class Conversation:
    """What hangs under one number, or one commit, and was said or done."""

    def __init__(
        self, repository_id: int, owner: int | str, hangs: Sequence[Hanging], texts: Texts
    ) -> None:
        self._home, self._owner, self._texts = repository_id, owner, texts
        told = [one for one in hangs if one.moment]
        self._streams = [_Stream(place, one, self._rows(one)) for place, one in enumerate(told)]

    def _rows(self, one: Hanging) -> QuerySet[Any]:
        if one.kind is remarks.REMARK and isinstance(self._owner, int):
            return remarks.without_a_review(self._home, self._owner)
        if one.kind is remarks.REVIEW:
            return remarks.worth_showing(one.rows(self._home, self._owner))
        return (one.rows if one.says else one.live)(self._home, self._owner)

    def page(self, wanted: int) -> Page:
        """The page, or the last one if there are not as many."""
        places = self._united([one.places() for one in self._streams])
        total = places.count() if places is not None else 0
        pages = max(-(-total // LENGTH), 1)
        number = min(max(wanted, 1), pages)
        if places is None or not total:
            return Page([], number, pages, total)
        start = (number - 1) * LENGTH
        found = list(places.order_by("at", "place", "key")[start : start + LENGTH])
        return Page(self._entries(found), number, pages, total)

    def page_of(self, anchor: str) -> int:
        """The page that has the anchor; the first one if it is unknown."""
        digits = re.search(r"(\d{1,18})$", anchor)
        for one in self._streams if digits and _ANCHOR.fullmatch(anchor) else ():
            row = one.of.rows(self._home, self._owner).filter(pk=int(digits[1])).first()  # type: ignore[index]
            if row is None or anchor_of(one.of.name, row) != anchor:
                continue
            if one.of.kind is remarks.REMARK and (told := self._review_of(row)):
                return self._page_at(*told)
            return self._page_at(one, row)
        return 1

    def _review_of(self, remark: Any) -> tuple[_Stream, Any] | None:
        """The review in which the thread of the remark stands."""
        first = remark
        if remark.in_reply_to_id:
            model = remarks.REMARK.model._default_manager
            first = model.filter(pk=remark.in_reply_to_id).first() or remark
        for one in self._streams:
            if one.of.kind is remarks.REVIEW and first.review_id:
                found = one.rows.filter(pk=first.review_id).first()
                return (one, found) if found else None
        return None

    def _page_at(self, stream: _Stream, row: Any) -> int:
        at = getattr(row, stream.of.moment)
        earlier = self._united([one.before(at, stream.place, row.pk) for one in self._streams])
        return (earlier.count() if earlier is not None else 0) // LENGTH + 1

    @staticmethod
    def _united(parts: Sequence[QuerySet[Any, Any]]) -> QuerySet[Any, Any] | None:
        if not parts:
            return None
        return parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]

    def _entries(self, found: Sequence[tuple[datetime, int, int]]) -> list[Entry]:
        rows: dict[tuple[int, int], Any] = {}
        for one in self._streams:
            keys = [key for _, place, key in found if place == one.place]
            if keys:
                told = one.of.model._default_manager.in_bulk(keys)
                rows |= {(one.place, key): row for key, row in told.items()}
        threads = self._threads(rows)
        made = []
        for at, place, key in found:
            row = rows.get((place, key))
            if row is not None:  # not purged since the places were read
                said = threads.get((place, key), [])
                made.append(self._entry(self._streams[place].of, row, at, said))
        return made

    def _threads(self, rows: dict[tuple[int, int], Any]) -> dict[tuple[int, int], list[Thread]]:
        found: dict[tuple[int, int], list[Thread]] = {}
        for one in self._streams:
            here = {key: row for (place, key), row in rows.items() if place == one.place}
            if not here or not isinstance(self._owner, int):
                continue
            if one.of.kind is remarks.REVIEW:
                told = remarks.of_reviews(self._home, self._owner, list(here))
                found |= {(one.place, key): threads for key, threads in told.items()}
            elif one.of.kind is remarks.REMARK:
                for thread in remarks.threads(self._home, self._owner, here.values()):
                    found[one.place, thread.first.pk] = [thread]
        return found

    def _entry(self, of: Hanging, row: Any, at: datetime, threads: Sequence[Thread]) -> Entry:
        entry = Entry(of.name, row, at, anchor_of(of.name, row), _verb(of, row))
        if of.kind is remarks.REMARK:
            entry.verb = "remarked"
        elif of.says and not entry.gone and row.body:
            entry.text = self._texts.drawn(row.body, entry.anchor)
        elif of.happens:
            entry.done = True
            entry.facts = deeds.facts(of, row, self._texts.place)
        entry.threads = [Said(one, [self._remark(it) for it in one.remarks]) for one in threads]
        return entry

    def _remark(self, row: Any) -> Entry:
        name = remarks.REMARK.name
        entry = Entry(name, row, row.created_at, anchor_of(name, row), "remarked")
        if row.deleted_at is None and row.body:
            entry.text = self._texts.drawn(row.body, entry.anchor)
        return entry


def anchor_of(name: str, row: Any) -> str:
    """The place of a row on its page: GitHub's own, so that a fragment of GitHub's leads there."""
    fragment = urlsplit(getattr(row, "html_url", "")).fragment
    return fragment if _ANCHOR.fullmatch(fragment) else f"{name.replace('_', '-')}-{row.pk}"


def _verb(of: Hanging, row: Any) -> str:
    if of.happens:
        return deeds.verb(row)
    return _VERBS.get(getattr(row, "state", ""), "commented")
