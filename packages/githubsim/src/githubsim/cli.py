"""The `githubsim` command."""

import errno
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from githubsim import __version__
from githubsim.clock import epoch
from githubsim.deliveries import HookWeather
from githubsim.secondary import Secondary
from githubsim.service import Options, serve
from githubsim.snapshots import SnapshotError, restore, snapshot
from githubsim.weather import Conditions

_LIMITS = "Secondary limits"
_SERVICE = "Weather of the service"
_HOOKS = "Weather of the webhooks"


def _limit(help_: str) -> Any:
    return typer.Option(help=help_, rich_help_panel=_LIMITS)


def _weather(help_: str) -> Any:
    return typer.Option(help=help_, rich_help_panel=_SERVICE)


def _hooks(help_: str) -> Any:
    return typer.Option(help=help_, rich_help_panel=_HOOKS)


def _moment(text: str) -> int:
    try:
        return epoch(text)
    except ValueError as error:
        raise typer.BadParameter("a time such as 2027-01-31T12:00:00Z") from error


cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="A GitHub in a box: real HTTP, real git, signed webhooks, honest limits.",
)


@cli.command("serve")
def serve_command(
    data: Annotated[
        Path,
        typer.Option(help="The world's folder. If it already holds a world, that one is served."),
    ] = Path("githubsim-data"),
    port: Annotated[int, typer.Option(help="0 picks a free one.", envvar="GITHUBSIM_PORT")] = 8010,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    public_url: Annotated[
        str | None, typer.Option(help="Start of all links, if not http://HOST:PORT.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same world.")] = 1,
    repositories: Annotated[int, typer.Option(help="How many repositories.")] = 20,
    commits: Annotated[int, typer.Option(help="Commits, over all repositories.")] = 3000,
    issues: Annotated[int, typer.Option(help="Issues, over all repositories.")] = 1500,
    pulls: Annotated[int, typer.Option(help="Pull requests, over all repositories.")] = 500,
    import_git: Annotated[
        list[Path] | None,
        typer.Option(help="Use a git repository on this disk as one of them (repeatable)."),
    ] = None,
    webhook_url: Annotated[str | None, typer.Option(help="Where the App's webhooks go.")] = None,
    webhook_secret: Annotated[
        str | None, typer.Option(help="Their secret; generated if left out.")
    ] = None,
    app_id: Annotated[int | None, typer.Option(help="The App's id.")] = None,
    install: Annotated[
        bool, typer.Option(help="Install the App once its webhook URL answers.")
    ] = True,
    people: Annotated[
        float, typer.Option(help="Things that simulated people do per minute.")
    ] = 0.0,
    limits: Annotated[bool, typer.Option(help="Rate limits (GHES has none by default).")] = True,
    clock_speed: Annotated[float, typer.Option(help="Simulated seconds per real second.")] = 1.0,
    clock: Annotated[
        int | None,
        typer.Option(
            help="The time at the start, such as 2027-01-31T12:00:00Z; now, if left out.",
            parser=_moment,
        ),
    ] = None,
    stepped: Annotated[
        bool, typer.Option("--stepped", help="Time moves only by POST /_sim/clock.")
    ] = False,
    concurrent: Annotated[int, _limit("Requests at once; 0: no limit.")] = 100,
    points_per_minute: Annotated[int, _limit("Of REST; GitHub gives 900, 0: no limit.")] = 0,
    graphql_points_per_minute: Annotated[
        int, _limit("Of GraphQL; GitHub gives 2,000, 0: no limit.")
    ] = 0,
    retry_after: Annotated[int, _limit("Seconds that a refused client must wait.")] = 60,
    cpu_per_minute: Annotated[
        float, _limit("Seconds of CPU in 60 s, by response time; GitHub gives 90, 0: no limit.")
    ] = 0,
    graphql_cpu_per_minute: Annotated[
        float, _limit("Of these for GraphQL; GitHub gives 60, 0: no limit.")
    ] = 0,
    weather_seed: Annotated[int, _weather("The same seed makes the same storm.")] = 0,
    latency: Annotated[float, _weather("Seconds that each request waits.")] = 0.0,
    latency_per_node: Annotated[
        float, _weather("Milliseconds more for each node of an answer.")
    ] = 0.0,
    jitter: Annotated[float, _weather("Random seconds more or less.")] = 0.0,
    bandwidth: Annotated[int, _weather("Bytes a second for each answer; 0: no limit.")] = 0,
    failing: Annotated[float, _weather("Fraction of 502s.")] = 0.0,
    timeouts: Annotated[float, _weather("Fraction of requests held, then dropped.")] = 0.0,
    timeout_after: Annotated[float, _weather("Seconds for which those are held.")] = 10.0,
    truncated: Annotated[float, _weather("Fraction of bodies that are cut off.")] = 0.0,
    resets: Annotated[float, _weather("Fraction of connections reset.")] = 0.0,
    outage: Annotated[float, _weather("Seconds of 502s from the start.")] = 0.0,
    stale: Annotated[float, _weather("Seconds that lists and GraphQL lag behind.")] = 0.0,
    heavy: Annotated[float, _weather("Fraction of GraphQL queries that are too heavy.")] = 0.0,
    heavy_above: Annotated[
        int, _weather("GraphQL queries of more nodes are too heavy; 0: never.")
    ] = 0,
    heavy_points: Annotated[int, _weather("Extra points that those cost.")] = 10,
    partial: Annotated[float, _weather("Fraction of GraphQL answers with half a list.")] = 0.0,
    empty_lists: Annotated[float, _weather("Fraction of lists that are empty.")] = 0.0,
    short_lists: Annotated[float, _weather("Fraction of pages that end early.")] = 0.0,
    token_life: Annotated[
        int, _weather("Seconds after which tokens expire; 0: when they say.")
    ] = 0,
    garbled: Annotated[float, _weather("Fraction of 200s that are not JSON.")] = 0.0,
    hiccups: Annotated[
        float, _weather("Fraction of GraphQL answers with an error without a type.")
    ] = 0.0,
    fresh_refused: Annotated[
        float, _weather("Seconds for which a token just made is refused.")
    ] = 0.0,
    fresh_refused_as: Annotated[
        int, _weather("401, or 403: only its permissions come later.")
    ] = 401,
    suspended: Annotated[bool, _weather("Suspend the App as soon as it is installed.")] = False,
    webhooks_seed: Annotated[int, _hooks("The same seed makes the same storm.")] = 0,
    webhooks_lost: Annotated[float, _hooks("Fraction lost.")] = 0.0,
    webhooks_duplicated: Annotated[float, _hooks("Fraction sent twice.")] = 0.0,
    webhooks_delay: Annotated[float, _hooks("Seconds late.")] = 0.0,
    webhooks_jitter: Annotated[float, _hooks("Random seconds more or less.")] = 0.0,
    webhooks_reordered: Annotated[float, _hooks("Fraction overtaken by later ones.")] = 0.0,
    webhooks_reorder_by: Annotated[float, _hooks("Longest wait of those, in seconds.")] = 5.0,
) -> None:
    """Build a world, or open the one in --data, and serve it until Ctrl-C.

    DATA/app.json holds the App's id and secrets, DATA/app.pem its private key.
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
            clock=clock,
            stepped=stepped,
            secondary=Secondary(
                concurrent or None,
                points_per_minute or None,
                graphql_points_per_minute or None,
                retry_after,
                cpu_per_minute or None,
                graphql_cpu_per_minute or None,
            ),
            conditions=Conditions(
                latency=latency,
                latency_per_node=latency_per_node,
                jitter=jitter,
                bandwidth=bandwidth,
                failing=failing,
                timeouts=timeouts,
                timeout_after=timeout_after,
                truncated=truncated,
                resets=resets,
                stale=stale,
                heavy=heavy,
                heavy_above=heavy_above,
                heavy_points=heavy_points,
                partial=partial,
                empty_lists=empty_lists,
                short_lists=short_lists,
                token_life=token_life,
                garbled=garbled,
                hiccups=hiccups,
                fresh_refused=fresh_refused,
                fresh_refused_as=fresh_refused_as,
                seed=weather_seed,
            ),
            hook_weather=HookWeather(
                lost=webhooks_lost,
                duplicated=webhooks_duplicated,
                delay=webhooks_delay,
                jitter=webhooks_jitter,
                reordered=webhooks_reordered,
                reorder_by=webhooks_reorder_by,
                seed=webhooks_seed,
            ),
            outage=outage,
            suspended=suspended,
        )
    )


@cli.command("snapshot")
def snapshot_command(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="A new folder for the snapshot.")],
    data: Annotated[Path, typer.Option(help="The world's folder. It may be in use.")],
) -> None:
    """Save a world as it is now. A large one takes seconds."""
    _told(lambda: snapshot(data, target), f"Saved {data} as {target}")


@cli.command("restore")
def restore_command(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A snapshot.")],
    data: Annotated[
        Path, typer.Option(help="The folder to restore it to. It must not exist or must be empty.")
    ],
    seed: Annotated[
        int, typer.Option(help="Copies with different seeds send different GUIDs and tokens.")
    ] = 0,
) -> None:
    """Restore a world from a snapshot."""
    _told(lambda: restore(source, data, seed), f"Restored {source} to {data}")


def _told(work: Callable[[], float], done: str) -> None:
    try:
        seconds = work()
    except SnapshotError as error:
        typer.echo(f"githubsim: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{done} in {seconds:.2f} s.")


@cli.command("version")
def version_command() -> None:
    """Show the version."""
    typer.echo(__version__)


def main() -> None:
    """Entry point of the console script: what the machine lacks is a line, not a traceback."""
    try:
        cli()
    except (OSError, sqlite3.OperationalError) as error:
        full = isinstance(error, sqlite3.OperationalError) and "disk is full" in str(error)
        if full or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
            _stop(f"the disk is full ({error}). Free some space and try again.")
        if isinstance(error, FileNotFoundError) and error.filename == "git":
            _stop("the program git is not installed. Install git 2.39 or newer.")
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EROFS):
            _stop(
                f"{error.filename} cannot be written ({error.strerror}). "
                "Choose another with --data."
            )
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            _stop(f"the port is in use ({error.strerror}). Choose another with --port.")
        raise


def _stop(words: str) -> NoReturn:
    typer.echo(f"githubsim: {words}", err=True)
    raise SystemExit(1)
