"""No command ends in a traceback for an error that was foreseen: each says what to do, in a line.

Every command of `autosync --help` and every documented one of manage.py, in each plight; run in
forks of a process that has their libraries (tests/commands.py). Plights that differ only in what
the database's server says share the commands among them: all meet one that does not answer.
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
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer
from psycopg.conninfo import conninfo_to_dict

from autosync import postgres
from autosync.cli import app
from githubsim.testing import Sim
from tests import template
from tests.commands import Commands, Said, bare, in_a_process, shared
from tests.integration.test_embedded_postgres import nothing_left
from tests.integration.test_embedded_postgres_errors import fill, root_only, small_disk
from tests.service import ROOT, SECRET, Service, free_port
from tests.service_processes import environment

# What to type after a command that needs something.
ARGUMENTS = {
    "token create": "somebody",
    "token revoke": "somebody",
    "forget": "somebody --dry-run",
    "deliveries show": "4711",
    "deliveries replay": "--all-parked",
    "createsuperuser": "--noinput --username ada --email ada@example.org",
    "dbshell": "-- -c 'SELECT 1'",
    "runserver": "--noreload",
    "demo": "--repositories 1 --commits 5 --issues 1 --pulls 0 --people 0",
}
# Need no database; makemigrations warns and goes on.
EASY = {"version", "help", "manage", "kinds list", "kinds show", "kinds reference"}
_WORDS = re.compile(
    r"^wrong |There is no mirror here|is not set|Run `|[Cc]orrect|Install git|Free some space"
    r"|Start | must | should be |It looks like |Write |Give "
    r"|Set AUTOSYNC|set AUTOSYNC|Check |see `|is not installed|Try again|Expected|--noinput",
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


@pytest.fixture(scope="module")
def run() -> Commands:
    return shared()


def arguments(command: str) -> list[str]:
    return shlex.split(ARGUMENTS.get(command.partition(" ")[2], ""))


def without(*names: str) -> list[str]:
    easy = {f"autosync {name}" for name in EASY}
    return [one for one in COMMANDS if one not in easy and not one.endswith(names or ("?",))]


def third(number: int) -> list[str]:
    """Every third command that needs a database."""
    return without("demo")[number::3]


def judge(
    run: Commands, commands: list[str], folder: Path, settings: dict[str, str], *unsaid: str,
    names: tuple[str, ...] = (), at_once: int = 3,
) -> None:  # fmt: skip
    """Each command fails with a few lines that hold a remedy, and shows no password.

    Of `names` each is in what it says; `at_once` commands run side by side.
    """

    def said(command: str) -> Said:
        return run(command, arguments(command), folder, settings)

    with ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(said, commands))
    wrong = []
    for answer in answers:
        text = answer.text
        brief = len(text.strip().splitlines()) <= 8 or "doctor" in answer.command
        good = answer.code in (1, 2) and "Traceback" not in text and brief and _WORDS.search(text)
        secret = any(word in text for word in ("hidden", *unsaid))
        if not good or secret or not all(name in text for name in names):
            wrong.append(f"{answer.command}: code {answer.code}\n{text[-1500:]}")
    assert not wrong, "\n\n".join(wrong)


def test_a_forked_command_is_like_a_process_of_its_own(run: Commands, tmp_path: Path) -> None:
    """One after another: nothing of the one before is left, neither settings nor a Django."""
    dead = environment(tmp_path, DATABASE_URL="postgresql://ada:hidden@127.0.0.1:1/x")
    for command, settings in (
        ("autosync token list", dead),
        ("autosync serve", bare(AUTOSYNC_PORT="nonsense")),
        ("manage.py migrate", dead),
        ("autosync token list", bare()),
        ("autosync version", dead),
        ("autosync nonsense", bare()),
    ):
        forked = run(command, [], tmp_path, settings)
        assert forked == in_a_process(command, [], tmp_path, settings)


def test_every_command_has_its_help_without_any_setting(run: Commands, tmp_path: Path) -> None:
    wrong = bare(AUTOSYNC_PORT="nonsense")
    for command in COMMANDS:
        if command.startswith("autosync"):
            said = run(command, ["--help"], tmp_path, wrong)
            assert said.code == 0, said.text
            assert "--help" in said.text


def test_without_settings_each_says_what_is_missing(run: Commands, tmp_path: Path) -> None:
    # `migrate` may begin a mirror, and then there is nothing wrong; a demo needs no settings.
    judge(run, without("migrate", "demo"), tmp_path, bare())
    left = {path.name for path in (tmp_path / ".autosync").glob("*")}
    assert "postgres" not in left  # no database was made by accident


def test_wrong_settings_are_named_all_at_once(run: Commands, tmp_path: Path) -> None:
    """A number too large, a word for a number, a word for yes or no, an address, a choice."""
    wrong = {
        "AUTOSYNC_PORT": "99999",
        "AUTOSYNC_CONCURRENCY": "many",
        "AUTOSYNC_DASHBOARD_PUBLIC": "perhaps",
        "AUTOSYNC_URL": "example.org",
        "AUTOSYNC_LOG_LEVEL": "LOUD",
        "GITHUB_API_URL": "ftp://github.example",
    }
    settings = environment(tmp_path, **wrong)
    judge(run, without(), tmp_path, settings, names=tuple(wrong))


def test_an_address_of_the_database_that_is_none(run: Commands, tmp_path: Path) -> None:
    named = ("DATABASE_URL",)
    settings = environment(tmp_path, DATABASE_URL="mysql://ada:hidden@127.0.0.1/x")
    judge(run, without("demo"), tmp_path, settings, names=named)
    for url in (
        "postgresql://ada:hidden@127.0.0.1:port/x",
        "postgresql://ada:hid/den@127.0.0.1/x",
        "postgresql://ada:hidden@127.0.0.1",
        "postgresql://ada:hidden@[::1/x",
        "postgresql://ada:hidden@127.0.0.1/x?sslmode=nonsense",
        "postgresql://ada:hidden@127.0.0.1/x?nonsense=1",
    ):
        settings = environment(tmp_path, DATABASE_URL=url)
        some = ["autosync serve", "autosync token list"]
        judge(run, some, tmp_path, settings, "den@", names=named)


def test_a_key_that_is_none_is_named_and_never_shown(run: Commands, tmp_path: Path) -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nhidden\n-----END RSA PRIVATE KEY-----"
    settings = environment(tmp_path, GITHUB_APP_PRIVATE_KEY=key)
    some = ["autosync serve", "autosync doctor", "manage.py runserver"]
    judge(run, some, tmp_path, settings, names=("GITHUB_APP_PRIVATE_KEY",))


def test_a_database_that_does_not_answer(run: Commands, tmp_path: Path) -> None:
    settings = environment(tmp_path, DATABASE_URL="postgresql://ada:hidden@127.0.0.1:1/x")
    judge(run, without("demo"), tmp_path, settings)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A PostgreSQL that was never migrated, for DATABASE_URL."""
    folder = tmp_path_factory.mktemp("server")
    yield {k: str(v) for k, v in conninfo_to_dict(postgres.ensure_running(folder / "db")).items()}
    postgres.release(folder / "db")


