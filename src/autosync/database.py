"""Where the database is, for those who use psycopg without Django; and whether it went away."""

from __future__ import annotations

import msgspec
import psycopg
from psycopg.errors import IdleInTransactionSessionTimeout

from autosync import config, postgres

_AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    IdleInTransactionSessionTimeout,  # to psycopg an internal error
    postgres.EmbeddedPostgresError,
)


def conninfo() -> str:
    """A psycopg connection string; starts the embedded server if it does not run.

    `OPTIONS` of a test run (Django's test database) do not apply here; under pytest use Django's
    connection parameters.
    """
    settings = config.load()
    if settings.database_url:
        return settings.database_url
    return postgres.ensure_running(settings.data_dir / "postgres")


def is_away(error: BaseException) -> bool:
    """Whether an error comes of a database, or a session of it, that went away.

    Then the same work is to be done again, and nothing is wrong with it. Who raises decides the
    class: Django wraps psycopg's errors in its own, but not those of a COPY; Procrastinate has one
    class for all of them. So what they come of is asked as well.
    """
    seen: BaseException | None = error
    while seen is not None:
        # Class 54: a row too large for its index, say; to psycopg operational, but it stays so.
        if isinstance(seen, _AWAY) and not (getattr(seen, "sqlstate", None) or "").startswith("54"):
            return True
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return False


def is_hopeless(error: BaseException) -> bool:
    """Whether the same work would end in the same error, however often it is tried.

    So it is with a payload of another shape, and with a value that PostgreSQL refuses (SQLSTATE
    class 22, data exceptions, and class 54, program limits).
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, msgspec.DecodeError | UnicodeError | psycopg.DataError):
            return True
        if isinstance(seen, psycopg.Error) and (seen.sqlstate or "").startswith(("22", "54")):
            return True
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return False
