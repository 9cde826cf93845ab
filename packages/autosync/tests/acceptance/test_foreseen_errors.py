"""No command ends in a traceback for an error that was foreseen: each says what to do, in a line.

Every command of `autosync --help` and every documented one of manage.py, in each plight.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import typer
from psycopg.conninfo import conninfo_to_dict

from autosync import postgres
from autosync.cli import app
from tests.integration.test_embedded_postgres import nothing_left
from tests.integration.test_embedded_postgres_errors import fill, root_only, small_disk
from tests.service import ROOT, free_port
from tests.service_processes import environment

# What to type after a command that needs something.
ARGUMENTS = {
    "token create": "somebody",
    "token revoke": "somebody",
    "deliveries show": "4711",
    "deliveries replay": "--all-parked",
    "createsuperuser": "--noinput --username ada --email ada@example.org",
    "dbshell": "-- -c 'SELECT 1'",
    "runserver": "--noreload",
    "demo": "--repositories 1 --commits 5 --issues 1 --pulls 0 --people 0",
}
# Need neither settings nor database; makemigrations warns and goes on.
EASY = {"version", "help", "manage"}
_WORDS = re.compile(
    r"^wrong |There is no mirror here|is not set|Run `|[Cc]orrect|Install git|Free some space"
    r"|Start |Set AUTOSYNC|set AUTOSYNC|Check |see `|is not installed|Try again|Expected|--noinput",
    re.M,
)


def documented() -> list[str]:
    """Each command as it is typed: `autosync …` from its own help, `manage.py …` from the pages."""
    found = []
    group = typer.main.get_command(app)
    for name, command in sorted(group.commands.items()):  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found += (
            [f"autosync {name} {sub}" for sub in sorted(inner)] if inner else [f"autosync {name}"]
        )
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    text = "\n".join(page.read_text() for page in pages)
    names = set(re.findall(r"manage\.py ([a-z_]+)", text)) | {"migrate", "runserver", "sync_github"}
    return found + [f"manage.py {name}" for name in sorted(names - {"makemigrations"})]


COMMANDS = documented()


def said(command: str, folder: Path, settings: dict[str, str]) -> tuple[str, int, str]:
    """The command, its exit code and all that it printed."""
    program, _, rest = command.partition(" ")
    arguments = [*rest.split(), *shlex.split(ARGUMENTS.get(rest, ""))]
    script = [str(ROOT / "manage.py")] if program == "manage.py" else ["-m", "autosync"]
    done = subprocess.run(
        [sys.executable, *script, *arguments],
        env=settings, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=300,
        check=False,
    )  # fmt: skip
    return command, done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def judge(
    commands: list[str], folder: Path, settings: dict[str, str], unsaid: str = "hidden"
) -> None:
    """Each command fails with a few lines that hold a remedy, and shows no password."""
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda command: said(command, folder, settings), commands))
    wrong = []
    for command, code, text in answers:
        lines = text.strip().splitlines()
        brief = len(lines) <= 8 or "doctor" in command
        good = code in (1, 2) and "Traceback" not in text and brief
        if not good or not _WORDS.search(text) or unsaid in text:
            wrong.append(f"{command}: code {code}\n{text[-1500:]}")
    assert not wrong, "\n\n".join(wrong)


def without(*names: str) -> list[str]:
    easy = {f"autosync {name}" for name in EASY}
    return [one for one in COMMANDS if one not in easy and not one.endswith(names or ("?",))]


def bare(folder: Path, **settings: str) -> dict[str, str]:
    """An environment without any setting of AutoSync's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AUTOSYNC_", "GITHUB_", "DATABASE_URL", "DJANGO_"))
        or name == "AUTOSYNC_POSTGRES_USER"
    }
    return kept | settings


def test_every_command_has_its_help_without_any_setting(tmp_path: Path) -> None:
    wrong = {"AUTOSYNC_PORT": "nonsense"}
    for command in ("autosync token create", "autosync serve", "autosync deliveries list"):
        _, code, text = said(f"{command} --help", tmp_path, bare(tmp_path, **wrong))
        assert code == 0, text
        assert "--help" in text


def test_without_settings_each_says_what_is_missing(tmp_path: Path) -> None:
    # `migrate` may begin a mirror, and then there is nothing wrong; a demo needs no settings.
    judge(without("migrate", "demo"), tmp_path, bare(tmp_path))
    left = {path.name for path in (tmp_path / ".autosync").glob("*")}
    assert "postgres" not in left  # no database was made by accident


