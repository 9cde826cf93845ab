"""`autosync serve`: how it starts, what stops it, and that nothing is left behind."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from autosync import postgres
from autosync.service import offspring
from tests.service_processes import SECRET, Service, environment, free_port, processes_of, running
from tests.waiting import eventually


def gone(folder: Path) -> bool:
    return not processes_of(folder)


def refusal(folder: Path, *command: str, **changes: str) -> str:
    """What a service says that does not start; fails the test if it does."""
    service = Service(folder, *command, **changes)
    try:
        assert service.ended() == 1
        assert "Traceback" not in service.output
        eventually(lambda: gone(folder), "the end of all processes")
        return service.output
    finally:
        service.kill_everything()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopping_leaves_no_process(tmp_path: Path, how: signal.Signals) -> None:
    with running(tmp_path, "serve") as service:
        eventually(lambda: service.pid_of("autosync.service.worker"), "the worker")
        service.process.send_signal(how)
        assert service.ended() == 0
        eventually(lambda: gone(tmp_path), "the end of all processes")
        assert "Traceback" not in service.output


def test_ctrl_c_during_the_start_leaves_no_process(tmp_path: Path) -> None:
    service = Service(tmp_path, "serve")
    try:
        eventually(lambda: service.pid_of("autosync.service.migration"), "the migration")
        service.interrupt()
        eventually(lambda: gone(tmp_path), "the end of all processes")
        assert "Traceback" not in service.output
    finally:
        service.kill_everything()


def test_a_killed_supervisor_takes_its_children_along(tmp_path: Path) -> None:
    with running(tmp_path, "serve") as service:
        eventually(lambda: service.pid_of("autosync.service.worker"), "the worker")
        service.process.kill()
        eventually(lambda: gone(tmp_path), "the end of all processes")


def test_a_killed_worker_comes_back(tmp_path: Path) -> None:
    with running(tmp_path, "serve") as service:
        first = eventually(lambda: service.pid_of("autosync.service.worker"), "the worker")
        os.kill(first, signal.SIGKILL)

        def second() -> bool:
            return service.pid_of("autosync.service.worker") not in (0, first)

        eventually(second, "another worker")
        assert "worker was ended by SIGKILL" in service.output


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each process is a new interpreter")
def test_processes_begin_as_forks_and_come_back_as_new_interpreters(tmp_path: Path) -> None:
    modules = ("autosync.service.worker", "autosync.service.web")
    with running(tmp_path, "serve") as service:
        for module in modules:
            assert processes_of(tmp_path)[service.pid_of(module)].startswith("python -m autosync")
        worker, web = map(service.pid_of, modules)
        # Each has of the supervisor's sockets only what is its own: its line, web's listener.
        listener = of_the_port(service.port)
        assert listener in sockets_of(web)
        assert listener not in sockets_of(worker)
        shared = sockets_of(service.process.pid) & (sockets_of(web) | sockets_of(worker))
        assert shared == {listener}
        assert ignored(web) == ignored(service.process.pid) == ignored(worker)
        for pid in (worker, web):
            os.kill(pid, signal.SIGKILL)
        for module, first in zip(modules, (worker, web), strict=True):

            def again(module: str = module, first: int = first) -> bool:
                return service.pid_of(module) not in (0, first)

            eventually(again, f"another {module}")
            assert not processes_of(tmp_path)[service.pid_of(module)].startswith("python -m")
        assert service.deliver(guid="afterwards")[0] == 202
        eventually(lambda: status(service, "afterwards") == "ignored", "the new worker works")
        postgres.release(service.database)  # ours, taken to look into the inbox
        assert service.interrupt() == 0
        eventually(lambda: gone(tmp_path), "the end of all processes")


def sockets_of(pid: int) -> set[str]:
    """The sockets that a process has open, by inode."""
    links = [os.path.realpath(file) for file in Path(f"/proc/{pid}/fd").iterdir()]
    return {link.rpartition("[")[2][:-1] for link in links if "/socket:[" in link}


def of_the_port(port: int) -> str:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return next(r[9] for r in rows if r[3] == "0A" and r[1].endswith(f":{port:04X}"))


def ignored(pid: int) -> str:
    """The signals that a process ignores, as the kernel writes them."""
    return next(
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "SigIgn" in line
    )


def test_a_hung_web_or_worker_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    with running(tmp_path, "serve", AUTOSYNC_HANG_AFTER="4") as service:
        worker = eventually(lambda: service.pid_of("autosync.service.worker"), "the worker")
        web = service.pid_of("autosync.service.web")
        os.kill(web, signal.SIGSTOP)
        # What it had accepted ends with it; GitHub's log has that delivery, or it is sent again.
        eventually(lambda: arrives(service, "while web hangs"), "the next web process answers")
        assert service.pid_of("autosync.service.web") not in (0, web)
        assert "web hung for" in service.output

        eventually(lambda: status(service, "while web hangs") == "ignored", "it is processed")
        os.kill(worker, signal.SIGSTOP)
        assert service.deliver(guid="while the worker hangs")[0] == 202
        eventually(lambda: status(service, "while the worker hangs") == "ignored", "the next one")
        assert service.pid_of("autosync.service.worker") not in (0, worker)
        assert "worker hung for" in service.output


def arrives(service: Service, guid: str) -> bool:
    try:
        return service.deliver(guid=guid, timeout=120)[0] == 202
    except OSError:
        return False


def status(service: Service, guid: str) -> str:
    rows = service.stored("SELECT status FROM inbox WHERE guid = %s", guid)
    return str(rows[0]["status"]) if rows else "absent"


def test_a_machine_that_slept_wakes_up_with_the_same_processes(tmp_path: Path) -> None:
    with running(tmp_path, "serve", AUTOSYNC_HANG_AFTER="3") as service:
        eventually(lambda: service.pid_of("autosync.service.worker"), "the worker")
        before = processes_of(tmp_path)
        supervised = [service.process.pid, *(p for p, c in before.items() if "autosync.s" in c)]
        for pid in supervised:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(5)
        for pid in supervised:
            os.kill(pid, signal.SIGCONT)
        time.sleep(3)
        assert service.deliver()[0] == 202
        assert set(supervised) <= set(processes_of(tmp_path))
        assert "hung" not in service.output


def test_the_git_programs_of_a_hung_worker_are_found_and_ended() -> None:
    git = subprocess.Popen(
        ["git", "hash-object", "--stdin-paths"], stdin=subprocess.PIPE, start_new_session=True
    )
    eventually(lambda: git.pid in offspring.gits_of(os.getpid()), "it has started")
    offspring.kill([git.pid])
    assert git.wait(30) == -signal.SIGKILL
    assert git.pid not in offspring.gits_of(os.getpid())


def test_an_open_stream_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    with running(tmp_path, AUTOSYNC_DASHBOARD_PUBLIC="1") as service:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        connection.request("GET", "/events/", headers={"Accept": "text/event-stream"})
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert service.interrupt() == 0
        assert "killed" not in service.output
        connection.close()


def test_several_web_processes_share_the_port(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "--no-worker", "--web-processes", "2") as service:
        webs = [p for p in processes_of(tmp_path).values() if "autosync.service.web" in p]
        assert len(webs) == 2
        assert {service.deliver()[0] for _ in range(50)} == {202}


def test_two_services_share_one_folder(tmp_path: Path) -> None:
    with running(tmp_path) as one, running(tmp_path) as two:
        assert one.port != two.port
        assert one.deliver(guid="shared")[0] == 202
        assert two.deliver(guid="shared")[0] == 200


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        said = refusal(tmp_path, AUTOSYNC_PORT=port)
    assert "AUTOSYNC_PORT" in said
    assert port in said


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"GITHUB_APP_ID": ""}, "GITHUB_APP_ID"),
        ({"GITHUB_APP_PRIVATE_KEY": ""}, "GITHUB_APP_PRIVATE_KEY"),
        ({"GITHUB_APP_PRIVATE_KEY": "/nowhere/key.pem"}, "GITHUB_APP_PRIVATE_KEY"),
        ({"GITHUB_WEBHOOK_SECRET": ""}, "GITHUB_WEBHOOK_SECRET"),
        ({"AUTOSYNC_PORT": "99999"}, "AUTOSYNC_PORT"),
        ({"DATABASE_URL": "mysql://root@localhost/x"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://a:hidden@127.0.0.1:1/x"}, "DATABASE_URL"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_name(
    tmp_path: Path, changes: dict[str, str], named: str
) -> None:
    said = refusal(tmp_path, **changes)
    assert named in said
    assert "hidden" not in said


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    said = refusal(tmp_path, AUTOSYNC_DATA_DIR=str(tmp_path / "file" / "data"))
    assert "AUTOSYNC_DATA_DIR" in said


def test_runserver_starts_as_users_of_django_expect(tmp_path: Path) -> None:
    service = Service(tmp_path, "manage.py", "runserver", str(port := free_port()))
    try:
        service.wait_ready()
        service.port = port
        assert f"Starting development server at http://127.0.0.1:{port}/" in service.output
        assert "Quit the server with CONTROL-C." in service.output
        assert "unapplied migration(s)" in service.output
        status, answer = service.deliver()
        assert status == 503
        assert "autosync migrate" in answer["error"]
        migrated = subprocess.run(
            [*service.command[:2], "migrate", "--verbosity", "0"],
            env=service.environment,
            cwd=tmp_path,
            check=False,
        )
        assert migrated.returncode == 0
        assert service.deliver(guid="processed")[0] == 202
        eventually(
            lambda: service.stored("SELECT 1 FROM inbox WHERE status = 'ignored'"),
            "the worker to process the ping",
        )
        # Ours, taken to look into the inbox.
        postgres.release(service.database)
        assert service.interrupt() == 0
        eventually(lambda: gone(tmp_path), "the end of all processes")
        assert "Traceback" not in service.output
    finally:
        service.kill_everything()


def test_runserver_starts_again_when_the_code_changes(tmp_path: Path) -> None:
    # Loaded by every Python process of the service, and ours to change.
    module = tmp_path / "loaded_by_all.py"
    module.write_text("")
    (tmp_path / "sitecustomize.py").write_text("import loaded_by_all\n")
    service = Service(tmp_path, "manage.py", "runserver", "--no-worker", PYTHONPATH=str(tmp_path))
    try:
        service.wait_ready()
        first = service.pid_of("autosync.service.web")

        def another() -> bool:
            module.write_text(f"{module.read_text()}# changed\n")
            return service.pid_of("autosync.service.web") not in (0, first)

        eventually(another, "another web process")
        assert "loaded_by_all.py changed, reloading." in service.output
        assert service.deliver()[0] == 503  # it serves; there are no tables
    finally:
        service.kill_everything()


def test_doctor_lists_every_setting_and_shows_no_secret(tmp_path: Path) -> None:
    service = Service(
        tmp_path, "doctor", "--settings", GITHUB_APP_CLIENT_SECRET="client-secret-value"
    )
    try:
        service.ended()
        for name in ("GITHUB_APP_ID", "GITHUB_WEBHOOK_SECRET", "DATABASE_URL", "AUTOSYNC_PORT"):
            assert name in service.output
        assert SECRET not in service.output
        assert "client-secret-value" not in service.output
        assert "Traceback" not in service.output
    finally:
        service.kill_everything()


def test_migrating_twice_at_once_is_harmless(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    codes: list[int] = []

    def migrate() -> None:
        service = Service(tmp_path, "migrate", AUTOSYNC_PORT=settings["AUTOSYNC_PORT"])
        codes.append(service.ended(120))

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0, 0]
    eventually(lambda: gone(tmp_path), "the end of all processes")
