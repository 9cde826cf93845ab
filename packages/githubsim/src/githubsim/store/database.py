"""One SQLite file behind one lock: rows in and out, id sequences, transactions and events."""

import json
import sqlite3
import threading
import typing
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import lru_cache
from importlib import resources
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from githubsim import nonces
from githubsim.clock import Clock
from githubsim.ids import FIRST_ID
from githubsim.store.activity import Activity
from githubsim.store.commit_comment_rows import CommitComment
from githubsim.store.events import need_known
from githubsim.store.history_rows import IssueEvent, Reaction
from githubsim.store.past import Past
from githubsim.store.people_rows import (
    Collaborator,
    Member,
    Star,
    Team,
    TeamMember,
    TeamRepository,
    Watcher,
)
from githubsim.store.release_rows import Release, ReleaseAsset
from githubsim.store.rendered import Kept, Rendered, changes, shows
from githubsim.store.review_rows import Review, ReviewComment, ReviewRequest
from githubsim.store.rows import (
    Account,
    App,
    Comment,
    Delivery,
    Event,
    Installation,
    Issue,
    Label,
    Milestone,
    PullPart,
    Repository,
    Token,
)

Row = TypeVar("Row")
Found = TypeVar("Found")
_REMEMBERED = 20_000
_UNCOUNTABLE = "uncountable commits"

TABLES: dict[type[Any], str] = {
    Account: "accounts",
    App: "apps",
    Installation: "installations",
    Token: "tokens",
    Repository: "repositories",
    Issue: "issues",
    PullPart: "pulls",
    Comment: "comments",
    Label: "labels",
    Milestone: "milestones",
    Delivery: "deliveries",
    IssueEvent: "issue_events",
    Reaction: "reactions",
    Release: "releases",
    ReleaseAsset: "release_assets",
    Review: "reviews",
    ReviewComment: "review_comments",
    ReviewRequest: "review_requests",
    Collaborator: "collaborators",
    Activity: "activity",
    CommitComment: "commit_comments",
    Member: "members",
    Star: "stars",
    Team: "teams",
    TeamMember: "team_members",
    TeamRepository: "team_repositories",
    Watcher: "watchers",
}


def _codec(row_type: type[Any]) -> tuple[list[str], dict[int, Callable[[Any], Any]]]:
    """Column names of a row type, and how to decode those which SQLite cannot hold as they are."""
    hints = typing.get_type_hints(row_type)
    names = [one.name for one in fields(row_type)]
    decode: dict[int, Callable[[Any], Any]] = {}
    for place, name in enumerate(names):
        text = str(hints[name])
        if hints[name] is bool:
            decode[place] = bool
        elif text.startswith("tuple"):
            decode[place] = _tuple
        elif text.startswith("dict"):
            decode[place] = json.loads
    return names, decode


# The same labels and assignees come again and again.
@lru_cache(maxsize=20_000)
def _tuple(text: str | None) -> tuple[Any, ...] | None:
    if text is None:
        return None
    return () if text == "[]" else tuple(json.loads(text))


def _getter(
    row_type: type[Any],
) -> tuple[Callable[[Any], tuple[Any, ...]], list[int]]:
    """How to read all columns of a row at once, and the places of tuples and dicts in them."""
    names, decode = CODECS[row_type]
    return attrgetter(*names), [place for place, decoder in decode.items() if decoder is not bool]


def _dumps(value: Any) -> str:
    # The same for most rows, and asked for each row of a million.
    return json.dumps(value) if value else ("{}" if isinstance(value, dict) else "[]")


CODECS = {row_type: _codec(row_type) for row_type in TABLES}
_GETTERS = {row_type: _getter(row_type) for row_type in TABLES}
COLUMNS = {row_type: ", ".join(names) for row_type, (names, _) in CODECS.items()}


def decode(row_type: type[Row], values: Sequence[Any]) -> Row:
    """A row from the values of its columns, in the order of its fields."""
    decoders = CODECS[row_type][1]
    if not decoders:
        return row_type(*values)
    cells = list(values)
    for place, decoder in decoders.items():
        cells[place] = decoder(cells[place])
    return row_type(*cells)


def encode(row: Any) -> list[Any]:
    """The values of a row's columns."""
    get, composed = _GETTERS[type(row)]
    cells = list(get(row))
    for place in composed:
        if cells[place] is not None:
            cells[place] = _dumps(cells[place])
    return cells


