"""What an event means for a kind: it shows an object whole, or says only that one changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from autosync.kinds._events import (
    Changes,
    Doubt,
    Event,
    Handler,
    News,
    Reread,
    Tombstone,
    Upsert,
)
from autosync.kinds._kind import Clock, Nested
from autosync.kinds._payload import Count, reader
from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.feed import FeedLine
from autosync.mirror.sets import KNOWN
from autosync.mirror.upsert import Row

if TYPE_CHECKING:
    from autosync.kinds._derived import Derived


@dataclass(frozen=True)
class Whole:
    """The payload has the whole object under `key`, so every action is the same upsert.

    `gone`: actions after which the object is no longer here. `line`: what the feed calls this
    event, if it is another thing than what happens to the object itself; None: nothing, for another
    kind speaks of it.
    """

    key: str
    gone: frozenset[str] | set[str] = frozenset()
    line: str | None = ""

    def handler(self, kind: Derived) -> Handler:
        """Event → the row, what is gone, what to ask GitHub for, and a line of the feed."""
        rows, merge, unless = kind.event(self.key), kind.merge, kind.declared.unless
        read, make, gone_by = reader(rows.struct), rows.make, self.gone
        table = merge.table
        said, home = kind.declared, kind.model.scope
        # Deliveries overtake each other, and nothing in this kind tells which is the later one.
        clockless = said.clock is Clock.ARRIVAL and not isinstance(said.read, Nested)
        may_go = any(r.gone for r in said.events.values() if isinstance(r, Whole))
        line = self._line(kind)

        only = kind.declared.feed.only if kind.declared.feed else frozenset()

        def handle(event: Event) -> Changes:
            scope, action = event.home(home), event.action
            if scope is None:
                return Changes()
            payload, amiss = read(event.body)
            row = make(payload, scope)
            gone = action in gone_by
            # What is said to be gone is of this kind, whatever it looks like.
            if unless and not gone and unless.test(getattr(payload, self.key)):
                return Changes(doubts=[Doubt(kind.guised.merge, _address(kind, row))])
            changes = Changes(upserts=[Upsert(merge, [row])])
            unread = bool(merge.sets) and KNOWN not in row
            if amiss or unread or (clockless and not gone) or (may_go and not action):
                # Stored as far as it goes; GitHub is asked for the rest, or that it was deleted.
                changes.doubts.append(Doubt(merge, _address(kind, row)))
            if gone:
                changes.tombstones.append(Tombstone(merge, [merge.key_of(row)], event.received_at))
            if line and only:
                if action in only:
                    changes.news.append(News(line(event, row)))
            elif line:
                changes.news.append(News(line(event, row), table, merge.key_of(row)))
            return changes

        return handle

    def _line(self, kind: Derived) -> Callable[[Event, Row], FeedLine] | None:
        return None if self.line is None else _line(kind, self.line)


@dataclass(frozen=True)
class Pair:
    """The payload names the two that belong together, or do no more after the actions in `gone`.

    Columns have it where they say with `event=`, from the payload's root on. An event is known from
    its arrival. `since` is the column with the moment at which it began: one that comes much later
    than that is known from as long after it as deliveries may take. Two that follow each other
    faster may have overtaken each other, which an audit finds: see `mirror.doubt.turned_quickly`.
    """

    gone: frozenset[str] | set[str] = frozenset()
    since: str = ""

    def handler(self, kind: Derived) -> Handler:
        """Event → the pair, or that it is no more, and a line of the feed."""
        rows, merge = kind.event(""), kind.merge
        read, make, gone_by, since = reader(rows.struct), rows.make, self.gone, self.since
        table, line = merge.table, _line(kind)

        def handle(event: Event) -> Changes:
            scope = event.home(kind.model.scope)
            if scope is None:
                return Changes()
            row = make(read(event.body).value, scope)
            key, changes = merge.key_of(row), Changes()
            if event.action in gone_by:
                changes.tombstones.append(Tombstone(merge, [key], event.received_at))
            elif event.action or not gone_by:
                began = row.get(since) if since else None
                known_at = min(began + IN_FLIGHT, event.received_at) if began else event.received_at
                changes.upserts.append(Upsert(merge, [{**row, "observed_at": known_at}]))
            if line:
                changes.news.append(News(line(event, row), table, key))
            if kind.of_account:  # its lists are short: they are read for what this leaves open
                where = {kind.model.scope: scope, **dict(zip(merge.key, key, strict=True))}
                changes.doubts.append(Doubt(merge, where))
            return changes

        return handle


def _line(kind: Derived, word: str = "") -> Callable[[Event, Row], FeedLine] | None:
    line = kind.declared.feed
    if line is None:
        return None
    word, key, title, turns = word or line.kind, line.key, line.title, line.turns

    def make(event: Event, row: Row) -> FeedLine:
        turned = turns.get(event.action)
        return FeedLine(
            word,
            turned if turned and row[turned] else event.action,
            event.repository_id,
            event.installation_id,
            str(row[key]),
            row[title] if title else "",
            event.actor,
            row.get("html_url", ""),
        )

    return make


@dataclass(frozen=True)
class Moves:
    """The event changes the object under `key`, whose number is all that is certain: so GitHub is
    asked for the whole. Or for those objects that belong to it, if `column` has its number; `only`
    are the actions that change them.
    """

    key: str
    column: str = "number"
    only: frozenset[str] | set[str] = frozenset()

    def handler(self, kind: Derived) -> Handler:
        """Event → a question about the object."""
        numbered = msgspec.defstruct("Numbered", [("number", Count)])
        read = reader(msgspec.defstruct("Moved", [("it", numbered)], rename={"it": self.key}))

        def handle(event: Event) -> Changes:
            if event.repository_id is None or (self.only and event.action not in self.only):
                return Changes()
            payload: Any = read(event.body).value
            where = {kind.model.scope: event.repository_id, self.column: payload.it.number}
            return Changes(doubts=[Doubt(kind.merge, where)])

        return handle


@dataclass(frozen=True)
class Around:
    """The event changes something in the parent under `key`, of which the payload says no more: all
    children of this kind that it has are read again. `only` are the actions that do.

    `mentions` are paths of texts in the payload; each issue or pull request of the repository that
    they name is such a parent too. Without `key` only those are.
    """

    key: str = ""
    only: frozenset[str] | set[str] = frozenset()
    mentions: tuple[str, ...] = ()

    def handler(self, kind: Derived) -> Handler:
        """Event → parents to read the children of."""
        key, paths = self.key, [path.split(".") for path in self.mentions]
        # Of the texts nothing is needed, and of an object with its number nothing but that.
        read = reader(_spoken(paths, key))
        read_texts = reader(_spoken(paths, ""))

        def handle(event: Event) -> Changes:
            home = event.repository_id
            if home is None:
                return Changes()
            numbers: dict[int, None] = {}
            around = bool(key) and (not self.only or event.action in self.only)
            if not around and not paths:
                return Changes()
            payload: Any = (read if around else read_texts)(event.body).value
            if around:
                numbers[getattr(payload, key).number] = None
            for top, *steps in paths:
                assert event.envelope.repository is not None
                for text in _texts(getattr(payload, top), steps):
                    found = mentioned(text, event.envelope.repository.full_name)
                    numbers |= dict.fromkeys(found)
            rows = [
                {kind.model.scope: home, kind.under.number: number}
                for number in list(numbers)[:_MOST_MENTIONS]
            ]
            return Changes(rereads=[Reread(kind.merge, row) for row in rows])

        return handle


_MOST_MENTIONS = 100  # of one event; an audit finds the others
# https://docs.github.com/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls
_MENTION = re.compile(
    r"(?:(?<![\w./-])(?P<name>[\w.-]+/[\w.-]+)|(?<![\w&/]))(?:#|GH-)(?P<number>\d{1,9})\b"
    r"|/(?P<at>[\w.-]+/[\w.-]+)/(?:issues|pull)/(?P<page>\d{1,9})\b"
)


# One of these is in every mention, and quickly found or not.
_SIGNS = ("#", "GH-", "/issues/", "/pull/")


def mentioned(text: str, full_name: str) -> list[int]:
    """The numbers of the issues and pull requests of this repository that a text names."""
    if not any(sign in text for sign in _SIGNS):
        return []
    return [
        int(one["number"] or one["page"])
        for one in _MENTION.finditer(text)
        if (one["name"] or one["at"] or full_name).lower() == full_name.lower()
    ]


def _spoken(paths: list[list[str]], key: str) -> type[msgspec.Struct]:
    """What is decoded for the texts at `paths`, and for the number of the object at `key`."""
    fields = [field for field in _fields(paths) if field[0] != key]
    if key:
        inside = [steps for top, *steps in paths if top == key]
        numbered = msgspec.defstruct("Numbered", [("number", Count), *_fields(inside)])
        return msgspec.defstruct("Spoken", [(key, numbered), *fields])
    return msgspec.defstruct("Spoken", fields)


def _fields(paths: list[list[str]]) -> list[tuple[str, Any, None]]:
    tops: dict[str, list[list[str]]] = {}
    for top, *steps in paths:
        tops.setdefault(top, []).append(steps)
    return [(top, _within(inside), None) for top, inside in tops.items()]


def _within(paths: list[list[str]]) -> Any:
    """An object or a list of such, and nothing of it but what leads to the texts."""
    if [] in paths:
        return Any
    inner: Any = msgspec.defstruct("Inner", _fields(paths))
    return inner | list[inner | None] | None


def _texts(value: Any, steps: list[str]) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _texts(one, steps)
    elif isinstance(value, str) and not steps:
        yield value
    elif value is not None and steps:
        yield from _texts(getattr(value, steps[0]), steps[1:])


def _address(kind: Derived, row: Row) -> dict[str, Any]:
    """By what a row is found that may not be here: its number, which other kinds share, or key."""
    names = ("number",) if "number" in row else kind.merge.key
    return {name: row[name] for name in (kind.model.scope, *names)}


@dataclass(frozen=True)
class Carried:
    """The object under `key` carries those of this kind whole, in the list that it is read from."""

    key: str

    def handler(self, kind: Derived) -> Handler:
        """Event → their rows. None of them is gone because an event lacks it: that may be late."""
        owner = kind.owner
        read = reader(
            msgspec.defstruct("Carrier", [("it", dict[str, Any])], rename={"it": self.key})
        )

        def handle(event: Event) -> Changes:
            if event.repository_id is None:
                return Changes()
            payload: Any = read(event.body).value
            parent = owner.from_told(payload.it, event.repository_id)
            if parent is None:
                return Changes()
            return Changes(upserts=[Upsert(kind.merge, kind.from_parent(payload.it, parent))])

        return handle
