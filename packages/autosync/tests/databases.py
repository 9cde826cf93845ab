"""Databases that are not the embedded one: the oldest PostgreSQL supported, PgBouncer before it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from autosync.fitness import OLDEST
from tests.proxies import require
from tests.service import free_port
from tests.waiting import eventually

PASSWORD = "a pass/word:with@signs"
_QUOTED = "a%20pass%2Fword%3Awith%40signs"
MODES = ("session", "transaction", "statement")


def _account() -> int | None:
    """Whom root becomes: neither program runs as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise AssertionError("neither a user postgres nor a user nobody")


class OldPostgres:
    """A server of the oldest supported version, on 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = f"/usr/lib/postgresql/{OLDEST}/bin"
        self._programs = Path(require(f"{programs}/postgres", f"postgresql-{OLDEST}")).parent
        self.port = free_port()

    def url(self, database: str = "autosync") -> str:
        return f"postgresql://autosync:{_QUOTED}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def running(self) -> Iterator[OldPostgres]:
        data, secret = self.folder / "data", self.folder / "password"
        secret.write_text(PASSWORD)
        _own(self.folder)
        _own(secret)
        subprocess.run(
            [self._programs / "initdb", "-D", data, "-U", "autosync", "--pwfile", secret,
             "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"],
            check=True, capture_output=True, timeout=120, user=_account(), cwd="/",
        )  # fmt: skip
        server = subprocess.Popen(
            [self._programs / "postgres", "-D", data, "-p", str(self.port), "-F",
             "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=_account(), cwd="/",
        )  # fmt: skip
        try:
            eventually(lambda: _listens(self.port), "the old PostgreSQL listens")
            for name in ("autosync", "another"):
                eventually(lambda name=name: self._made(name), "the old PostgreSQL is ready")  # type: ignore[misc]
            yield self
        finally:
            server.send_signal(2)  # fast
            server.wait(60)

    def _made(self, database: str) -> bool:
        try:
            with psycopg.connect(self.url("postgres"), autocommit=True) as session:
                session.execute(f'CREATE DATABASE "{database}"')
        except psycopg.OperationalError:
            return False
        return True


class PgBouncer:
    """In front of a server: one database for each of its modes, named after it."""

    def __init__(self, server: OldPostgres, folder: Path) -> None:
        self._program = require("pgbouncer", "pgbouncer")
        self.port = free_port()
        self._config = folder / "pgbouncer.ini"
        password = PASSWORD.replace("'", "''")
        databases = "".join(
            f"{mode} = host=127.0.0.1 port={server.port} dbname=autosync user=autosync "
            f"password='{password}' pool_mode={mode}\n"
            for mode in MODES
        )
        self._config.write_text(
            f"[databases]\n{databases}[pgbouncer]\nlisten_addr=127.0.0.1\n"
            f"listen_port={self.port}\nunix_socket_dir=\nauth_type=any\n"
        )
        _own(self._config)

    def url(self, mode: str) -> str:
        return f"postgresql://autosync:{_QUOTED}@127.0.0.1:{self.port}/{mode}"

    @contextmanager
    def running(self) -> Iterator[PgBouncer]:
        process = subprocess.Popen(
            [self._program, self._config],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=_account(), cwd="/",
        )  # fmt: skip
        try:
            eventually(lambda: _listens(self.port), "PgBouncer listens")
            yield self
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def old_postgres() -> Iterator[OldPostgres]:
    # Not pytest's folder: root's is closed to the account that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="autosync-old-"))
    try:
        with OldPostgres(folder).running() as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _own(path: Path) -> None:
    if (uid := _account()) is not None:
        os.chown(path, uid, -1)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True
