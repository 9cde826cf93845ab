"""One pass over the database that takes a person out of it, table after table, in batches."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Q

from autosync import config
from autosync.github.git_cache import GitCache
from autosync.kinds import KINDS, RESOURCES
from autosync.mirror import people
from autosync.mirror.merge import Merge
from autosync.mirror.models import Contributor
from autosync.mirror.people import Forgotten
from autosync.mirror.unnamed_payloads import unnamed_body

BATCH = 200  # rows changed in one transaction
# Accounts of AutoSync itself, which an administrator gives and takes; not GitHub's people.
OWN_ACCOUNTS = {"auth_user": "username", "api_tokens": "name"}


@dataclass
class Known:
    """What is known of a person, in the clear; never stored."""

    ids: set[int] = field(default_factory=set)
    logins: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)

    def facts(self) -> list[tuple[str, str]]:
        """As the list of forgotten people has them."""
        return [
            *(("id", str(number)) for number in sorted(self.ids)),
            *(("login", login) for login in sorted(self.logins)),
            *(("email", email) for email in sorted(self.emails)),
        ]

    def pattern(self, *, names: bool = True) -> str:
        """A regular expression, of Python and of PostgreSQL, for any of it as a whole word."""
        words = self.logins | self.emails | (self.names if names else set())
        either = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
        return rf"(?<![A-Za-z0-9_-])(?:{either or '(?!)'})(?![A-Za-z0-9_-])"


@dataclass
class Erased:
    """Rows that were changed or deleted by table, and what stays: rows by table, and sentences."""

    known: Known
    rows: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def count(self, table: str, rows: int) -> None:
        if rows:
            self.rows[table] = self.rows.get(table, 0) + rows


@dataclass(frozen=True)
class Table:
    name: str
    key: str
    columns: tuple[tuple[str, str], ...]  # name and type


def tables() -> list[Table]:
    """Every table of the database with text in it, whoever made it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%%I.%%I', n.nspname, c.relname), c.relname, "
            "pg_table_is_visible(c.oid), "
            "(SELECT quote_ident(k.attname) FROM pg_index i JOIN pg_attribute k "
            " ON k.attrelid = c.oid AND k.attnum = i.indkey[0] WHERE i.indrelid = c.oid "
            " AND i.indisprimary AND i.indnkeyatts = 1), "
            "array_agg(quote_ident(a.attname) ORDER BY a.attnum), "
            "array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum) "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
            "JOIN pg_type t ON t.oid = a.atttypid "
            "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attgenerated = '' "
            "AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%' "
            "AND t.typname IN ('text', 'varchar', 'json', 'jsonb', '_text', '_varchar') "
            "GROUP BY c.oid, n.nspname, c.relname ORDER BY 1",
            [],
        )
        return [
            Table(name if here else full, key or "ctid", tuple(zip(names, types, strict=True)))
            for full, name, here, key, names, types in cursor.fetchall()
        ]


