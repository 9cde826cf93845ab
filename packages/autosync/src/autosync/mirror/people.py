"""People who are forgotten: whoever writes a row, a line of the feed or a delivery asks here.

They are known by digests that take a key to make, and the key is not in the database. Every process
holds the list, and reads it again every REFRESH seconds when it writes; `autosync forget` waits for
that. While nobody is forgotten a writer pays for one comparison.

What is found to be theirs is written as what GitHub shows of a deleted account: no number, no login
(in a payload the user `ghost`), and no text.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from autosync import config
from autosync.errors import AutoSyncError
from autosync.mirror.merge import Merge, Row

REFRESH = 2.0  # seconds
GHOST = "ghost"
_REMEMBERED = 100_000  # digests kept in memory
# 12345+ada@users.noreply.github.com, ada@users.noreply.github.com: the same on a server of one's
# own. https://docs.github.com/account-and-profile/reference/email-addresses-reference
_NOREPLY = re.compile(r"(?:(\d+)\+)?([\w-]+)@users\.noreply\.[\w.-]+")
# Each begins with what is rare in text and quickly found; what is before it is looked at then.
# @ada
_MENTION = re.compile(r"@(?<![\w@/.-]@)([A-Za-z0-9][\w-]*)", re.ASCII)
# …://github.com/ada, …://api.github.com/users/ada, git@github.com:ada/rocket.git
_ADDRESS = re.compile(
    r"(?:://[^/\s\"'<>()]+/(?:api/v3/)?(?:users/|repos/|orgs/)?|git@[\w.:-]+:)"
    r"([A-Za-z0-9][\w-]*)",
    re.ASCII,
)
# ada/rocket#5
_REFERENCE = re.compile(r"/[\w.-]+#\d", re.ASCII)
_OWNER = re.compile(r"(?<![\w/.@-])[A-Za-z0-9][\w-]*\Z", re.ASCII)
# https://avatars.githubusercontent.com/u/12345
_PICTURE = re.compile(r"//avatars[\w.-]*/u/(\d+)", re.ASCII)
# Signed-off-by: Ada <ada@example.org>
_SIGNED = re.compile(r"<([^<>\s@]+@[^<>\s]+)>")
_NAME = re.compile(r"[^\n<>:,;]*\Z")
_DOMAIN = re.compile(r"@[\w-]+(?:\.[\w-]+)+")
_LOCAL = re.compile(r"[\w.+%-]+\Z")
_FAR = 80  # characters to look back
# ada/rocket, ada:main, as a whole value
_OWNED = re.compile(r"(?P<owner>[A-Za-z0-9][\w-]*)(?P<rest>[/:][\w./#-]+)", re.ASCII)


class WrongKey(AutoSyncError):
    """The list of forgotten people was made with another key."""


@dataclass
class Forgotten:
    """The list as one process holds it: digest → whose it is."""

    key: bytes
    known: Mapping[str, uuid.UUID]
    numbered: frozenset[uuid.UUID] = frozenset()  # of whom a number is known
    _digests: dict[tuple[str, str], uuid.UUID | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.known)

    def whose(self, kind: str, value: str) -> uuid.UUID | None:
        """The person that this number, login or address is of."""
        asked = (kind, value)
        try:
            return self._digests[asked]
        except KeyError:
            if len(self._digests) >= _REMEMBERED:
                self._digests.clear()
            found = self._digests[asked] = self.known.get(digest(self.key, kind, value))
            return found

    def account(self, number: int | None, login: str) -> uuid.UUID | None:
        """The person with this account. A login that another account has by now is not theirs."""
        if number is not None:
            by_number = self.whose("id", str(number))
            by_login = self.whose("login", login) if login else None
            if by_number is not None:
                if login and by_login is None and login != GHOST:
                    self.learn(by_number, "login", login)
                return by_number
            if by_login is None or by_login in self.numbered:
                return None
            self.learn(by_login, "id", str(number))
            return by_login
        return self.whose("login", login) if login else None

    def address(self, email: str) -> uuid.UUID | None:
        """The person with this e-mail address."""
        found = _NOREPLY.fullmatch(email)
        if found:
            number = int(found[1]) if found[1] else None
            return self.account(number, found[2])
        return self.whose("email", email)

    def learn(self, person: uuid.UUID, kind: str, value: str) -> None:
        """One more thing by which that person is recognised, seen beside what was known."""
        self._digests[kind, value] = person
        remember([(kind, value)], person)

    def text(self, value: str) -> str:
        """What others wrote, with `ghost` in place of each mention of a forgotten person."""
        if "/" not in value and "@" not in value and ":" not in value:
            return value
        end = 0
        parts: list[str] = []
        for start, after, ghost in sorted(self._mentions(value), key=lambda one: (one[0], -one[1])):
            if start >= end:  # else it is within the one before
                parts += (value[end:start], ghost)
                end = after
        if end:
            value = "".join([*parts, value[end:]])
        owned = _OWNED.fullmatch(value)
        if owned and self.whose("login", owned["owner"]):
            value = GHOST + owned["rest"]
        return value

    def _mentions(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where they are: start, end, and what takes their place."""
        if "@" in text:
            for one in _MENTION.finditer(text):
                yield from self._name(*one.span(1), text)
            for one in _SIGNED.finditer(text) if "<" in text else ():
                if self.address(one[1]):
                    before = text[max(one.start() - _FAR, 0) : one.start()]
                    name = _NAME.search(before)
                    start = one.start() - (len(name[0].lstrip()) if name else 0)
                    yield start, one.end(), f"{GHOST} <{GHOST}>"
            for one in _DOMAIN.finditer(text):
                local = _LOCAL.search(text[max(one.start() - _FAR, 0) : one.start()])
                if local and self.address(local[0] + one[0]):
                    yield one.start() - len(local[0]), one.end(), GHOST
        if "/" in text:
            for one in _ADDRESS.finditer(text):
                yield from self._name(*one.span(1), text)
            for one in _REFERENCE.finditer(text) if "#" in text else ():
                first = max(one.start() - _FAR, 0)
                owner = _OWNER.search(text, first, one.start())
                if owner:
                    yield from self._name(*owner.span(), text)
            for one in _PICTURE.finditer(text):
                if self.whose("id", one[1]):
                    yield *one.span(1), "0"

    def _name(self, start: int, end: int, text: str) -> Iterator[tuple[int, int, str]]:
        """A login may be followed by a dash that is not of it."""
        name = text[start:end]
        if self.whose("login", name):
            yield start, end, GHOST
        elif name[-1] in "-_" and self.whose("login", short := name.rstrip("-_")):
            yield start, start + len(short), GHOST

    def row(self, merge: Merge, row: Row, *, member: bool = False) -> Row | None:
        """The row without them; None for a `member` of a set who is one of them.

        Where the person is part of the key, the number that stands for it is negative, the same
        each time, and takes the key of the list to make.
        """
        changed: dict[str, Any] = {}
        for person in merge.people:
            if person.several:
                listed = row.get(person.login) or ()
                kept = [login for login in listed if not self.whose("login", login)]
                if len(kept) < len(listed):
                    changed[person.login] = kept
                continue
            number, login = row.get(person.id), row.get(person.login) or ""
            email = row.get(person.email) or ""
            if not self.account(number, login) and not (email and self.address(email)):
                continue
            if member:
                return None
            for name in (person.id, person.login, person.name, person.email, *person.writes):
                if name in row:
                    changed[name] = self._blank(merge, name, row[name])
        if "sets" in row:  # members of other tables, whom the row carries
            changed["sets"] = self._sets(merge, row["sets"])
        for name, value in row.items():
            if type(value) is dict and name not in changed and name != "sets":
                plain = {k: self.text(v) if type(v) is str else v for k, v in value.items()}
                if plain != value:
                    changed[name] = plain
            if type(value) is str and name not in changed and name != "node_id":
                cleaned = self.text(value)
                if cleaned != value:
                    changed[name] = cleaned
        return {**row, **changed} if changed else row

    def _sets(self, merge: Merge, sets: Mapping[str, Sequence[Row]]) -> Mapping[str, Any]:
        merges = {one.name: one.members for one in merge.sets}
        return {
            name: [m for m in members if self.row(merges[name], m, member=True) is not None]
            if name in merges
            else members
            for name, members in sets.items()
        }

    def _blank(self, merge: Merge, name: str, value: Any) -> Any:
        if name in merge.key:
            if isinstance(value, int):
                return value if value < 0 else self.stand_in(value)
            return value if value.startswith(GHOST) else f"{GHOST}{-self.stand_in(value)}"
        return None if merge.fields[name].null else ""

    def stand_in(self, value: int | str) -> int:
        """A negative number in place of an account's: nobody else's, and never another."""
        made = hmac.digest(self.key, f"stand-in:{value}".lower().encode(), "sha256")
        return -1 - (int.from_bytes(made[:8]) >> 2)