def test_a_database_that_is_not_migrated(
    run: Commands, tmp_path: Path, server: dict[str, str]
) -> None:
    url = _url(server, server["user"], "")
    settings = environment(tmp_path, DATABASE_URL=url, PGPASSFILE=server["passfile"])
    # These migrate, wait for somebody who does, or ask for no table.
    others = without("migrate", "serve", "demo", "worker", "runserver", "dbshell", "doctor")
    judge(run, others, tmp_path, settings)


def test_a_wrong_password_is_named_and_never_shown(
    run: Commands, tmp_path: Path, server: dict[str, str]
) -> None:
    settings = environment(tmp_path, DATABASE_URL=_url(server, server["user"], "hidden-word"))
    judge(run, third(0), tmp_path, settings)


@contextmanager
def listening(greeting: bytes) -> Iterator[str]:
    """The address of a server that takes every connection, says `greeting` and waits."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        taken: list[socket.socket] = []

        def answer() -> None:
            while True:
                try:
                    one = listener.accept()[0]
                except OSError:
                    return
                taken.append(one)
                if greeting:
                    one.sendall(greeting)
                    one.shutdown(socket.SHUT_WR)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(answer)
            try:
                yield f"postgresql://ada:hidden@127.0.0.1:{listener.getsockname()[1]}/x"
            finally:
                listener.shutdown(socket.SHUT_RDWR)
        for one in taken:
            one.close()


def test_a_server_that_is_no_postgresql(run: Commands, tmp_path: Path) -> None:
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        judge(run, third(1), tmp_path, environment(tmp_path, DATABASE_URL=url))


def test_a_server_that_says_nothing_is_not_waited_for(run: Commands, tmp_path: Path) -> None:
    with listening(b"") as url:
        judge(run, third(2), tmp_path, environment(tmp_path, DATABASE_URL=url), at_once=30)


def test_without_git_all_but_commits_is_there(run: Commands, tmp_path: Path) -> None:
    """Who reads commits says so in a line; whoever needs no git works."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    world = {"repositories": 2, "commits": 10, "issues": 4, "pulls": 2, "people": 0}
    with Sim(webhook_secret=SECRET, **world) as sim:  # type: ignore[arg-type]
        service = Service(sim, free_port())
        template.copy_to(Path(service.environment["AUTOSYNC_DATA_DIR"]))
        settings = service.environment | {"PATH": str(programs)}
        try:
            # The first sync finds the installation, which others ask for.
            for command in ["autosync sync", *without("changepassword")]:
                _judge_without_git(run, command, tmp_path, settings)
            assert service.query("SELECT count(*) FROM issues") == [[4]]
            assert service.query("SELECT count(*) FROM commits") == [[0]]
            # It was not the repositories' fault: with git nobody waits for a sick one's pause.
            said = run("autosync sync", [], tmp_path, service.environment)
            assert said.code == 0, said.text
            assert service.query("SELECT count(*) FROM commits") == [[10]]
        finally:
            service.__exit__()


