"""`autosync`: serve, worker, plan, sync, audit, doctor, demo, token, deliveries and more."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from autosync import __version__, entrance
from autosync.cli import deliveries, kinds, token
from autosync.cli.audit import audit
from autosync.cli.forget import forget
from autosync.cli.plan import plan
from autosync.errors import AutoSyncError
from autosync.service.child import set_up_django

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A live SQL mirror of everything a GitHub App installation may see.",
)


@app.callback()
def _settings(context: typer.Context) -> None:
    command = context.invoked_subcommand or "help"
    if "--help" in sys.argv:
        return  # of a command, which needs neither settings nor a database
    if command == "manage":
        return  # Django's commands: each is entered by its own name
    entrance.enter(command)
    # These work with Django directly; the others decide for themselves.
    if command in ("token", "deliveries", "kinds"):
        set_up_django()


app.add_typer(token.app, name="token")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(kinds.app, name="kinds")
app.command()(audit)
app.command()(forget)
app.command()(plan)


@app.command()
def serve(
    worker: Annotated[
        bool, typer.Option(help="run a worker too; without it, run `autosync worker` elsewhere")
    ] = True,
    web_processes: Annotated[
        int, typer.Option(min=1, max=64, help="processes that share the port")
    ] = 1,
) -> None:
    """Run receiver, web and worker as one supervised service. Migrates first."""
    from autosync.service import serve as service  # noqa: PLC0415 (start-up time)

    raise typer.Exit(service.serve(with_worker=worker, web_processes=web_processes))


@app.command()
def worker() -> None:
    """Run a worker alone: apply the inbox, import, reconcile, keep the schedule."""
    from autosync.service import serve as service  # noqa: PLC0415 (start-up time)
    from autosync.service import worker as process  # noqa: PLC0415 (start-up time)

    service.check_settings()
    service.warn(with_worker=True)
    raise typer.Exit(process.main())


@app.command()
def migrate() -> None:
    """Bring the database schema up to date."""
    from autosync.service.migration import migrate as apply  # noqa: PLC0415 (start-up time)

    set_up_django()
    apply(verbosity=1)


@app.command()
def sync(
    installation: Annotated[int | None, typer.Option(help="GitHub's installation id")] = None,
    repository: Annotated[str | None, typer.Option(help="GitHub's id or OWNER/NAME")] = None,
    force: Annotated[bool, typer.Option(help="read everything again, skip nothing")] = False,
) -> None:
    """Bring the mirror up to date with GitHub now (the same as manage.py sync_github)."""
    from django.core.management import CommandError, call_command  # noqa: PLC0415 (Django is not set up)

    set_up_django()
    try:
        call_command("sync_github", installation=installation, repository=repository, force=force)
    except CommandError as error:
        raise AutoSyncError(str(error)) from None


@app.command()
def recover() -> None:
    """Fetch the deliveries in GitHub's log that the inbox lacks (also done automatically)."""
    set_up_django()
    from autosync.sync.recover import read_delivery_log  # noqa: PLC0415 (Django is not set up)

    found = read_delivery_log(wait=True)
    typer.echo(f"Missing deliveries put into the inbox: {found.stored}.")
    if found.gap:
        typer.echo(found.gap, err=True)


@app.command()
def demo(
    repositories: Annotated[int, typer.Option(min=1, max=500)] = 20,
    commits: Annotated[int, typer.Option(min=0, help="over all repositories")] = 4000,
    issues: Annotated[int, typer.Option(min=0)] = 1500,
    pulls: Annotated[int, typer.Option(min=0)] = 600,
    people: Annotated[int, typer.Option(min=0, help="things people do, per minute")] = 30,
    seed: Annotated[int, typer.Option(help="the same seed makes the same world")] = 1,
    import_git: Annotated[
        Path | None,
        typer.Option(
            help="a git repository whose history one of them uses; default: this checkout"
        ),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="let anyone who can reach this machine see and use it")
    ] = False,
) -> None:
    """A simulated GitHub with people at work, and AutoSync mirroring it."""
    from autosync.service import demo as service  # noqa: PLC0415 (start-up time)

    world = service.World(
        repositories=repositories,
        commits=commits,
        issues=issues,
        pulls=pulls,
        people=people,
        seed=seed,
        import_git=import_git.resolve() if import_git else service.own_checkout(),
    )
    raise typer.Exit(service.demo(world, public))


@app.command()
def doctor(
    settings: Annotated[bool, typer.Option("--settings", help="show every setting")] = False,
) -> None:
    """List everything that is wrong: settings, git, database, GitHub, webhook, service."""
    from autosync.cli.doctor import run  # noqa: PLC0415 (Django is not set up)

    raise typer.Exit(run(settings=settings))


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,  # `--` and what follows are the command's
    }
)
def manage(context: typer.Context) -> None:
    """Run one of Django's commands, as manage.py does in a checkout: createsuperuser, dbshell, …

    `autosync manage help` lists them.
    """
    entrance.manage(["autosync manage", *context.args])


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """The console script: foreseen errors are one line, not a traceback."""
    entrance.guarded(app)