def digest(key: bytes, kind: str, value: str) -> str:
    """GitHub takes no account of case, in logins and in addresses."""
    return hmac.digest(key, f"{kind}:{value.lower()}".encode(errors="replace"), "sha256").hex()


_NOBODY = Forgotten(b"", {})
_held = _NOBODY
_good_until = 0.0


def current() -> Forgotten:
    """The list; at most REFRESH seconds old. Raises WrongKey if it was made with another key."""
    global _held, _good_until
    now = time.monotonic()
    if now < _good_until:
        return _held
    with connection.cursor() as cursor:
        cursor.execute("SELECT person, kind, digest, key FROM forgotten_people")
        rows = cursor.fetchall()
    if rows:
        key = own_key()
        if any(row[3] != name_of(key) for row in rows):
            raise WrongKey(
                "People were forgotten here under another key, so that they cannot be recognised "
                "now. Set AUTOSYNC_PEOPLE_KEY to the AUTOSYNC_SECRET_KEY of that time (the content "
                "of `secret_key` in the data folder if that was not set), the same on all machines."
            )
        known = {row[2]: row[0] for row in rows}
        if known != _held.known:
            numbered = frozenset(row[0] for row in rows if row[1] == "id")
            _held = Forgotten(key, known, numbered)
    else:
        _held = _NOBODY
    _good_until = now + REFRESH
    return _held


