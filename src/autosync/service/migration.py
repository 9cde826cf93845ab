"""Bring the database schema up to date (`python -m autosync.service.migration`)."""

from __future__ import annotations

import psycopg

from autosync import foreseen
from autosync.database import conninfo
from autosync.errors import AutoSyncError
from autosync.service import child

_LOCK = 0x6175746F73796E63  # "autosync": of several that start at once, one migrates


class DatabaseUnavailable(AutoSyncError):
    """The database of DATABASE_URL cannot be used."""


def migrate(verbosity: int = 0) -> None:
    """Apply what is missing, one process at a time. Django must be set up.

    Raises DatabaseUnavailable, which says what the server said.
    """
    from django.core.management import call_command

    where = conninfo()
    try:
        # A connection of its own: the lock is the session's, migrations may close Django's.
        with psycopg.connect(where, autocommit=True, connect_timeout=10) as session:
            session.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            call_command("migrate", verbosity=verbosity, interactive=False)
    except psycopg.OperationalError as error:
        raise unavailable(error) from None


def unavailable(error: Exception) -> DatabaseUnavailable:
    """The readable form of a failed connection; psycopg's message names no password."""
    return DatabaseUnavailable(
        foreseen.explain(error)
        or f"The database cannot be used: {' '.join(str(error).split())[:300]} Check DATABASE_URL "
        "(postgresql://user:password@host:5432/name); leave it empty for the embedded PostgreSQL."
    )


def main() -> int:
    child.set_up_django()
    migrate()
    return 0


if __name__ == "__main__":
    child.run(main)
