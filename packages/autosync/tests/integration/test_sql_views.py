"""The schema `github`: what is visible now, under the names that people query."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, models
from django.db.migrations import AlterField, CreateModel, Migration

from autosync.insight import sql_views
from autosync.insight.sql_views import AnyView, View, bring_up_to_date, prepare, views
from autosync.models import GitHubAppInstallation, Repository
from tests.integration import throwaway
from tests.integration.api_rows import T0, installation, issue, repository

pytestmark = pytest.mark.django_db
NAMES = [one.name for one in views()]
OF_TABLES = [one for one in views() if isinstance(one, View)]
_ids = count(9000)
READER = "pg_monitor"  # a role that every server has


def rows(query: str, *values: Any) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        assert cursor.description is not None
        names = [one.name for one in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def existing() -> list[str]:
    found = rows("SELECT viewname FROM pg_views WHERE schemaname = 'github' ORDER BY viewname")
    return [one["viewname"] for one in found]


def may_read(name: str) -> bool:
    (found,) = rows("SELECT has_table_privilege(%s, %s, 'SELECT') AS may", READER, f"github.{name}")
    return bool(found["may"])


def filled(model: type[models.Model], here: Repository, **but: Any) -> Any:
    """A row of any table, with a value in each column that must have one."""
    values: dict[str, Any] = {}
    for one in model._meta.local_fields:
        if one.is_relation:
            of = one.related_model
            values[one.name] = here if of is Repository else filled(of, here)  # type: ignore[arg-type]
        elif not one.has_default() and not one.null and not isinstance(one, models.AutoField):
            values[one.name] = _value(one)
    for name in ("sha", "name", "identity", "node_id", "path"):
        if name in {one.name for one in model._meta.local_fields}:
            values[name] = f"{next(_ids)}"
    return model._default_manager.create(**values | but)


def _value(field: models.Field[Any, Any]) -> Any:
    if isinstance(field, models.DateTimeField):
        return T0
    return next(_ids) if isinstance(field, models.IntegerField) else ""


def test_every_table_has_a_view_after_the_migration() -> None:
    assert existing() == NAMES
    assert {"commits", "contributors", "installations", "issues", "refs"} < set(NAMES)


@pytest.mark.parametrize("name", [one.name for one in OF_TABLES])
def test_a_view_has_the_rows_that_are_visible_and_no_others(name: str) -> None:
    (view,) = (one for one in OF_TABLES if one.name == name)
    model = view.columns[0].field.model
    seen = repository("acme/seen")
    hidden = [
        repository("acme/removed", removed_at=T0),
        repository("acme/deleted", deleted_at=T0),
        repository("left/it", installation=installation(deleted_at=T0)),
    ]
    row: Any = {GitHubAppInstallation: seen.installation, Repository: seen}.get(model)  # type: ignore[call-overload]
    if row is None:
        row = filled(model, seen)
        for there in hidden:
            filled(model, there)
        if any(one.name == "deleted_at" for one in model._meta.local_fields):
            filled(model, seen, deleted_at=T0)
    (found,) = rows(f"SELECT * FROM github.{name}")
    assert list(found) == list(view.meanings)
    table, key = view.table, model._meta.pk.column
    (stored,) = rows(f'SELECT * FROM "{table}" WHERE "{key}" = %s', row.pk)
    assert {one.name: stored[one.field.column] for one in view.columns} == {
        column: value for column, value in found.items() if column != "repository"
    }
    assert found.get("repository", "acme/seen") == "acme/seen"


def test_each_view_and_column_says_what_it_is() -> None:
    for view in views():
        said = rows("SELECT obj_description(%s::regclass) AS about", f"github.{view.name}")
        assert said == [{"about": view.about}]
        assert view.about
        about = rows(
            "SELECT attname, col_description(attrelid, attnum) AS about FROM pg_attribute "
            "WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
            f"github.{view.name}",
        )
        assert {one["attname"]: one["about"] for one in about} == view.meanings
        assert all(view.meanings.values()), view.name


def test_a_second_migration_changes_nothing() -> None:
    before = rows("SELECT oid, xmin FROM pg_class WHERE relnamespace = 'github'::regnamespace")
    call_command("migrate", verbosity=0)
    after = rows("SELECT oid, xmin FROM pg_class WHERE relnamespace = 'github'::regnamespace")
    assert after == before != []


@contextmanager
def with_a_kind_more() -> Iterator[list[AnyView]]:
    with throwaway.declared() as kind:
        (made,) = (one for one in views([kind]) if one.name == "side_notes")
        yield sorted([*views(), made], key=lambda view: view.name)


def test_a_declared_kind_gets_its_view_and_a_dropped_one_loses_it() -> None:
    with with_a_kind_more() as more:
        bring_up_to_date(wanted=more)
        assert existing() == sorted([*NAMES, "side_notes"])
        (columns,) = (list(one.meanings) for one in more if one.name == "side_notes")
        assert columns[:4] == ["id", "repository_id", "repository", "node_id"]
        assert columns[-2:] == ["updated_at", "observed_at"]
    bring_up_to_date()
    assert existing() == NAMES


def test_a_view_of_an_older_version_is_replaced_and_keeps_who_may_read_it() -> None:
    older = [
        replace(one, columns=[c for c in one.columns if c.name not in ("title", "state")])
        for one in OF_TABLES
    ]
    bring_up_to_date(wanted=older)
    issue(repository(), title="Found again")
    assert "title" not in rows("SELECT * FROM github.issues")[0]
    run(f"GRANT SELECT ON github.issues TO {READER}")
    run("GRANT SELECT ON github.pull_requests TO PUBLIC")
    bring_up_to_date()
    assert rows("SELECT title FROM github.issues") == [{"title": "Found again"}]
    assert [name for name in NAMES if may_read(name)] == ["issues", "pull_requests"]


def test_a_migration_that_may_change_columns_finds_no_view_in_its_way() -> None:
    run(f"GRANT SELECT ON github.issues TO {READER}")
    harmless, not_so = Migration("0999", "mirror"), Migration("1000", "mirror")
    harmless.operations = [CreateModel("thing", [])]
    not_so.operations = [AlterField("issue", "title", models.TextField())]
    prepare([(harmless, False)])
    assert existing() == NAMES
    prepare([(not_so, False)])
    assert existing() == []
    run("ALTER TABLE issues ALTER COLUMN title TYPE varchar(90000)")
    bring_up_to_date()
    assert existing() == NAMES
    assert [name for name in NAMES if may_read(name)] == ["issues"]


def test_tables_of_an_older_version_get_no_view_until_they_are_migrated() -> None:
    prepare([(Migration("0999", "mirror"), True)])
    run("ALTER TABLE issues RENAME COLUMN locked TO was_locked")
    bring_up_to_date()
    assert existing() == [name for name in NAMES if name != "issues"]
    run("ALTER TABLE issues RENAME COLUMN was_locked TO locked")
    bring_up_to_date()
    assert existing() == NAMES


def test_views_of_people_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    run("CREATE VIEW github.mine AS SELECT title FROM github.issues")
    (first, *others) = OF_TABLES
    changed = replace(first, columns=first.columns[::-1])
    bring_up_to_date(wanted=[changed, *others])
    assert "mine" in existing()
    without = [one for one in views() if one.name != "issues"]
    with caplog.at_level(logging.WARNING):
        bring_up_to_date(wanted=without)
    assert "github.issues stays as it was: views of your own depend on it" in caplog.text
    run("DROP VIEW github.mine")
    bring_up_to_date(wanted=without)
    assert existing() == [one.name for one in without]


def test_a_table_of_the_same_name_that_is_not_ours_is_left_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run("DROP SCHEMA github CASCADE")
    run("CREATE SCHEMA github")
    run("CREATE TABLE github.issues (mine text)")
    with caplog.at_level(logging.WARNING):
        bring_up_to_date()
    assert existing() == [name for name in NAMES if name != "issues"]
    assert rows("SELECT mine FROM github.issues") == []
    assert "issues were not made" in caplog.text
    run("DROP TABLE github.issues")
    bring_up_to_date()
    assert existing() == NAMES


def test_a_role_that_may_make_no_schema_gets_one_clear_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run("DROP SCHEMA github CASCADE")
    (where,) = rows("SELECT current_database() AS database, current_user AS role")
    run('REVOKE CREATE ON DATABASE "{database}" FROM "{role}"'.format(**where))
    with caplog.at_level(logging.WARNING):
        bring_up_to_date()
    (line,) = (one.getMessage() for one in caplog.records if one.name == sql_views.__name__)
    assert "the database role may not make the schema github" in line
    assert 'CREATE SCHEMA github AUTHORIZATION "' in line
    assert "\n" not in line
    assert existing() == []
