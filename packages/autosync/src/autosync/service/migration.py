"""Bring the database schema up to date (`python -m autosync.service.migration`)."""

from __future__ import annotations

import psycopg

from autosync.database import conninfo
from autosync.fitness import check, unavailable
from autosync.service import child

_LOCK = 0x6175746F73796E63  # "autosync": of several that start at once, one migrates


def migrate(verbosity: int = 0) -> None:
    """Apply what is missing, one process at a time. Django must be set up.

    Raises DatabaseUnavailable, which says what the server said, and DatabaseUnfit.
    """
    from django.core.management import call_command  # noqa: PLC0415 (start-up time)

    check()
    where = conninfo()
    try:
        # A connection of its own: the lock is the session's, migrations may close Django's.
        with psycopg.connect(where, autocommit=True, connect_timeout=10) as session:
            session.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            call_command("migrate", verbosity=verbosity, interactive=False)
    except psycopg.OperationalError as error:
        raise unavailable(error) from None


def main() -> int:
    child.set_up_django()
    migrate()
    return 0


if __name__ == "__main__":
    child.run(main)
