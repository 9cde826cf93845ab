"""The embedded server lives exactly as long as somebody needs it, whoever is killed meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest

from tests.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

CLIENT = """
import sys, pathlib
from autosync.postgres import ensure_running, release
folder = pathlib.Path(sys.argv[1])
print(ensure_running(folder), flush=True)
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""


class Client:
    """A process that holds a lease and does what it is told, in a session of its own."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CLIENT, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **env},
            start_new_session=True,
        )
        self._conninfo = ""

    @property
    def conninfo(self) -> str:
        if not self._conninfo:
            assert self.process.stdout is not None
            self._conninfo = self.process.stdout.readline().strip()
            if not self._conninfo:
                raise AssertionError(self.process.communicate()[1])
        return self._conninfo

    def do(self, statement: str) -> str:
        """Have the client execute one line of Python; what it prints before it is done."""
        assert self.conninfo
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(statement, file=self.process.stdin, flush=True)
        said = []
        while (line := self.process.stdout.readline()) != "done\n":
            if not line:
                raise AssertionError(self.process.communicate()[1])
            said.append(line)
        return "".join(said)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.communicate()


def processes(folder: Path) -> dict[str, list[int]]:
    """The ids of the keepers and of the server's processes that belong to `folder`."""
    found: dict[str, list[int]] = {"keeper": [], "server": []}
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            cwd = (entry / "cwd").readlink()
        except OSError:
            continue
        if b"autosync.postgres.keeper" in command and os.fsencode(folder) in command:
            found["keeper"].append(int(entry.name))
        elif cwd.is_relative_to(folder):
            found["server"].append(int(entry.name))
    return found


def nothing_left(folder: Path) -> None:
    eventually(
        lambda: not any(processes(folder).values()), f"processes are left: {processes(folder)}"
    )


def postmaster(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split("\n")[0])


def one(conninfo: str, query: str) -> object:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def answers(conninfo: str) -> bool:
    try:
        return one(conninfo, "SELECT 1") == 1
    except psycopg.OperationalError:
        return False


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "db"
    nothing_left(tmp_path / "db")


def test_the_first_start_makes_a_private_server(folder: Path) -> None:
    with Client(folder) as client:
        assert one(client.conninfo, "SELECT current_database()") == "autosync"
        assert str(one(client.conninfo, "SHOW server_version_num")).startswith("18")
        assert one(client.conninfo, "SHOW listen_addresses") == ""
        assert one(client.conninfo, "SHOW fsync") == "on"
        assert one(client.conninfo, "SHOW synchronous_commit") == "on"
        for path in (folder, folder / "data", folder / "run"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
        for path in folder.iterdir():
            if path.is_file():
                assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nobody_gets_in_without_the_password_and_nobody_as_superuser(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "wrong").write_text("*:*:*:*:guess\n")
    (tmp_path / "wrong").chmod(0o600)
    with Client(folder) as client:
        assert one(client.conninfo, "SELECT rolsuper FROM pg_roles WHERE rolname = user") is False
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(client.conninfo, passfile=str(tmp_path / "wrong"))
        with pytest.raises(psycopg.OperationalError, match="no pg_hba"):
            psycopg.connect(client.conninfo, user="postgres")


def test_the_password_is_in_no_connection_string(folder: Path) -> None:
    with Client(folder) as client:
        assert answers(client.conninfo)
        password = (folder / "pgpass").read_text().strip().split(":")[-1]
        assert len(password) >= 40
        assert password not in client.conninfo
        assert password not in (folder / "postgres.log").read_text()


def test_settings_for_another_server_in_the_environment_do_not_matter(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(folder) as client:
        for name, value in {
            "PGPASSWORD": "other",
            "PGHOST": "db.example.org",
            "PGHOSTADDR": "192.0.2.1",
            "PGPORT": "1",
            "PGUSER": "other",
            "PGDATABASE": "other",
        }.items():
            monkeypatch.setenv(name, value)
        assert answers(client.conninfo)


def test_two_processes_share_one_server_and_the_last_one_stops_it(folder: Path) -> None:
    with Client(folder) as second:
        with Client(folder) as first:
            pid = postmaster(folder) if first.conninfo and second.conninfo else 0
            assert first.conninfo == second.conninfo
        assert answers(second.conninfo)
        assert postmaster(folder) == pid
    nothing_left(folder)
    assert "database system is shut down" in (folder / "postgres.log").read_text()


def test_five_first_starts_at_once_make_one_server(folder: Path) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(folder)) for _ in range(5)]
        assert len({client.conninfo for client in clients}) == 1
        assert len(processes(folder)["keeper"]) == 1
        starts = (folder / "postgres.log").read_text().count("starting PostgreSQL")
        assert starts == 1


