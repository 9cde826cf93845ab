"""What an event means for a kind: it shows an object whole, or says only that one changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from autosync.kinds._events import Changes, Doubt, Event, Handler, News, Tombstone, Upsert
from autosync.kinds._kind import Clock, declared
from autosync.kinds._payload import Count, reader
from autosync.mirror.feed import FeedLine
from autosync.mirror.upsert import Row

if TYPE_CHECKING:
    from autosync.kinds._derived import Derived


@dataclass(frozen=True)
class Whole:
    """The payload has the whole object under `key`, so every action is the same upsert.

    `gone`: actions after which the object is no longer here. `line`: what the feed calls this
    event, if it is another thing than what happens to the object itself.
    """

    key: str
    gone: frozenset[str] | set[str] = frozenset()
    line: str = ""

    def handler(self, kind: Derived) -> Handler:
        """Event → the row, what is gone, what to ask GitHub for, and a line of the feed."""
        rows, merge, unless = kind.event(self.key), kind.merge, kind.declared.unless
        read, make, key = reader(rows.struct), rows.make, merge.key
        # Deliveries overtake each other, and nothing in this kind tells which is the later one.
        clockless = kind.declared.clock is Clock.ARRIVAL
        may_go = any(rule.gone for rule in kind.declared.events.values() if isinstance(rule, Whole))

        only = kind.declared.feed.only if kind.declared.feed else frozenset()

        def handle(event: Event) -> Changes:
            scope = event.repository_id
            if scope is None:
                return Changes()
            payload, amiss = read(event.body)
            row = make(payload, scope)
            gone = event.action in self.gone
            # What is said to be gone is of this kind, whatever it looks like.
            if unless and not gone and unless.test(getattr(payload, self.key)):
                return Changes(doubts=[Doubt(declared(unless.of), _address(kind, row))])
            changes = Changes(upserts=[Upsert(merge, [row])])
            if amiss or (clockless and not gone) or (may_go and not event.action):
                # Stored as far as it goes; GitHub is asked for the rest, or that it was deleted.
                changes.doubts.append(Doubt(kind.model, _address(kind, row)))
            if gone:
                changes.tombstones.append(Tombstone(merge, [row[key[0]]], event.received_at))
            line = self._line(kind, event, row)
            if line is not None and only:
                if event.action in only:
                    changes.news.append(News(line))
            elif line is not None:
                changes.news.append(News(line, merge.table, merge.key_of(row)))
            return changes

        return handle

    def _line(self, kind: Derived, event: Event, row: Row) -> FeedLine | None:
        line = kind.declared.feed
        if line is None:
            return None
        turned = line.turns.get(event.action)
        return FeedLine(
            kind=self.line or line.kind,
            action=turned if turned and row[turned] else event.action,
            repository_id=event.repository_id,
            installation_id=event.installation_id,
            object_key=str(row[line.key]),
            title=row[line.title],
            actor=event.actor,
            html_url=row.get("html_url", ""),
        )


@dataclass(frozen=True)
class Moves:
    """The event moves the clock of the object under `key`, whose number is all that is certain: so
    GitHub is asked for the whole.
    """

    key: str

    def handler(self, kind: Derived) -> Handler:
        """Event → a question about the object."""
        numbered = msgspec.defstruct("Numbered", [("number", Count)])
        read = reader(msgspec.defstruct("Moved", [("it", numbered)], rename={"it": self.key}))

        def handle(event: Event) -> Changes:
            if event.repository_id is None:
                return Changes()
            payload: Any = read(event.body).value
            where = {"repository_id": event.repository_id, "number": payload.it.number}
            return Changes(doubts=[Doubt(kind.model, where)])

        return handle


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
