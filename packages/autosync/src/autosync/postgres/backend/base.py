"""Django's PostgreSQL backend that makes sure the embedded server runs before it connects.

A database of the settings that names a folder as AUTOSYNC_EMBEDDED_DIR uses the server kept there;
without it this is `django.db.backends.postgresql`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.postgresql.client import DatabaseClient as PostgresClient
from psycopg import OperationalError
from psycopg.conninfo import conninfo_to_dict

from autosync.postgres import NoCluster, NotInstalled, ensure_running
from autosync.postgres.backend.odd import PreparingCursor, StoringCursor, prepare
from autosync.postgres.binaries import installed

_PREPARED_WHEN_ASKED = 1_000_000  # uses, after which psycopg prepares without being asked
_PREPARED = 200  # statements that a session keeps
_RECONNECT = 30.0  # seconds during which a server that was killed may come back


class DatabaseClient(PostgresClient):
    """`manage.py dbshell` with the wheel's psql, for machines that have none."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Any
    ) -> tuple[list[str], dict[str, str] | None]:
        folder = settings_dict.get("AUTOSYNC_EMBEDDED_DIR")
        if not folder:
            return super().settings_to_cmd_args_env(settings_dict, parameters)
        name = settings_dict.get("NAME") or "postgres"
        conninfo = f"{ensure_running(Path(folder))} dbname='{name}'"
        return [str(installed() / "bin" / "psql"), conninfo, *parameters], None

    def runshell(self, parameters: Any) -> None:
        """Connect first: what is wrong is then said as by every other command."""
        self.connection.ensure_connection()
        self.connection.close()
        super().runshell(parameters)


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient

    @property
    def _embedded(self) -> Path | None:
        folder = self.settings_dict.get("AUTOSYNC_EMBEDDED_DIR")
        return Path(folder) if folder else None

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        params["cursor_factory"] = StoringCursor
        # For the cursors that ask for it (Django's put their parameters into the text).
        params["prepare_threshold"] = _PREPARED_WHEN_ASKED
        if self._embedded is not None:
            try:
                where = conninfo_to_dict(ensure_running(self._embedded))
            except (NoCluster, NotInstalled) as error:
                # To Django a database that does not answer: some commands go on without.
                raise OperationalError(str(error)) from error
            where.pop("dbname")  # the settings', so that test databases work
            params |= where
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; to an embedded server that has just been killed, once it is back."""
        connection = self._connected(conn_params)
        connection.prepared_max = _PREPARED
        prepare(connection, self.timezone)
        return connection

    def preparing_cursor(self) -> Any:
        """As `cursor()`, but each statement is kept prepared for the session."""
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            cursor = PreparingCursor(self.connection)
            return self._prepare_cursor(cursor)  # type: ignore[attr-defined]

    def _connected(self, conn_params: dict[str, Any]) -> Any:
        if self._embedded is None:
            return super().get_new_connection(conn_params)
        until = time.monotonic() + _RECONNECT
        while True:
            ensure_running(self._embedded)
            try:
                return super().get_new_connection(conn_params)
            except OperationalError as error:
                if not _is_away(str(error)) or time.monotonic() > until:
                    raise
                time.sleep(0.05)


def _is_away(message: str) -> bool:
    """Whether no server answered, or one that just starts or stops.

    A failed connection attempt carries no SQLSTATE; our servers speak English (lc_messages is C).
    """
    return "FATAL:" not in message or any(
        words in message for words in ("the database system is", "terminating connection due to")
    )