def _judge_without_git(run: Commands, command: str, folder: Path, settings: dict[str, str]) -> None:
    name = command.partition(" ")[2]
    services = {"serve", "runserver", "worker"}
    given = {"deliveries show": ["1"]}.get(name, arguments(command))
    said = run(command, given, folder, settings, until="warning: " if name in services else "")
    assert "Traceback" not in said.text, said
    if name in services:
        assert "warning: The program git is not installed. Install git" in said.err, said
    elif name in ("sync", "sync_github", "doctor", "demo"):
        assert said.code == 1, said
        assert "Install git" in said.text, said
    else:
        assert "git is not installed" not in said.text, said
        assert said.code == 0 or "createsuperuser" in command or "show" in command, said


@root_only
def test_on_a_full_disk(run: Commands, tmp_path: Path) -> None:
    """A new mirror, and one that was there before the disk got full."""
    with small_disk(tmp_path / "disk", "size=300m") as disk:
        settings = environment(tmp_path, AUTOSYNC_DATA_DIR=str(disk / "data"))
        made = run("autosync migrate", [], tmp_path, settings)
        assert made.code == 0, made
        nothing_left(Path(settings["AUTOSYNC_DATA_DIR"]))  # its server has ended
        fill(disk / "filler")
        judge(run, without("demo"), tmp_path, settings)
        new = settings | {"AUTOSYNC_DATA_DIR": str(disk / "new")}
        judge(run, ["autosync serve", "autosync migrate", "manage.py migrate"], tmp_path, new)
        demo = bare(AUTOSYNC_DATA_DIR=str(disk / "demo"), **_ports())
        judge(run, ["autosync demo"], tmp_path, demo)


def test_an_output_that_cannot_be_written_is_no_traceback(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "autosync", "version"],
            stdout=full, stderr=subprocess.PIPE, env=bare(), cwd=tmp_path, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"Free some space" in done.stderr


@pytest.mark.parametrize(
    ("closed", "words", "code"),
    [
        (">&-", "version", 0),
        (">&-", "serve", 1),
        ("<&-", "version", 0),
        ("<&- >&- 2>&-", "serve", 1),
    ],
)
def test_a_stream_that_is_closed_is_a_line_at_most(
    tmp_path: Path, closed: str, words: str, code: int
) -> None:
    command = f'"{sys.executable}" -m autosync {words} {closed}'
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, env=bare(), cwd=tmp_path, check=False
    )
    said = done.stderr.decode().splitlines()
    assert done.returncode == code
    assert [line for line in said if line.startswith("error:")] == said[1:]
    assert len(said) <= 2
    assert ("standard output is closed" in done.stderr.decode()) == (closed == ">&-")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_somebody_else(run: Commands, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    settings = environment(tmp_path, AUTOSYNC_DATA_DIR=str(folder))
    assert "and this command runs as root" in run("autosync doctor", [], tmp_path, settings).text


def _ports() -> dict[str, str]:
    return {"AUTOSYNC_PORT": str(free_port()), "GITHUBSIM_PORT": str(free_port())}


def _url(server: dict[str, str], user: str, password: str) -> str:
    login = f"{user}:{password}" if password else user
    return f"postgresql://{login}@/{server['dbname']}?host={server['host']}&port={server['port']}"