def test_what_was_committed_is_there_at_the_next_start(folder: Path) -> None:
    with Client(folder) as client, psycopg.connect(client.conninfo) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    nothing_left(folder)
    with Client(folder) as client:
        assert one(client.conninfo, "SELECT answer FROM kept") == 42


def test_a_killed_client_takes_the_server_along_only_as_the_last_one(folder: Path) -> None:
    with Client(folder) as first, Client(folder) as second:
        assert first.conninfo == second.conninfo
        first.kill()
        assert answers(second.conninfo)
        second.kill()
        nothing_left(folder)


def test_a_killed_postmaster_comes_back_with_all_that_was_committed(folder: Path) -> None:
    with Client(folder) as client:
        with psycopg.connect(client.conninfo) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 10000) AS n")
        killed = postmaster(folder)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: answers(client.conninfo), "the server does not come back")
        client.do("ensure_running(folder)")
        assert one(client.conninfo, "SELECT count(*) FROM kept") == 10_000
        assert postmaster(folder) != killed


def test_a_killed_postmaster_comes_back_although_a_backend_is_busy(folder: Path) -> None:
    busy = "SELECT count(*) FROM generate_series(1, 20000000000)"
    with Client(folder) as client, closing(psycopg.connect(client.conninfo)) as connection:
        backend = connection.info.backend_pid
        connection.pgconn.send_query(busy.encode())
        os.kill(postmaster(folder), signal.SIGKILL)
        eventually(lambda: answers(client.conninfo), "the server does not come back")
        assert backend not in processes(folder)["server"]


def test_a_killed_keeper_is_replaced_without_anybody_asking(folder: Path) -> None:
    with Client(folder) as client:
        assert answers(client.conninfo)
        # A keeper that starts a program is two processes until that has its own name.
        eventually(lambda: len(processes(folder)["keeper"]) == 1, "there is more than one keeper")
        (killed,) = processes(folder)["keeper"]
        os.kill(killed, signal.SIGKILL)
        eventually(
            lambda: processes(folder)["keeper"] not in ([], [killed]), "there is no new keeper"
        )
        eventually(lambda: answers(client.conninfo), "the server does not come back")


def test_keeper_and_postmaster_killed_together_come_back(folder: Path) -> None:
    with Client(folder) as client:
        assert answers(client.conninfo)
        for pid in (*processes(folder)["keeper"], postmaster(folder)):
            os.kill(pid, signal.SIGKILL)
        client.do("ensure_running(folder)")
        eventually(lambda: answers(client.conninfo), "the server does not come back")


def test_everything_killed_at_once_leaves_nothing_and_loses_nothing(folder: Path) -> None:
    with Client(folder) as client:
        with psycopg.connect(client.conninfo) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        for pid in (*processes(folder)["keeper"], postmaster(folder)):
            os.kill(pid, signal.SIGKILL)
        client.kill()
    nothing_left(folder)
    with Client(folder) as client:
        assert one(client.conninfo, "SELECT answer FROM kept") == 42


@pytest.mark.parametrize("delay", [0.05, 0.15, 0.3, 0.45, 0.6, 0.8])
def test_a_first_start_killed_on_the_way_can_be_done_again(folder: Path, delay: float) -> None:
    with Client(folder) as killed:
        time.sleep(delay)
        for pid in processes(folder)["keeper"]:
            os.kill(pid, signal.SIGKILL)
        killed.kill()
    with Client(folder) as client:
        assert answers(client.conninfo)
        assert not list(folder.glob("initializing.*"))