def held() -> Forgotten:
    """The list as this process read it last, for whoever may not ask the database."""
    return _held


def read_again() -> None:
    """Have this process read the list when it writes next."""
    global _good_until
    _good_until = 0.0


def own_key() -> bytes:
    """The key of the digests, from the settings of this machine."""
    settings = config.load()
    secret = settings.autosync_people_key or settings.secret_key()
    return hmac.digest(secret.encode(), b"forgotten people", "sha256")


def name_of(key: bytes) -> str:
    return hashlib.sha256(b"name" + key).hexdigest()[:16]


def remember(facts: Iterable[tuple[str, str]], person: uuid.UUID | None = None) -> uuid.UUID:
    """Store that these (kind, value) are of one forgotten person, who may be known already."""
    key = own_key()
    known = current()
    facts = list(facts)
    for kind, value in facts:
        person = person or known.whose(kind, value)
    person = person or uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO forgotten_people (person, kind, digest, key) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (digest) DO NOTHING",
            [[person, kind, digest(key, kind, value), name_of(key)] for kind, value in facts],
        )
    read_again()
    return person


def unnamed(merge: Merge, rows: Sequence[Row], *, members: bool = False) -> Sequence[Row]:
    """Rows without forgotten people; of `members` of sets, only those who are not."""
    forgotten = current()
    if not forgotten:
        return rows
    cleaned = (forgotten.row(merge, row, member=members) for row in rows)
    return [row for row in cleaned if row is not None]