class Eraser:
    """One pass over the database."""

    def __init__(self, known: Known, forgotten: Forgotten, erased: Erased, dry_run: bool) -> None:
        self._known, self._forgotten = known, forgotten
        self._erased, self._dry_run = erased, dry_run
        self._coarse = known.pattern(names=False)
        self._words = re.compile(known.pattern(), re.IGNORECASE)
        self._numbers = re.compile(
            rf"(?<![\d.])(?:{'|'.join(map(str, sorted(known.ids))) or '(?!)'})(?![\d.])"
        )

    def mirrored(self, merge: Merge) -> None:
        """Rows about the person, and rows of others that mention them."""
        columns = [one.column for one in merge.fields.values() if _textual(one)]
        spoken = ", ".join(f"t.{name}::text" for name in columns)
        where = f"concat_ws(E'\\n', {spoken}) ~* %(words)s" if columns else "false"
        for person in merge.people:
            if person.id:
                where += f" OR t.{person.id} = ANY(%(ids)s)"
        pk = merge.model._meta.pk.column
        member = merge not in [one.merge for one in RESOURCES]
        values = {"words": self._coarse, "ids": list(self._known.ids)}
        changed = left = 0
        for keys in self._batches(merge.table, pk, where, values):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT * FROM {merge.table} WHERE {pk} = ANY(%s) "  # noqa: S608 (our names)
                    f"ORDER BY {pk} FOR NO KEY UPDATE",
                    [keys],
                )
                names = [one.name for one in cursor.description or ()]
                rows = [
                    _decoded(merge, dict(zip(names, row, strict=True))) for row in cursor.fetchall()
                ]
                wrote = []
                for row in rows:
                    cleaned = self._forgotten.row(merge, row, member=member)
                    if cleaned is None:
                        changed += 1
                        self._run(cursor, f"DELETE FROM {merge.table} WHERE {pk} = %s", [row[pk]])  # noqa: S608
                        continue
                    new = {k: v for k, v in cleaned.items() if v != row[k]}
                    left += bool(self._still(cleaned))
                    if not new:
                        continue
                    changed += 1
                    if any(name in new for one in merge.people for name in one.writes):
                        wrote.append(row)
                    sets = ", ".join(f"{name} = %s" for name in new)
                    stored = [
                        merge.fields[name].get_db_prep_save(value, connection)
                        for name, value in new.items()
                    ]
                    update = f"UPDATE {merge.table} SET {sets} WHERE {pk} = %s"  # noqa: S608
                    self._run(cursor, update, [*stored, row[pk]])
                self._feed(cursor, merge, wrote)
        self._erased.count(merge.table, changed)
        if left:
            self._erased.left[merge.table] = left

    def _still(self, row: Any) -> bool:
        return any(type(v) is str and self._words.search(v) for v in row.values())

    def _feed(self, cursor: Any, merge: Merge, wrote: Sequence[dict[str, Any]]) -> None:
        """Lines of the feed that quote what the person wrote."""
        if not wrote or self._dry_run:
            return
        texts = {
            str(row[name])[:300]
            for row in wrote
            for one in merge.people
            for name in one.writes
            if row[name]
        }
        cursor.execute(
            "UPDATE feed SET title = '' WHERE repository_id = ANY(%(homes)s) AND title <> '' AND "
            "(html_url = ANY(%(urls)s) OR split_part(html_url, '#', 1) = ANY(%(urls)s) "
            "OR title = ANY(%(texts)s) OR (kind = 'commit' AND object_key = ANY(%(shas)s)))",
            {
                "homes": list({row["repository_id"] for row in wrote}),
                "urls": [row["html_url"] for row in wrote if row.get("html_url")],
                "texts": list(texts | {text.partition("\n")[0] for text in texts}),
                "shas": [row["sha"] for row in wrote if "sha" in row],
            },
        )

    def contributors(self) -> None:
        """Counted from commits, which no longer say who it was."""
        theirs = Q(github_user_id__in=self._known.ids)
        for login in self._known.logins:
            theirs |= Q(login__iexact=login) | Q(email__icontains=f"{login}@users.noreply.")
        for email in self._known.emails:
            theirs |= Q(email__iexact=email)
        rows = Contributor.objects.filter(theirs)
        self._erased.count("contributors", rows.count() if self._dry_run else rows.delete()[0])

    def keys(self) -> None:
        """Where a person is part of an object's key: lines of the feed, findings of audits."""
        ids = [str(number) for number in self._known.ids]
        for kind in KINDS.values():
            numbers = {one.id for one in kind.merge.people} - {""}
            line = kind.declared.feed
            with transaction.atomic(), connection.cursor() as cursor:
                if line is not None and line.key in numbers:
                    self._run(
                        cursor,
                        "UPDATE feed SET object_key = '0' WHERE kind = %s AND object_key = ANY(%s)",
                        [line.kind, ids],
                    )
                if numbers & set(kind.merge.key):
                    self._run(
                        cursor,
                        "UPDATE audit_findings SET object_key = "
                        "regexp_replace(object_key, %s, '0', 'g') WHERE resource = %s",
                        [self._numbers.pattern, kind.name],
                    )

    def inbox(self) -> None:
        """Deliveries as they came."""
        numbers = "|".join(map(str, sorted(self._known.ids))) or "(?!)"
        where = (
            "encode(t.body, 'escape') ~* %(words)s OR t.error ~* %(words)s "
            "OR t.headers::text ~* %(words)s "
            "OR t.touched::text ~ %(numbers)s OR encode(t.body, 'escape') ~ %(numbers)s"
        )
        values = {"words": self._coarse, "numbers": rf"(?<!\d)(?:{numbers})(?!\d)"}
        changed = left = 0
        for keys in self._batches("inbox", "id", where, values):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT id, received_at, body, error, headers::text, touched::text FROM inbox "
                    "WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
                    [keys],
                )
                for pk, at, raw, *texts in cursor.fetchall():
                    body = unnamed_body(self._forgotten, bytes(raw))
                    error, headers, touched = (self._replaced(text) for text in texts)
                    if touched is not None:
                        touched = self._numbers.sub("0", touched)
                    left += bool(self._words.search(body.decode("utf-8", "replace")))
                    if (body, error, headers, touched) == (bytes(raw), *texts):
                        continue
                    changed += 1
                    self._run(
                        cursor,
                        "UPDATE inbox SET body = %s, error = %s, headers = %s::jsonb, "
                        "touched = %s::jsonb WHERE id = %s AND received_at = %s",
                        [body, error, headers, touched, pk, at],
                    )
        self._erased.count("inbox", changed)
        if left:
            self._erased.left["inbox"] = left

    def own(self, table: Table) -> None:
        """What AutoSync and its libraries wrote for themselves: errors, jobs, logs of the admin."""
        spoken = ", ".join(f"t.{name}::text" for name, _ in table.columns)
        where = f"concat_ws(E'\\n', {spoken}) ~* %(words)s"
        names = ", ".join(f"{name}::text" for name, _ in table.columns)
        sets = ", ".join(f"{name} = %s::{of}" for name, of in table.columns)
        changed = 0
        for keys in self._batches(table.name, table.key, where, {"words": self._words.pattern}):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT {table.key}, {names} FROM {table.name} "  # noqa: S608
                    f"WHERE {table.key} = ANY(%s) FOR UPDATE",
                    [keys],
                )
                for key, *texts in cursor.fetchall():
                    changed += 1
                    self._run(
                        cursor,
                        f"UPDATE {table.name} SET {sets} WHERE {table.key} = %s",  # noqa: S608
                        [*(self._replaced(text) for text in texts), key],
                    )
        self._erased.count(table.name, changed)

    def note_what_stays(self) -> None:
        """What belongs to AutoSync itself, and clones on this machine."""
        with connection.cursor() as cursor:
            for table, column in OWN_ACCOUNTS.items():
                cursor.execute(
                    f"SELECT {column} FROM {table} WHERE {column} ~* %s",  # noqa: S608 (our names)
                    [self._words.pattern],
                )
                self._erased.notes += [
                    f"An account or token of AutoSync itself is called {name} ({table}): delete it "
                    "in the admin if it is theirs."
                    for (name,) in cursor.fetchall()
                ]
        if self._erased.rows.get("commits"):
            caches = GitCache(config.load().data_dir / "git").repositories()
            if caches:
                self._erased.notes.append(
                    f"Git clones on this machine ({len(caches)}) hold commits as git has them; "
                    "they are part of the history that is still at GitHub."
                )

    def _replaced(self, text: str | None) -> str | None:
        return None if text is None else self._words.sub(people.GHOST, text)

    def _run(self, cursor: Any, sql: str, values: Sequence[Any]) -> None:
        if not self._dry_run:
            cursor.execute(sql, values)

    def _batches(
        self, table: str, key: str, where: str, values: dict[str, Any]
    ) -> Iterator[list[Any]]:
        """Keys of the rows that match now, found in one pass."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT t.{key} FROM {table} t WHERE {where} ORDER BY 1", values)  # noqa: S608
            keys = [row[0] for row in cursor.fetchall()]
        for start in range(0, len(keys), BATCH):
            yield keys[start : start + BATCH]


def _textual(column: models.Field[Any, Any]) -> bool:
    return column.get_internal_type() in ("CharField", "TextField", "JSONField", "ArrayField")


def _decoded(merge: Merge, row: dict[str, Any]) -> dict[str, Any]:
    """A row as Django reads it: JSON as what it holds."""
    for name, column in merge.fields.items():
        if isinstance(column, models.JSONField):
            row[name] = json.loads(row[name]) if isinstance(row[name], str) else row[name]
    return row
