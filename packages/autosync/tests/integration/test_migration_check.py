"""Whether a start has to migrate is found out without Django, and rightly."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from autosync.service import migration


def test_it_knows_every_migration_that_django_knows() -> None:
    loader = MigrationLoader(None)
    assert migration.on_disk() == {f"{app}.{name}" for app, name in loader.disk_migrations}


@pytest.mark.django_db(transaction=True)
def test_nothing_is_missing_in_a_migrated_database(monkeypatch: pytest.MonkeyPatch) -> None:
    _in_the_test_database(monkeypatch)
    assert migration.missing() == []
    assert not migration.is_needed()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("app", sorted(migration._APPS))
def test_one_that_was_not_applied_is_missing(app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _in_the_test_database(monkeypatch)
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(name) FROM django_migrations WHERE app = %s", [app])
        name = cursor.fetchone()[0]
        cursor.execute("DELETE FROM django_migrations WHERE app = %s AND name = %s", [app, name])
        try:
            assert migration.missing() == [f"{app}.{name}"]
            assert migration.is_needed()
        finally:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())",
                [app, name],
            )


@pytest.mark.django_db(transaction=True)
def test_an_inbox_whose_days_run_out_is_a_reason_too(monkeypatch: pytest.MonkeyPatch) -> None:
    _in_the_test_database(monkeypatch)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_char(now() AT TIME ZONE 'UTC' + interval '3 days', 'YYYYMMDD')")
        day = cursor.fetchone()[0]
        cursor.execute(f"ALTER TABLE inbox_{day} RENAME TO another")
        try:
            assert migration.missing() == []
            assert migration.is_needed()
        finally:
            cursor.execute(f"ALTER TABLE another RENAME TO inbox_{day}")


def _in_the_test_database(monkeypatch: pytest.MonkeyPatch) -> None:
    from psycopg.conninfo import make_conninfo

    parameters = connection.get_connection_params()
    where = {
        key: parameters[key]
        for key in ("dbname", "user", "password", "host", "port", "passfile")
        if parameters.get(key)
    }
    monkeypatch.setattr(migration, "conninfo", lambda: make_conninfo(**where))
