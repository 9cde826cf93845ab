"""The `githubsim` command."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from githubsim import __version__
from githubsim.service import Options, serve

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="A GitHub in a box: real HTTP, real git, signed webhooks, honest limits.",
)


@cli.command("serve")
def serve_command(
    data: Annotated[
        Path, typer.Option(help="The world's folder; a world already there is served as it is.")
    ] = Path("githubsim-data"),
    port: Annotated[int, typer.Option(help="0 takes a free one.", envvar="GITHUBSIM_PORT")] = 8010,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    public_url: Annotated[
        str | None, typer.Option(help="What links start with, if not http://HOST:PORT.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same world.")] = 1,
    repositories: Annotated[int, typer.Option(help="How many repositories.")] = 20,
    commits: Annotated[int, typer.Option(help="Commits, over all repositories.")] = 3000,
    issues: Annotated[int, typer.Option(help="Issues, over all repositories.")] = 1500,
    pulls: Annotated[int, typer.Option(help="Pull requests, over all repositories.")] = 500,
    import_git: Annotated[
        list[Path] | None,
        typer.Option(help="Make a git repository of this disk one of them (repeatable)."),
    ] = None,
    webhook_url: Annotated[str | None, typer.Option(help="Where the App's webhooks go.")] = None,
    webhook_secret: Annotated[
        str | None, typer.Option(help="Their secret; one is made up if left out.")
    ] = None,
    app_id: Annotated[int | None, typer.Option(help="The App's id.")] = None,
    install: Annotated[
        bool, typer.Option(help="Install the App once its webhook URL answers.")
    ] = True,
    people: Annotated[
        float, typer.Option(help="Things that simulated people do in a minute.")
    ] = 0.0,
    limits: Annotated[bool, typer.Option(help="Rate limits (GHES has none by default).")] = True,
    clock_speed: Annotated[float, typer.Option(help="Seconds that pass in each second.")] = 1.0,
) -> None:
    """Build a world, or open the one in --data, and serve it until Ctrl-C.

    DATA/app.json tells the App's id and secrets, DATA/app.pem is its private key.
    """
    logging.basicConfig(level=logging.WARNING, format="githubsim: %(levelname)s %(message)s")
    serve(
        Options(
            data=data,
            host=host,
            port=port,
            public_url=public_url,
            seed=seed,
            repositories=repositories,
            commits=commits,
            issues=issues,
            pulls=pulls,
            import_git=tuple(import_git or ()),
            webhook_url=webhook_url,
            webhook_secret=webhook_secret,
            app_id=app_id,
            install=install,
            people=people,
            limits=limits,
            clock_speed=clock_speed,
        )
    )


@cli.command("version")
def version_command() -> None:
    """Show the version."""
    typer.echo(__version__)


def main() -> None:
    """Entry point of the console script."""
    cli()
