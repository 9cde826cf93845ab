"""When the embedded server cannot run, the error says what to do, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import autosync
from autosync.postgres.binaries import copy_name, installed
from tests.integration.test_embedded_postgres import Client, answers, nothing_left, one
from tests.waiting import eventually

IS_ROOT = os.geteuid() == 0
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
root_only = pytest.mark.skipif(not IS_ROOT, reason="only root can do that")


def refusal(folder: Path, **env: str) -> str:
    """The message with which a start of `folder` fails; the traceback must be of our error."""
    program = (
        "import sys, pathlib, autosync.postgres as p\n"
        "try: p.ensure_running(pathlib.Path(sys.argv[1]))\n"
        "except p.EmbeddedPostgresError as error: sys.exit(f'refused: {error}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        check=False,
        timeout=120,
    )
    assert done.returncode == 1, done
    assert done.stderr.startswith("refused: "), done.stderr
    return done.stderr.removeprefix("refused: ").strip()


def made(folder: Path) -> Path:
    """A cluster that has run once and is down."""
    with Client(folder) as client:
        assert answers(client.conninfo)
    nothing_left(folder)
    return folder


@contextmanager
def small_disk(place: Path, options: str) -> Iterator[Path]:
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"cannot mount a small disk: {done.stderr.decode().strip()}")
    try:
        yield place
    finally:
        nothing_left(place)
        # An ending process loses its command line before its files.
        eventually(lambda: subprocess.run(["umount", place]).returncode == 0, "still in use")


def fill(filler: Path) -> None:
    """Let `filler` take all the space that is left on its disk."""
    free = os.statvfs(filler.parent)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)


def snapshot(path: Path) -> list[tuple[str, int, int]]:
    """Mode and owner of `path` and of all folders above it."""
    return [
        (str(place), place.stat().st_mode, place.stat().st_uid) for place in (path, *path.parents)
    ]


def test_a_cluster_of_another_major_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = made(tmp_path / "db")
    (folder / "data" / "PG_VERSION").write_text("17\n")
    message = refusal(folder)
    assert "made by PostgreSQL 17" in message
    assert "PostgreSQL 18" in message
    assert "AUTOSYNC_DATA_DIR" in message
    (folder / "data" / "PG_VERSION").write_text("18\n")
    made(folder)


def test_lost_data_is_never_replaced_by_an_empty_database(tmp_path: Path) -> None:
    folder = made(tmp_path / "db")
    (folder / "data").rename(tmp_path / "elsewhere")
    message = refusal(folder)
    assert "is gone" in message
    assert "backup" in message
    assert not (folder / "data").exists()
    (tmp_path / "elsewhere").rename(folder / "data")
    made(folder)


def test_data_without_a_version_is_refused(tmp_path: Path) -> None:
    folder = made(tmp_path / "db")
    (folder / "data" / "PG_VERSION").unlink()
    assert "no PG_VERSION" in refusal(folder)


def test_damaged_data_is_refused_with_the_servers_own_words(tmp_path: Path) -> None:
    folder = made(tmp_path / "db")
    (folder / "data" / "global" / "pg_control").unlink()
    message = refusal(folder)
    assert "pg_control" in message
    assert str(folder / "postgres.log") in message
    nothing_left(folder)


def test_a_folder_of_something_else_is_refused_and_nothing_added(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"...")
    assert "holiday.jpg" in refusal(folder)
    assert [path.name for path in folder.iterdir()] == ["holiday.jpg"]


def test_a_wrong_setting_in_postgresql_conf_is_named(tmp_path: Path) -> None:
    folder = made(tmp_path / "db")
    with (folder / "data" / "postgresql.conf").open("a") as conf:
        conf.write("shared_bufers = 1GB\n")
    assert "shared_bufers" in refusal(folder)
    nothing_left(folder)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "AUTOSYNC_DATA_DIR" in refusal(tmp_path / "file" / "db")
    assert "AUTOSYNC_DATA_DIR" in refusal(tmp_path / "file")


@pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")
def test_a_folder_that_is_not_writable(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        message = refusal(tmp_path / "db")
    finally:
        tmp_path.chmod(0o755)
    assert "Permission denied" in message
    assert "AUTOSYNC_DATA_DIR" in message


@root_only
def test_a_disk_that_is_read_only(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "ro") as disk:
        message = refusal(disk / "db")
    assert "Read-only file system" in message
    assert "AUTOSYNC_DATA_DIR" in message


@root_only
def test_a_disk_too_small_for_a_new_cluster(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=20m") as disk:
        message = refusal(disk / "db")
        assert "is full" in message
        assert "Free some space" in message
        # Nothing half-made stays behind: with room, the same folder works.
        subprocess.run(["mount", "-o", "remount,size=300m", disk], check=True)
        made(disk / "db")


@root_only
def test_a_disk_that_is_full_at_a_later_start(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=300m") as disk:
        with Client(disk / "db") as client:
            assert answers(client.conninfo)
            client.do("import psycopg; c = psycopg.connect(ensure_running(folder))")
            client.do("c.execute('CREATE TABLE kept AS SELECT 42 AS answer'); c.commit()")
            client.do("c.close()")
        nothing_left(disk / "db")
        filler = disk / "filler"
        fill(filler)
        message = refusal(disk / "db")
        assert "is full" in message
        assert str(disk / "db") in message
        filler.unlink()
        with Client(disk / "db") as client:
            assert one(client.conninfo, "SELECT answer FROM kept") == 42


@root_only
def test_root_runs_the_server_as_somebody_else_and_opens_no_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    before = snapshot(home)
    with Client(home / "project" / ".autosync" / "postgres") as client:
        assert answers(client.conninfo)
        owner = (home / "project/.autosync/postgres/data").stat().st_uid
        assert owner != 0
        assert (home / "project/.autosync/postgres/pgpass").stat().st_uid == 0
    assert snapshot(home) == before
    nothing_left(home)


@root_only
def test_root_may_choose_the_account(tmp_path: Path) -> None:
    with Client(tmp_path / "db", AUTOSYNC_POSTGRES_USER="daemon") as client:
        assert answers(client.conninfo)
        assert (tmp_path / "db" / "data").owner() == "daemon"
    nothing_left(tmp_path / "db")
    made(tmp_path / "db")  # the owner of the data decides from now on
    message = refusal(tmp_path / "db", AUTOSYNC_POSTGRES_USER="nobody")
    assert "belongs to daemon" in message
    assert "chown -R nobody" in message


@root_only
@pytest.mark.parametrize("name", ["root", "no-such-user"])
def test_an_account_that_cannot_run_postgresql_is_refused(tmp_path: Path, name: str) -> None:
    message = refusal(tmp_path / "db", AUTOSYNC_POSTGRES_USER=name)
    assert f"AUTOSYNC_POSTGRES_USER={name}" in message


@root_only
def test_root_may_have_its_whole_environment_in_a_closed_home(tmp_path: Path) -> None:
    """As in /root/autosync/.venv: the server's account can read neither data nor programs."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    packages = home / "site-packages"
    wheel = installed().parent
    shutil.copytree(wheel, packages / wheel.name)
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), packages / f"{wheel.name}.libs")
    shared = Path("/var/lib/autosync")
    copy = shared / copy_name(packages / wheel.name / "pginstall")
    existed = shared.exists()
    before = snapshot(packages)
    try:
        path = os.pathsep.join([str(packages), str(Path(autosync.__file__).parents[1])])
        with Client(home / "db", PYTHONPATH=path) as client:
            assert answers(client.conninfo)
            assert copy.exists()
        assert snapshot(packages) == before
        assert stat.S_IMODE(shared.stat().st_mode) == 0o755
    finally:
        nothing_left(home)
        shutil.rmtree(copy, ignore_errors=True)
        if not existed and not any(shared.iterdir()):
            shared.rmdir()