def test_a_stale_pid_file_does_not_hinder(folder: Path) -> None:
    with Client(folder) as client:
        assert answers(client.conninfo)
        for pid in (*processes(folder)["keeper"], postmaster(folder)):
            os.kill(pid, signal.SIGKILL)
        client.kill()
    nothing_left(folder)
    # The number belongs to somebody else by now.
    stale = folder / "data" / "postmaster.pid"
    stale.write_text(stale.read_text().replace(str(postmaster(folder)), str(os.getpid()), 1))
    with Client(folder) as client:
        assert answers(client.conninfo)


def test_ctrl_c_does_not_reach_the_server(folder: Path) -> None:
    with Client(folder) as client, Client(folder) as other:
        assert client.conninfo == other.conninfo
        os.killpg(client.process.pid, signal.SIGINT)
        client.process.communicate()
        assert answers(other.conninfo)
    assert "starting PostgreSQL" in (folder / "postgres.log").read_text()
    assert (folder / "postgres.log").read_text().count("ready to accept connections") == 1


def test_a_forked_child_keeps_the_server_after_its_parent(folder: Path) -> None:
    with Client(folder) as client:
        child = int(
            client.do(
                "import os, time; pid = os.fork(); "
                "print(pid) if pid else (os.close(0), os.close(1), os.close(2), time.sleep(600))"
            )
        )
        client.kill()
    try:
        assert answers(client.conninfo)
    finally:
        os.kill(child, signal.SIGKILL)
    nothing_left(folder)


def test_a_forked_child_can_ask_itself(folder: Path) -> None:
    with Client(folder) as client:
        said = client.do(
            "import os; pid = os.fork(); "
            "(os.waitpid(pid, 0), print('back')) if pid else "
            "(os.write(1, ensure_running(folder).encode() + b'\\n'), os._exit(0))"
        )
        assert said == f"{client.conninfo}\nback\n"


def test_many_threads_may_ask_at_once(folder: Path) -> None:
    with Client(folder) as client:
        said = client.do(
            "import concurrent.futures as f; "
            "p = f.ThreadPoolExecutor(20); release(); "
            "print(len(set(p.map(ensure_running, [folder] * 40)))); p.shutdown()"
        )
        assert said == "1\n"
        assert answers(client.conninfo)


def test_a_released_server_stops_and_can_be_had_again(folder: Path) -> None:
    with Client(folder) as client:
        assert answers(client.conninfo)
        client.do("release()")
        nothing_left(folder)
        client.do("ensure_running(folder)")
        assert answers(client.conninfo)


def test_a_path_too_long_for_a_socket_works(tmp_path: Path) -> None:
    folder = tmp_path / ("long " * 30).strip() / "it's here"
    with Client(folder) as client:
        assert answers(client.conninfo)
        with psycopg.connect(client.conninfo) as connection:
            socket = Path(connection.info.host, ".s.PGSQL.5432")
        assert socket.is_socket()
        assert socket.is_relative_to("/tmp")
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    nothing_left(folder)
    assert not socket.parent.exists()


def test_a_lost_password_is_replaced(folder: Path) -> None:
    with Client(folder) as client:
        assert answers(client.conninfo)
    nothing_left(folder)
    (folder / "pgpass").unlink()
    with Client(folder) as client:
        assert answers(client.conninfo)


def test_a_removed_socket_is_made_again(folder: Path) -> None:
    with Client(folder) as client:
        assert answers(client.conninfo)
        shutil.rmtree(folder / "run")
        eventually(lambda: answers(client.conninfo), "the socket does not come back")


def test_a_removed_folder_takes_its_server_along(folder: Path) -> None:
    with Client(folder) as client:
        assert answers(client.conninfo)
        folder.rename(folder.with_name("gone"))
        nothing_left(folder.with_name("gone"))
