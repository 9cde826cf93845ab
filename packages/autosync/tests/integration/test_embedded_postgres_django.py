"""Django and Procrastinate use the embedded server through the database backend."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.integration.test_embedded_postgres import Client, nothing_left, one

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

SETTINGS = """
    import os, pathlib, signal, django
    from django.conf import settings
    folder = pathlib.Path(os.environ["FOLDER"])
    database = {"ENGINE": "autosync.postgres.backend", "NAME": "autosync", "CONN_MAX_AGE": None,
                "AUTOSYNC_EMBEDDED_DIR": str(folder), "CONN_HEALTH_CHECKS": True}
    if "ELSEWHERE" in os.environ:
        database = {"ENGINE": "autosync.postgres.backend", "NAME": "autosync", "USER": "autosync",
                    "HOST": os.environ["ELSEWHERE"],
                    "OPTIONS": {"passfile": str(folder / "pgpass")}}
    settings.configure(DATABASES={"default": database}, INSTALLED_APPS=[
        "django.contrib.contenttypes", "django.contrib.auth", "procrastinate.contrib.django"])
    django.setup()
    from django.core.management import call_command
    from django.db import connection, transaction
    def one(query):
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()[0]
"""


def run(folder: Path, program: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SETTINGS) + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        env={**os.environ, "FOLDER": str(folder), **env},
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    if "ELSEWHERE" not in env:
        nothing_left(folder)
    return done.stdout.strip()


def test_migrate_starts_the_server_and_leaves_the_tables(tmp_path: Path) -> None:
    folder = tmp_path / "db"
    run(folder, 'call_command("migrate", verbosity=0)')
    with Client(folder) as client:
        assert one(client.conninfo, "SELECT count(*) FROM auth_user") == 0
        assert one(client.conninfo, "SELECT count(*) FROM procrastinate_jobs") == 0


def test_a_test_database_is_made_and_removed(tmp_path: Path) -> None:
    said = run(
        tmp_path / "db",
        """
        print(connection.creation.create_test_db(verbosity=0, serialize=False))
        print(one("SELECT current_database()"))
        connection.creation.destroy_test_db("autosync", verbosity=0)
        print(one("SELECT string_agg(datname, ' ') FROM pg_database WHERE datname ~ 'autosync'"))
        """,
    )
    assert said.splitlines() == ["test_autosync", "test_autosync", "autosync"]


def test_a_procrastinate_worker_connects_with_djangos_parameters(tmp_path: Path) -> None:
    said = run(
        tmp_path / "db",
        """
        import asyncio, procrastinate
        from procrastinate.contrib.django import app
        call_command("migrate", verbosity=0)
        @app.task(name="answer")
        def answer():
            print("the job ran")
        with transaction.atomic():
            answer.defer()
        worker = app.with_connector(app.connector.get_worker_connector())
        async def work():
            async with worker.open_async():
                await worker.run_worker_async(wait=False, install_signal_handlers=False)
        asyncio.run(work())
        print(one("SELECT status FROM procrastinate_jobs"))
        """,
    )
    assert said.splitlines() == ["the job ran", "succeeded"]


def test_django_connects_again_after_the_postmaster_was_killed(tmp_path: Path) -> None:
    said = run(
        tmp_path / "db",
        """
        one("SELECT 1")
        pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        connection.close()
        print(one("SELECT 42"))
        """,
    )
    assert said == "42"


def test_an_unknown_database_is_an_error_at_once(tmp_path: Path) -> None:
    said = run(
        tmp_path / "db",
        """
        from django.db.utils import OperationalError
        connection.settings_dict["NAME"] = "nowhere"
        try:
            one("SELECT 1")
        except OperationalError as error:
            print(error)
        """,
    )
    assert 'database "nowhere" does not exist' in said


def test_without_a_folder_it_is_plain_postgresql(tmp_path: Path) -> None:
    folder = tmp_path / "db"
    with Client(folder) as client:
        host = client.do("import psycopg; print(psycopg.connect(ensure_running(folder)).info.host)")
        said = run(folder, 'print(one("SELECT current_user"))', ELSEWHERE=host.strip())
        assert said == "autosync"


def test_a_plain_postgresql_that_is_away_is_djangos_own_error(tmp_path: Path) -> None:
    said = run(
        tmp_path / "db",
        """
        from django.db.utils import OperationalError
        try:
            one("SELECT 1")
        except OperationalError as error:
            print("refused")
        """,
        ELSEWHERE=str(tmp_path),
    )
    assert said == "refused"
    assert not (tmp_path / "db").exists()


def test_dbshell_brings_its_own_psql(tmp_path: Path) -> None:
    said = run(
        tmp_path / "db",
        """
        import sys
        call_command("dbshell", "--", "-Atc", "SELECT current_user")
        """,
        PATH="/nonexistent",
    )
    assert said == "autosync"
