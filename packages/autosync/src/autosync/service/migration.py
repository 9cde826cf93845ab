"""Bring the database schema up to date (`python -m autosync.service.migration`)."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path

import psycopg

from autosync.database import conninfo
from autosync.fitness import check, unavailable
from autosync.service import child

_LOOK_EVERY = 0.2  # seconds
_LOCK = 0x6175746F73796E63  # "autosync": of several that start at once, one migrates

# Where the migrations of each Django app lie: of a package, and in it.
_APPS = {
    "admin": ("django", "contrib/admin"),
    "auth": ("django", "contrib/auth"),
    "contenttypes": ("django", "contrib/contenttypes"),
    "mirror": ("autosync", "mirror"),
    "procrastinate": ("procrastinate", "contrib/django"),
    "sessions": ("django", "contrib/sessions"),
}
# Migrating also makes the inbox's days of the next week; a start makes them unless so many are
# left (autosync.mirror.partitions).
_DAYS_AHEAD = 3


def is_needed() -> bool:
    """Whether `migrate` has something to do. Without Django, for at most starts it has not.

    Raises DatabaseUnavailable.
    """
    if missing():
        return True
    day = f"to_char(now() AT TIME ZONE 'UTC' + interval '{_DAYS_AHEAD} days', 'YYYYMMDD')"
    return _asked(f"SELECT to_regclass('inbox_' || {day}) IS NOT NULL") == [(False,)]


def missing() -> list[str]:
    """The migrations on disk that the database has not seen. Raises DatabaseUnavailable."""
    if _asked("SELECT to_regclass('django_migrations') IS NULL") == [(True,)]:
        return sorted(on_disk())
    applied = {f"{app}.{name}" for app, name in _asked("SELECT app, name FROM django_migrations")}
    return sorted(on_disk() - applied)


def on_disk() -> set[str]:
    """Every migration of this installation, as `app.name`."""
    found = set()
    for app, (package, folder) in _APPS.items():
        # Of a top-level package this imports nothing.
        spec = find_spec(package)
        assert spec is not None
        assert spec.submodule_search_locations is not None
        files = Path(spec.submodule_search_locations[0], folder, "migrations").glob("[!_]*.py")
        found |= {f"{app}.{file.stem}" for file in files}
    return found


def _asked(query: str) -> list[tuple[object, ...]]:
    try:
        with psycopg.connect(conninfo(), autocommit=True, connect_timeout=10) as session:
            return session.execute(query.encode()).fetchall()
    except psycopg.OperationalError as error:
        raise unavailable(error) from None


def migrate(verbosity: int = 0) -> None:
    """Apply what is missing, one process at a time. Django must be set up.

    Raises DatabaseUnavailable, which says what the server said, and DatabaseUnfit.
    """
    from django.core.management import call_command  # noqa: PLC0415 (Django is not set up)

    check()
    where = conninfo()
    try:
        # A connection of its own: the lock is the session's, migrations may close Django's.
        with psycopg.connect(where, autocommit=True, connect_timeout=10) as session:
            # Not by waiting in the database: an index that is made concurrently waits for all who
            # are in the middle of a statement there.
            while session.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone() != (True,):
                time.sleep(_LOOK_EVERY)
            call_command("migrate", verbosity=verbosity, interactive=False)
    except psycopg.OperationalError as error:
        raise unavailable(error) from None


def main() -> int:
    child.set_up_django()
    migrate()
    return 0


if __name__ == "__main__":
    child.run(main)