def test_wrong_settings_are_named(tmp_path: Path) -> None:
    settings = environment(tmp_path, AUTOSYNC_PORT="99999", AUTOSYNC_CONCURRENCY="many")
    some = ["autosync doctor", "autosync serve", "autosync token list", "manage.py migrate"]
    for command in some:
        _, code, text = said(command, tmp_path, settings)
        assert code in (1, 2), f"{command}: {text}"
        assert "AUTOSYNC_PORT" in text, f"{command}: {text}"
        assert "Traceback" not in text, f"{command}: {text}"


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    settings = environment(tmp_path, DATABASE_URL="postgresql://ada:hidden@127.0.0.1:1/x")
    judge(without("demo"), tmp_path, settings)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A PostgreSQL that was never migrated, for DATABASE_URL."""
    folder = tmp_path_factory.mktemp("server")
    yield {k: str(v) for k, v in conninfo_to_dict(postgres.ensure_running(folder / "db")).items()}
    postgres.release(folder / "db")


def test_a_database_that_is_not_migrated(tmp_path: Path, server: dict[str, str]) -> None:
    url = _url(server, server["user"], "")
    settings = environment(tmp_path, DATABASE_URL=url, PGPASSFILE=server["passfile"])
    # These migrate, wait for somebody who does, or ask for no table.
    judge(
        without("migrate", "serve", "demo", "worker", "runserver", "dbshell", "doctor"),
        tmp_path,
        settings,
    )


def test_a_wrong_password_is_named_and_never_shown(tmp_path: Path, server: dict[str, str]) -> None:
    settings = environment(tmp_path, DATABASE_URL=_url(server, server["user"], "hidden-word"))
    some = ["autosync token list", "manage.py migrate", "manage.py dbshell", "autosync serve"]
    judge(some, tmp_path, settings, unsaid="hidden-word")


def test_a_server_that_is_no_postgresql(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0.2)
        stop = False

        def answer() -> None:
            while not stop:
                try:
                    connection, _ = other.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        with ThreadPoolExecutor(1) as pool:
            pool.submit(answer)
            try:
                url = f"postgresql://ada:hidden@127.0.0.1:{other.getsockname()[1]}/x"
                settings = environment(tmp_path, DATABASE_URL=url)
                judge(["autosync token list", "manage.py migrate"], tmp_path, settings)
            finally:
                stop = True


def test_without_git(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    settings = bare(tmp_path, PATH=str(programs), AUTOSYNC_PORT=str(free_port()))
    judge(["autosync demo"], tmp_path, settings)


@root_only
def test_on_a_full_disk(tmp_path: Path) -> None:
    """A new mirror, and one that was there before the disk got full."""
    with small_disk(tmp_path / "disk", "size=300m") as disk:
        settings = environment(tmp_path, AUTOSYNC_DATA_DIR=str(disk / "data"))
        made = said("autosync migrate", tmp_path, settings)
        assert made[1] == 0, made
        nothing_left(Path(settings["AUTOSYNC_DATA_DIR"]))  # its server has ended
        fill(disk / "filler")
        judge(without("demo"), tmp_path, settings)
        new = settings | {"AUTOSYNC_DATA_DIR": str(disk / "new")}
        judge(["autosync serve", "autosync migrate", "manage.py migrate"], tmp_path, new)
        demo = bare(tmp_path, AUTOSYNC_DATA_DIR=str(disk / "demo"), **_ports())
        judge(["autosync demo"], tmp_path, demo)


def test_an_output_that_cannot_be_written_is_no_traceback(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "autosync", "version"],
            stdout=full, stderr=subprocess.PIPE, env=bare(tmp_path), cwd=tmp_path, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"Free some space" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    settings = environment(tmp_path, AUTOSYNC_DATA_DIR=str(folder))
    assert "and this command runs as root" in said("autosync doctor", tmp_path, settings)[2]


def _ports() -> dict[str, str]:
    return {"AUTOSYNC_PORT": str(free_port()), "GITHUBSIM_PORT": str(free_port())}


def _url(server: dict[str, str], user: str, password: str) -> str:
    login = f"{user}:{password}" if password else user
    return f"postgresql://{login}@/{server['dbname']}?host={server['host']}&port={server['port']}"