class Database:
    """The file, its lock and its listeners. `path` None keeps everything in memory.

    Writes happen inside `with self.writing():`, which commits at the outermost end and only then
    tells the listeners, still under the lock, so that they hear of events in their order.
    """

    def __init__(self, path: Path | None, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.lock = threading.RLock()
        self._db = sqlite3.connect(
            str(path) if path else ":memory:", check_same_thread=False, isolation_level=None
        )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA cache_size = -65536")
        self._db.executescript(
            resources.files("githubsim.store").joinpath("schema.sql").read_text()
        )
        self._add_columns()
        self._past = Past(path, self.clock.pace)
        self._key: bytes | None = None
        self._thread = threading.local()
        self._memory: dict[Any, Any] = {}
        self._depth = 0
        self._rendered = Rendered()
        # Whether the transaction changes what lists show.
        self._changed = False
        self._events: list[Event] = []
        self._listeners: list[Callable[[Event], None]] = []

    def _add_columns(self) -> None:
        """Give the tables of an older world the columns that came since; they begin as NULL."""
        for row_type, table in TABLES.items():
            known = {one[1] for one in self._db.execute(f"PRAGMA table_info({table})")}
            for name in CODECS[row_type][0]:
                if name not in known:
                    self._db.execute(f"ALTER TABLE {table} ADD COLUMN {name}")

    def close(self) -> None:
        """Close the file. Nothing may be called afterwards."""
        with self.lock:
            self._db.close()

    def on_event(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` with each event after its change is committed. It must be quick."""
        self._listeners.append(listener)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction; nested ones join the outermost."""
        with self.lock:
            if self._depth == 0:
                self._past.before_writing()
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._db.execute("ROLLBACK")
                    self._changed = False
                    self._events.clear()
                    self.forget()
                raise
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("COMMIT")
                self._memory.clear()
                if self._changed:
                    self._changed = False
                    self._rendered.outdate()
                events, self._events = self._events, []
                for event in events:
                    for listener in self._listeners:
                        listener(event)

    def lag(self, seconds: float) -> None:
        """What is read inside `lagging()` is this far behind; webhooks and all else are not."""
        with self.lock:
            self._past.lag(seconds)

    @property
    def lags(self) -> bool:
        """Whether `lagging()` may read anything else than the present."""
        return self._past.seconds > 0

    @contextmanager
    def lagging(self) -> Iterator[None]:
        """Let this thread read what was there `lag` seconds ago, all of one moment."""
        with self.lock:
            self._thread.reader = self._past.reader()
        try:
            yield
        finally:
            self._thread.reader = None

    @property
    def in_the_past(self) -> bool:
        """Whether this thread reads an older moment: nothing of it may be remembered."""
        return getattr(self._thread, "reader", None) is not None

    @property
    def _reader(self) -> sqlite3.Connection:
        return getattr(self._thread, "reader", None) or self._db

    def forget(self) -> None:
        """Drop what is cached of rows, after a rollback."""

    def emit(self, event: Event) -> None:
        """Tell the listeners of this once the transaction is committed."""
        need_known(event.name, event.action)
        self._events.append(event)

    def allocate(self, kind: str, count: int = 1) -> int:
        """The first of `count` new ids of this kind (a key of FIRST_ID)."""
        with self.writing():
            row = self._db.execute("SELECT next FROM sequences WHERE kind = ?", (kind,)).fetchone()
            first = int(row[0]) if row else FIRST_ID[kind]
            self._db.execute(
                "INSERT INTO sequences VALUES (?, ?) "
                "ON CONFLICT (kind) DO UPDATE SET next = excluded.next",
                (kind, first + count),
            )
            return first

    def remember(self, key: Any, load: Callable[[], Found]) -> Found:
        """What `load` finds, until anything changes: lists ask the same a hundred times."""
        with self.lock:
            if self._depth or self.in_the_past:
                return load()
            if key not in self._memory:
                if len(self._memory) >= _REMEMBERED:
                    self._memory.clear()
                self._memory[key] = load()
            found: Found = self._memory[key]
            return found

    @property
    def version(self) -> int:
        """Grows with each change of what lists show; see `rendered`."""
        return self._rendered.version

    def rendered(
        self, key: Hashable, version: int, render: Callable[[], Kept | None]
    ) -> Kept | None:
        """What `render` makes of rows that were read since the store had this version, until any of
        them may have changed; None is not kept.
        """
        if self._depth or self.in_the_past:
            return render()
        found = self._rendered.get(key)
        if found is None:
            found = render()
            if found is not None:
                self._rendered.put(key, found, version)
        return found

    def rendered_rows(
        self, kind: Hashable, ids: Sequence[int], render: Callable[[list[int]], list[bytes]]
    ) -> list[bytes]:
        """The rows of a list, of which `render` is asked for those that are not kept."""
        if self._depth or self.in_the_past:
            return render(list(ids))
        version = self._rendered.version
        found = {one: self._rendered.get((kind, one)) for one in ids}
        rows = {one: row.content for one, row in found.items() if row is not None}
        missing = [one for one in ids if one not in rows]
        if missing:
            for one, content in zip(missing, render(missing), strict=True):
                rows[one] = content
                self._rendered.put((kind, one), Kept(content), version)
        return [rows[one] for one in ids]

    def rows(self, row_type: type[Row], where: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a type for `where`: what follows the table's name, ORDER BY and all."""
        sql = f"SELECT {COLUMNS[row_type]} FROM {TABLES[row_type]} {where}"  # noqa: S608
        with self.lock:
            found = self._reader.execute(sql, values).fetchall()
        return [decode(row_type, cells) for cells in found]

    def by_id(self, row_type: type[Row], ids: Sequence[int]) -> list[Row]:
        """Rows by their ids, in this order."""
        marks = ", ".join("?" * len(ids))
        found = {one.id: one for one in self.rows(row_type, f"WHERE id IN ({marks})", ids)}  # type: ignore[attr-defined]
        return [found[one] for one in ids]

    def row(self, row_type: type[Row], where: str, values: Sequence[Any] = ()) -> Row | None:
        """The first such row, or None."""
        found = self.rows(row_type, f"{where} LIMIT 1", values)
        return found[0] if found else None

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first column of the first row of a query, or None; counts are remembered."""
        if sql.startswith("SELECT count("):
            return self.remember((sql, *values), lambda: self._value(sql, values))
        return self._value(sql, values)

    def _value(self, sql: str, values: Sequence[Any]) -> Any:
        with self.lock:
            found = self._reader.execute(sql, values).fetchone()
        return found[0] if found else None

    def values(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query as plain tuples."""
        with self.lock:
            return self._reader.execute(sql, values).fetchall()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement within a transaction; how many rows it changed."""
        with self.writing():
            self._changed = self._changed or changes(sql)
            return self._db.execute(sql, values).rowcount

    def insert(self, *rows: Any) -> None:
        """Insert rows of one type."""
        self.insert_all(rows)

    def insert_all(self, rows: Iterable[Any]) -> None:
        """Insert many rows of one type."""
        rows = list(rows)
        if not rows:
            return
        row_type = type(rows[0])
        marks = ", ".join("?" * len(CODECS[row_type][0]))
        sql = f"INSERT INTO {TABLES[row_type]} ({COLUMNS[row_type]}) VALUES ({marks})"  # noqa: S608
        with self.writing():
            self._changed = self._changed or shows(TABLES[row_type])
            self._db.executemany(sql, map(encode, rows))

    def update(self, row: Any) -> None:
        """Write a row over the one with its id (its first column)."""
        names = CODECS[type(row)][0]
        sets = ", ".join(f"{name} = ?" for name in names[1:])
        cells = encode(row)
        sql = f"UPDATE {TABLES[type(row)]} SET {sets} WHERE {names[0]} = ?"  # noqa: S608
        with self.writing():
            self._changed = self._changed or shows(TABLES[type(row)])
            self._db.execute(sql, [*cells[1:], cells[0]])

    @property
    def key(self) -> bytes:
        """What all that looks random in this world is made from: see `githubsim.nonces`."""
        if self._key is None:
            kept = self.setting("key")
            self._key = nonces.key_of(0) if kept is None else bytes.fromhex(kept)
        return self._key

    @key.setter
    def key(self, key: bytes) -> None:
        self.set_setting("key", key.hex())
        self._key = key

    def keep_clock(self) -> None:
        """Remember in the world what time it is there."""
        self.set_setting("clock", str(self.clock.exact()))

    def kept_clock(self) -> float:
        """The time it was when that was kept, or 0."""
        return float(self.setting("clock") or 0)

    def setting(self, name: str) -> str | None:
        """A named text kept in the world, or None."""
        found: str | None = self.value("SELECT value FROM settings WHERE name = ?", (name,))
        return found

    def set_setting(self, name: str, value: str) -> None:
        """Keep a named text in the world."""
        self.execute(
            "INSERT INTO settings VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )

    def uncountable(self) -> frozenset[str]:
        """The commits whose changes GitHub cannot count."""
        return frozenset((self.setting(_UNCOUNTABLE) or "").split())

    def set_uncountable(self, shas: Iterable[str]) -> None:
        """These and no others."""
        self.set_setting(_UNCOUNTABLE, " ".join(sorted(shas)))
