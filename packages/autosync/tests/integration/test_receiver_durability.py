"""Durable before acknowledged: whatever is killed, every 2xx is in the table afterwards."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from autosync.postgres import ensure_running
from tests.service_processes import Service, running
from tests.waiting import eventually

CLIENTS = 16


class Burst:
    """Clients that deliver without a pause until told to stop, noting what is acknowledged."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(CLIENTS)
        self.acknowledged: set[str] = set()
        self.statuses: set[int] = set()
        self.refused_connections = 0

    def __enter__(self) -> Self:
        self._runs = [self._pool.submit(self._run, number) for number in range(CLIENTS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for run in self._runs:
            run.result()

    def reach(self, count: int) -> None:
        """Wait for `count` more acknowledgements."""
        goal = len(self.acknowledged) + count
        eventually(lambda: len(self.acknowledged) >= goal, f"{count} acknowledgements")

    def _run(self, number: int) -> None:
        sent = 0
        while not self._stop.is_set():
            guid = f"burst-{number}-{sent}"
            sent += 1
            try:
                status, _ = self._service.deliver(guid=guid, event="push")
            except ConnectionRefusedError:
                self.refused_connections += 1
                time.sleep(0.01)
                continue
            except (OSError, ValueError):
                continue  # cut off in the middle: not acknowledged
            self.statuses.add(status)
            if 200 <= status < 300:
                self.acknowledged.add(guid)


def missing(service: Service, acknowledged: set[str]) -> set[str]:
    return acknowledged - {row["guid"] for row in service.stored("SELECT guid FROM inbox")}


def test_a_killed_web_process_loses_nothing_and_its_door_stays_open(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        with Burst(service) as burst:
            for _ in range(2):
                burst.reach(200)
                victim = service.pid_of("autosync.service.web")
                os.kill(victim, signal.SIGKILL)
            burst.reach(200)
        assert missing(service, burst.acknowledged) == set()
        # The supervisor holds the listening socket: deliveries wait for the next web process.
        assert burst.refused_connections == 0
        assert "web was ended by SIGKILL" in service.output


def test_a_killed_service_loses_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        with Burst(service) as burst:
            burst.reach(300)
            service.kill_everything()
            service.lines.clear()
            service.start()
            service.wait_ready()
            burst.reach(200)
        assert missing(service, burst.acknowledged) == set()


def test_a_killed_database_delays_deliveries_and_loses_none(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        folder = service.database
        with Burst(service) as burst:
            for _ in range(2):
                burst.reach(200)
                postmaster = (folder / "data" / "postmaster.pid").read_text().splitlines()[0]
                os.kill(int(postmaster), signal.SIGKILL)
                burst.reach(50)
        assert burst.statuses <= {202, 200}
        assert missing(service, burst.acknowledged) == set()


class Detour:
    """A TCP port that leads to a PostgreSQL socket, and can be closed and opened again."""

    def __init__(self, target: Path) -> None:
        self._target = str(target)
        self._sockets: list[socket.socket] = []
        self.port = 0
        self.open()

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        for one in (self._listener, *self._sockets):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
        self._sockets.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            self._sockets += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for one in (source, sink):
            one.close()


def test_without_a_database_the_answer_is_503_until_it_is_back(tmp_path: Path) -> None:
    """A database elsewhere, which AutoSync cannot start again."""
    ensure_running(tmp_path / "elsewhere")
    password = (tmp_path / "elsewhere" / "pgpass").read_text().strip().rpartition(":")[2]
    detour = Detour(tmp_path / "elsewhere" / "run" / ".s.PGSQL.5432")
    url = f"postgresql://autosync:{password}@127.0.0.1:{detour.port}/autosync"
    with running(tmp_path, DATABASE_URL=url) as service:
        assert service.deliver(guid="before")[0] == 202
        detour.close()
        started = time.monotonic()
        with ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(lambda n: service.deliver(guid=f"lost-{n}"), range(5)))
        assert {status for status, _ in answers} == {503}
        assert time.monotonic() - started < 25  # one patience for all, not one each
        assert answers[0][1].keys() == {"error", "hint"}
        assert password not in str(answers) + service.output
        detour.open()
        assert service.deliver(guid="after")[0] == 202
        assert service.deliver(guid="before") == (200, {"status": "duplicate"})
        detour.close()
