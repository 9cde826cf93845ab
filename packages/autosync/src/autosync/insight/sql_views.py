"""The schema `github`: a view per table with what is at GitHub now, for people who query with SQL.

Made after each migration. A view depends on the columns of its tables, so those that a migration
may change are dropped before it. Granted rights are kept.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, models, transaction
from django.db.backends.utils import CursorWrapper
from django.db.migrations import operations as ops
from django.db.migrations.migration import Migration
from psycopg import errors, sql

from autosync.kinds import TABLES, Derived, left_out
from autosync.kinds import _shown as shown
from autosync.kinds._plain import PLAIN
from autosync.kinds._relations import RELATIONS, Relation
from autosync.kinds._shown import Shown
from autosync.models import GitHubAppInstallation, Repository

logger = logging.getLogger(__name__)

SCHEMA: Final = "github"
_LOCK = 0x6769746875627677  # of several that migrate at once, one makes the views
_NOTE = "What is at GitHub now. AutoSync makes and replaces these views: {} (version {})."
_NOTED = re.compile(r"these views: (?P<names>.*) \(version (?P<version>\w+)\)\.$")
# What changes no column that a view may have.
_HARMLESS = (
    ops.AddConstraint, ops.AddField, ops.AddIndex, ops.AlterModelManagers, ops.AlterModelOptions,
    ops.CreateModel, ops.RemoveConstraint, ops.RemoveIndex, ops.RunPython,
)  # fmt: skip
Right = tuple[str, str, bool]  # to whom, to do what, and whether to pass it on

# What views that were dropped before a migration had granted: view → rights.
_granted: dict[str, list[Right]] = {}


@dataclass(frozen=True)
class View:
    """One view: its name, the table below it and the rows of that, columns with their meaning."""

    name: str
    about: str
    columns: Sequence[Shown]
    where: str

    @property
    def table(self) -> str:
        """The table below it."""
        return self.columns[0].field.model._meta.db_table

    @property
    def needs(self) -> set[str]:
        """The columns that the table must have."""
        return {one.field.column for one in self.columns}

    @property
    def uses(self) -> Mapping[str, set[str]]:
        """The tables that it reads, with the columns that they must have."""
        return {self.table: self.needs}

    @property
    def meanings(self) -> Mapping[str, str]:
        """Its columns in order, and what each means."""
        found: dict[str, str] = {}
        for one in self.columns:
            found[one.name] = one.about
            if self._names_repository and one.name == "repository_id":
                found["repository"] = shown.REPOSITORY_NAME
            if self._names_account and one.name == "account_id":
                found["account"] = shown.ACCOUNT_NAME
        return found

    @property
    def select(self) -> str:
        """Its query."""
        lines = []
        for one in self.columns:
            lines.append(f'mirrored."{one.field.column}" AS "{one.name}"')
            if self._names_repository and one.name == "repository_id":
                lines.append('repository.full_name AS "repository"')
            if self._names_account and one.name == "account_id":
                lines.append('account.login AS "account"')
        joins = "JOIN installations installation ON installation.github_id = {}.installation_id"
        if self._names_repository:
            own = "JOIN repositories repository ON repository.github_id = mirrored.repository_id"
            joins = f"{own}\n{joins.format('repository')}"
        elif self.table == "repositories":
            joins = joins.format("mirrored")
        elif self._names_account:
            joins = f"JOIN {_ACCOUNTS} account ON account.id = mirrored.account_id"
        else:
            joins = ""
        columns = ",\n  ".join(lines)
        return f'SELECT\n  {columns}\nFROM "{self.table}" mirrored\n{joins}\nWHERE {self.where}'

    @property
    def _names_repository(self) -> bool:
        return any(one.name == "repository_id" for one in self.columns)

    @property
    def _names_account(self) -> bool:
        named = any(one.name == "account_id" for one in self.columns)
        return named and self.table != "installations"


AnyView = View | Relation


def views(kinds: Iterable[Derived] = ()) -> Sequence[AnyView]:
    """All that there are to be, by name; of these kinds, or of all."""
    found: list[AnyView] = [_plain(model) for model in PLAIN]
    found += () if kinds else RELATIONS
    for kind in kinds or TABLES.values():
        about = shown.sentence(kind.model.__doc__)
        if why := left_out().get(kind.name):
            about += f" Not kept up: {why}. What is here is of before that."
        # What others carry goes with them.
        alive = [_ALIVE] if kind.merge.has("deleted_at") else []
        seen = [] if kind.of_account else [_IN_SIGHT]
        found.append(
            View(kind.merge.table, about, shown.columns(kind), " AND ".join([*alive, *seen]))
        )
    return sorted(found, key=lambda view: str(view.name))


# The organisations on which the App is installed, each once.
_ACCOUNTS = (
    "(SELECT DISTINCT ON (account_id) account_id AS id, account_login AS login "
    "FROM installations WHERE deleted_at IS NULL ORDER BY account_id, github_id DESC)"
)
_ALIVE = "mirrored.deleted_at IS NULL"
_IN_SIGHT = (
    "repository.deleted_at IS NULL AND repository.removed_at IS NULL "
    "AND installation.deleted_at IS NULL"
)


def _plain(model: type[models.Model]) -> View:
    where = f"{_ALIVE} AND {_IN_SIGHT}"
    if model is GitHubAppInstallation:
        where = _ALIVE
    elif model is Repository:
        where = f"{_ALIVE} AND mirrored.removed_at IS NULL AND installation.deleted_at IS NULL"
    elif not any(one.name == "deleted_at" for one in model._meta.local_fields):
        where = _IN_SIGHT  # it goes with its repository
    about = shown.sentence(model.__doc__)
    return View(model._meta.db_table, about, shown.plain_columns(model), where)


def prepare(plan: Iterable[tuple[Migration, bool]], using: str = DEFAULT_DB_ALIAS) -> None:
    """Before a migration: drop the views if it may change a column of theirs."""
    if using != DEFAULT_DB_ALIAS or not any(_may_change(one, back) for one, back in plan):
        return
    with transaction.atomic(), connection.cursor() as cursor:
        for name in _existing(cursor, _noted(cursor)[0]):
            rights = _rights(cursor, name)
            if _try_to_drop(cursor, name):
                _granted[name] = rights


def bring_up_to_date(
    using: str = DEFAULT_DB_ALIAS, wanted: Sequence[AnyView] | None = None
) -> None:
    """Make what is missing, replace what has changed, drop what is no more. Does nothing twice.

    A role that may not make the schema gets one line in the log, and everything else works.
    """
    if using != DEFAULT_DB_ALIAS:
        return
    with connection.cursor() as cursor:
        fit = _fitting(cursor, views() if wanted is None else wanted)
        version = hashlib.sha256(
            repr([(one.name, one.about, one.select, dict(one.meanings)) for one in fit]).encode()
        ).hexdigest()[:12]
        names, before = _noted(cursor)
        if before == version and _existing(cursor, names) == names:
            return
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            _remake(cursor, fit, version)
    except DatabaseError as error:
        if not isinstance(error.__cause__, errors.InsufficientPrivilege):
            raise
        role = connection.get_connection_params().get("user", "")
        logger.warning(
            "The SQL views were not made: the database role may not make the schema %s. Let the "
            'database\'s owner run `CREATE SCHEMA %s AUTHORIZATION "%s"`, then run `manage.py '
            "migrate`. Everything else works without them.",
            SCHEMA, SCHEMA, role,
        )  # fmt: skip


def _may_change(migration: Migration, backwards: bool) -> bool:
    if migration.app_label != "mirror":
        return False
    return backwards or not all(isinstance(one, _HARMLESS) for one in migration.operations)


def _remake(cursor: CursorWrapper, fit: Sequence[AnyView], version: str) -> None:
    cursor.execute("SELECT to_regnamespace(%s) IS NULL", [SCHEMA])
    if cursor.fetchone() == (True,):
        cursor.execute(f"CREATE SCHEMA {SCHEMA}")
    ours, _ = _noted(cursor)
    foreign = [one.name for one in fit if one.name not in ours]
    taken = _existing(cursor, foreign)
    if taken:
        logger.warning(
            "The SQL views %s were not made: the schema %s has tables or views of these names that "
            "AutoSync did not make. Rename them, then run `manage.py migrate`.",
            ", ".join(taken), SCHEMA,
        )  # fmt: skip
    made = [one for one in fit if one.name not in taken and _replace(cursor, one)]
    dropped = set(_existing(cursor, ours)) - {one.name for one in fit}
    left = [name for name in sorted(dropped) if not _try_to_drop(cursor, name)]
    kept = [*(one.name for one in fit if one in made or one.name in ours), *left]
    # Unless all is done, the next migration tries again.
    noted = version if len(made) == len(fit) and not left else "0"
    _comment(cursor, f"SCHEMA {SCHEMA}", _NOTE.format(", ".join(kept), noted))


def _replace(cursor: CursorWrapper, view: AnyView) -> bool:
    """Make the view as it is to be; whether that was possible."""
    place = f'{SCHEMA}."{view.name}"'
    try:
        with transaction.atomic():
            cursor.execute(f"CREATE OR REPLACE VIEW {place} AS {view.select}")
    except DatabaseError as error:
        # Only columns at the end may be added to a view.
        if not isinstance(error.__cause__, errors.InvalidTableDefinition):
            raise
        rights = _rights(cursor, view.name)
        if not _try_to_drop(cursor, view.name):
            return False
        cursor.execute(f"CREATE VIEW {place} AS {view.select}")
        _granted[view.name] = rights
    for role, right, further in _granted.pop(view.name, ()):
        option = " WITH GRANT OPTION" if further else ""
        cursor.execute(f"GRANT {right} ON {place} TO {role}{option}")
    _comment(cursor, f"VIEW {place}", view.about)
    for name, about in view.meanings.items():
        _comment(cursor, f'COLUMN {place}."{name}"', about)
    return True


def _try_to_drop(cursor: CursorWrapper, name: str) -> bool:
    try:
        with transaction.atomic():
            cursor.execute(f'DROP VIEW {SCHEMA}."{name}"')
    except DatabaseError as error:
        if not isinstance(error.__cause__, errors.DependentObjectsStillExist):
            raise
        logger.warning(
            "The SQL view %s.%s stays as it was: views of your own depend on it. Drop those, run "
            "`manage.py migrate`, and make them again.",
            SCHEMA, name,
        )  # fmt: skip
        return False
    return True


def _comment(cursor: CursorWrapper, what: str, text: str) -> None:
    # PostgreSQL takes no parameters here.
    quoted = sql.Literal(text or None).as_string(None)
    cursor.execute(f"COMMENT ON {what} IS {quoted}".replace("%", "%%"), [])


def _fitting(cursor: CursorWrapper, wanted: Sequence[AnyView]) -> list[AnyView]:
    """Those whose tables have every column: not by migrations that came before them."""
    cursor.execute(
        "SELECT relname, array_agg(attname::text) FROM pg_class "
        "JOIN pg_attribute ON attrelid = pg_class.oid "
        "WHERE relname = ANY(%s) AND pg_table_is_visible(pg_class.oid) AND relkind IN ('r', 'p') "
        "AND attnum > 0 AND NOT attisdropped GROUP BY relname",
        [sorted({table for one in wanted for table in one.uses})],
    )
    columns: dict[str, Any] = dict(cursor.fetchall())
    return [
        one
        for one in wanted
        if all(needs <= set(columns.get(table, ())) for table, needs in one.uses.items())
    ]


def _noted(cursor: CursorWrapper) -> tuple[list[str], str]:
    """The views that AutoSync made, and of which version: written on the schema."""
    cursor.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s",
        [SCHEMA],
    )
    found = cursor.fetchone()
    noted = _NOTED.search(found[0] or "") if found else None
    if noted is None:
        return [], ""
    return [one for one in noted["names"].split(", ") if one], noted["version"]


def _existing(cursor: CursorWrapper, names: Sequence[str]) -> list[str]:
    """Those of the names that the schema has, in the order given."""
    cursor.execute(
        "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE nspname = %s AND relname = ANY(%s)",
        [SCHEMA, list(names)],
    )
    found = {name for (name,) in cursor.fetchall()}
    return [name for name in names if name in found]


def _rights(cursor: CursorWrapper, name: str) -> list[Right]:
    """What others than the owner may do with a view."""
    cursor.execute(
        "SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END, "
        "privilege_type, is_grantable FROM pg_class "
        "JOIN pg_namespace ON pg_namespace.oid = relnamespace, aclexplode(relacl) "
        "WHERE nspname = %s AND relname = %s AND grantee <> relowner",
        [SCHEMA, name],
    )
    return [(role, right, further) for role, right, further in cursor.fetchall()]
