"""Where the database is, for those who use psycopg without Django; and whether it went away."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.errors import IdleInTransactionSessionTimeout

from autosync import config, postgres
from autosync.database_url import parameters
from autosync.errors import ConfigurationError

_AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    IdleInTransactionSessionTimeout,  # to psycopg an internal error
    postgres.EmbeddedPostgresError,
)


def conninfo() -> str:
    """A psycopg connection string of the database, for a session that lasts: never a pooler's.

    Starts the embedded server if it does not run. Raises ConfigurationError for a wrong address.
    `OPTIONS` of a test run (Django's test database) do not apply here; under pytest use Django's
    connection parameters.
    """
    settings = config.load()
    if settings.database_url:
        variable, url = settings.session_database
        return conninfo_of(variable, url)
    return postgres.ensure_running(settings.data_dir / "postgres")


def conninfo_of(variable: str, url: str) -> str:
    """A psycopg connection string of the address in `variable`; else ConfigurationError."""
    try:
        return make_conninfo(**parameters(variable, url))
    except psycopg.ProgrammingError as error:
        raise ConfigurationError(
            f"{variable}: {' '.join(str(error).split())}. Correct the address "
            "(postgresql://user:password@host:5432/name); empty: the embedded PostgreSQL."
        ) from None


def is_away(error: BaseException) -> bool:
    """Whether an error comes of a database, or a session of it, that went away.

    Then the same work is to be done again, and nothing is wrong with it. Who raises decides the
    class: Django wraps psycopg's errors in its own, but not those of a COPY; Procrastinate has one
    class for all of them. So what they come of is asked as well.
    """
    # Class 54: a row too large for its index, say; to psycopg operational, but it stays so.
    return any(
        isinstance(seen, _AWAY) and not (getattr(seen, "sqlstate", None) or "").startswith("54")
        for seen in _causes(error)
    )


def is_hopeless(error: BaseException) -> bool:
    """Whether the same work would end in the same error, however often it is tried.

    So it is with a payload of another shape, and with a value that PostgreSQL refuses (SQLSTATE
    class 22, data exceptions, and class 54, program limits).
    """
    return any(
        isinstance(seen, msgspec.DecodeError | UnicodeError | psycopg.DataError)
        or (isinstance(seen, psycopg.Error) and (seen.sqlstate or "").startswith(("22", "54")))
        for seen in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it comes of. One that is raised again may come of what comes of it."""
    seen: BaseException | None = error
    known: set[int] = set()
    while seen is not None and id(seen) not in known:
        known.add(id(seen))
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
