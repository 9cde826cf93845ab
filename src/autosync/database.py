"""Where the database is, for those who use psycopg without Django."""

from __future__ import annotations

from autosync import config, postgres


def conninfo() -> str:
    """A psycopg connection string; starts the embedded server if it does not run.

    `OPTIONS` of a test run (Django's test database) do not apply here; under pytest use Django's
    connection parameters.
    """
    settings = config.load()
    if settings.database_url:
        return settings.database_url
    return postgres.ensure_running(settings.data_dir / "postgres")
