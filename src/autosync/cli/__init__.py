"""`autosync`: serve, worker, demo, doctor, sync, token, deliveries."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from autosync import __version__
from autosync.cli import deliveries, token
from autosync.errors import AutoSyncError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A live SQL mirror of everything a GitHub App installation may see.",
)


@app.callback()
def _settings(context: typer.Context) -> None:
    # These two work on the database directly; the others decide for themselves.
    if context.invoked_subcommand in ("token", "deliveries"):
        from autosync.service.serve import setup_django

        setup_django()


app.add_typer(token.app, name="token")
app.add_typer(deliveries.app, name="deliveries")


@app.command()
def serve(
    worker: Annotated[
        bool, typer.Option(help="run a worker too; without it, run `autosync worker` elsewhere")
    ] = True,
) -> None:
    """Run receiver, web and worker as one supervised service. Migrates first."""
    from autosync.service import serve as service

    raise typer.Exit(service.serve(with_worker=worker))


@app.command()
def worker() -> None:
    """Run a worker alone: apply the inbox, import, reconcile, keep the schedule."""
    from autosync.service import serve as service
    from autosync.service import worker as process

    service.check_settings()
    raise typer.Exit(process.main())


@app.command()
def migrate() -> None:
    """Bring the database schema up to date."""
    from autosync.service import serve as service

    service.migrate()
    typer.echo("The database is up to date.")


@app.command()
def sync(
    installation: Annotated[int | None, typer.Option(help="GitHub's installation id")] = None,
    repository: Annotated[str | None, typer.Option(help="GitHub's id or OWNER/NAME")] = None,
    force: Annotated[bool, typer.Option(help="read everything again, skip nothing")] = False,
) -> None:
    """Bring the mirror in step with GitHub now (the same as manage.py sync_github)."""
    from django.core.management import CommandError, call_command

    from autosync.service.serve import setup_django

    setup_django()
    try:
        call_command("sync_github", installation=installation, repository=repository, force=force)
    except CommandError as error:
        raise AutoSyncError(str(error)) from None


@app.command()
def demo(
    repositories: Annotated[int, typer.Option(min=1, max=200)] = 20,
    people: Annotated[int, typer.Option(help="changes a minute that people make")] = 30,
) -> None:
    """A GitHub in a box with simulated people, and AutoSync mirroring it."""
    from autosync.service import demo as service

    raise typer.Exit(service.demo(repositories=repositories, people_per_minute=people))


@app.command()
def doctor() -> None:
    """Check every setting, the database, the App's credentials and its webhook."""
    from autosync.cli import doctor as checks

    raise typer.Exit(checks.run())


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """The console script: foreseen errors are one line, not a traceback."""
    try:
        app()
    except AutoSyncError as error:
        typer.secho(f"error: {error}", fg=typer.colors.RED, err=True)
        sys.exit(1)
