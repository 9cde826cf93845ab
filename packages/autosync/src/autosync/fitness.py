"""Whether the database can do what AutoSync asks of it: new enough, and its sessions last.

A pooler that hands the connection to another client after each transaction (PgBouncer with
pool_mode=transaction, and what cloud providers offer like it) lets everything start, and breaks
session locks, LISTEN and temporary tables in silence (https://www.pgbouncer.org/features.html).
"""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import Connection

from autosync import config, foreseen
from autosync.database import conninfo, conninfo_of
from autosync.errors import AutoSyncError
from autosync.redact import redact

OLDEST = 15  # PostgreSQL's major version; what .ci/run tests is this one and the embedded one
_ROUNDS = 5
_TIMEOUT = 10  # seconds

Session = Connection[Any]


class DatabaseUnavailable(AutoSyncError):
    """The database of DATABASE_URL cannot be used."""


class DatabaseUnfit(AutoSyncError):
    """The database answers, but AutoSync cannot work with it."""


@lru_cache(maxsize=1)
def check() -> None:
    """Raise DatabaseUnavailable or DatabaseUnfit, one sentence that says what to do.

    Once per process. The embedded server is fit: it comes with AutoSync.
    """
    settings = config.load()
    if not settings.database_url:
        return
    variable, _ = settings.session_database
    try:
        with _connected(conninfo()) as session:
            _new_enough(session, variable)
        if sessions_are_shared(conninfo()):
            raise DatabaseUnfit(_pooled(variable))
        if settings.database_direct_url:
            _same_database(conninfo_of("DATABASE_URL", settings.database_url))
    except psycopg.Error as error:
        raise unavailable(error, variable) from None


def unavailable(error: Exception, variable: str = "DATABASE_URL") -> DatabaseUnavailable:
    """The readable form of a failed connection, without the password."""
    said = redact(" ".join(str(error).split()))[:300]
    foreseen_as = foreseen.explain(error)
    return DatabaseUnavailable(
        redact(foreseen_as)
        if foreseen_as
        else f"The database cannot be used: {said} Check {variable} "
        "(postgresql://user:password@host:5432/name); leave it empty for the embedded PostgreSQL."
    )


def sessions_are_shared(where: str) -> bool:
    """Whether what answers at `where` gives one server process to several clients in turn.

    PostgreSQL itself tells a client the process that serves it when it connects; a pooler has a
    number of its own there. Only then it is tried out: a client that waits keeps its process, or
    another one finds it.
    """
    with _connected(where) as first:
        own = _process(first)
        if own == first.info.backend_pid:
            return False
        return any(_lost(first, own, where) for _ in range(_ROUNDS))


def _lost(first: Session, own: int, where: str) -> bool:
    """One round: others use the pool, some in transactions; does `first` still have its process?"""
    with ExitStack() as open_:
        second = open_.enter_context(_connected(where))
        third = open_.enter_context(_connected(where))
        try:
            second.execute("BEGIN")
            found = {_process(second), _process(third)}
            if own in found or _process(first) != own:
                return True
            second.execute("COMMIT")
        except (psycopg.errors.FeatureNotSupported, psycopg.errors.ProtocolViolation):
            return True  # pool_mode=statement knows no transactions
        return _process(first) != own


def _same_database(pooled: str) -> None:
    """DATABASE_URL and DATABASE_DIRECT_URL lead to one database: a lock of one is seen by both."""
    key = secrets.randbits(62)
    with _connected(conninfo()) as direct, _connected(pooled) as other:
        direct.execute("SELECT pg_advisory_lock(%s)", [key])
        row = other.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND classid::bigint = %s AND objid::bigint = %s)",
            [key >> 32, key & 0xFFFF_FFFF],
        ).fetchone()
        if not row or not row[0]:
            raise DatabaseUnfit(
                "DATABASE_URL and DATABASE_DIRECT_URL lead to different databases. Both must lead "
                "to the same one: the first through the pooler, the second without it."
            )


def _new_enough(session: Session, variable: str) -> None:
    version = session.info.server_version
    if version < OLDEST * 10000:
        raise DatabaseUnfit(
            f"{variable} leads to PostgreSQL {version // 10000}; AutoSync needs PostgreSQL "
            f"{OLDEST} or later. Upgrade it, or leave DATABASE_URL empty for the embedded one."
        )


def _pooled(variable: str) -> str:
    past = (
        "Set DATABASE_DIRECT_URL to PostgreSQL's own address as well"
        if variable == "DATABASE_URL"
        else "Set DATABASE_DIRECT_URL to PostgreSQL's own address instead"
    )
    return (
        f"{variable} leads through a pooler that lends a connection for one transaction at a time "
        "(PgBouncer's pool_mode=transaction). AutoSync's locks and notifications need sessions "
        f"that last. {past}, or use pool_mode=session."
    )


def _connected(where: str) -> Session:
    # Prepared statements belong to a session, which is what is in doubt here.
    return psycopg.connect(where, autocommit=True, connect_timeout=_TIMEOUT, prepare_threshold=None)


def _process(session: Session) -> int:
    row = session.execute("SELECT pg_backend_pid()").fetchone()
    return int(row[0]) if row else 0
