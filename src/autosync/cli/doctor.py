"""`autosync doctor`: what is set, what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from autosync import config
from autosync.errors import AutoSyncError
from autosync.redact import redact

if TYPE_CHECKING:
    from autosync.github import AppClient

_SECRET = ("secret", "key", "password")
# Holds a password where it is set.
_MASKED = {"database_url", "database_direct_url"}


def run() -> int:
    """Print settings and checks; 0 if all checks passed."""
    console = Console()
    settings = config.load()
    console.print(_settings_table(settings))
    passed = True
    for name, outcome in _checks():
        try:
            console.print(f"[green]ok[/]    {name}: {outcome()}", highlight=False)
        except AutoSyncError as error:
            passed = False
            console.print(f"[red]wrong[/] {name}: {error}", highlight=False, markup=True)
    return 0 if passed else 1


def _settings_table(settings: config.Config) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("what it is")
    for name, about in type(settings).model_fields.items():
        value = getattr(settings, name)
        secret = name in _MASKED or any(word in name for word in _SECRET)
        shown = (
            "set" if secret and value else redact(str(value)) if value not in ("", None) else "–"
        )
        table.add_row(name.upper(), shown, about.description or "")
    return table


def _checks() -> Iterator[tuple[str, Callable[[], str]]]:
    yield "settings", _required
    yield "database", _database
    yield "GitHub App", _app
    yield "webhook", _webhook


def _required() -> str:
    from autosync.service.serve import check_settings

    check_settings()
    return "complete"


def _database() -> str:
    import psycopg

    from autosync.database import conninfo
    from autosync.fitness import check

    check()
    try:
        with psycopg.connect(conninfo(), connect_timeout=5) as connection:
            row = connection.execute("SHOW server_version").fetchone()
    except psycopg.OperationalError as error:
        raise AutoSyncError(redact(" ".join(str(error).split()))[:300]) from None
    where = "DATABASE_URL" if config.load().database_url else "embedded"
    return f"PostgreSQL {row[0] if row else '?'} ({where})"


def _app() -> str:
    from autosync.service.child import set_up_django

    set_up_django()
    client = _client()
    app = client.app()
    count = sum(1 for _ in client.installations())
    return f"{app.get('slug') or app.get('name')}, {count} installation(s)"


def _client() -> AppClient:
    """The App with a budget of its own: the database's tables may not be there yet."""
    from autosync.github import AppClient, LocalBudget
    from autosync.sync.connect import credentials

    return AppClient(credentials(), LocalBudget())


def _webhook() -> str:
    from autosync.service.child import set_up_django

    set_up_django()
    from autosync.sync import hook

    state = hook.state(_client())
    if state.missing:
        raise AutoSyncError(" ".join(state.missing))
    return f"points at {redact(state.url)}"
