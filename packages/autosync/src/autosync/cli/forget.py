"""`autosync forget`: erase a person from the mirror."""

from __future__ import annotations

from typing import Annotated

import typer

from autosync.service.child import set_up_django

_BEYOND = (
    "Not reached: backups and replicas made before, the write-ahead log until it is recycled, logs "
    "that were shipped elsewhere, pages that people have open."
)


def forget(
    user: Annotated[str, typer.Argument(help="login, or GitHub's id of the account")],
    email: Annotated[
        list[str] | None, typer.Option(help="an e-mail address of theirs; may be repeated")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be erased")] = False,
    even_if_unknown: Annotated[
        bool, typer.Option("--even-if-unknown", help="keep out what comes later")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="let what comes later be stored again")
    ] = False,
) -> None:
    """Erase a person and what they wrote from the mirror, and keep it from coming back."""
    set_up_django()
    from autosync.sync import forget as work  # noqa: PLC0415 (Django is not set up)

    if undo:
        work.remember_again(user)
        typer.echo(f"{user} is no longer kept out. `autosync sync --force` reads everything again.")
        return
    erased = work.forget(user, emails=email or (), dry_run=dry_run, even_if_unknown=even_if_unknown)
    typer.echo("Would change or delete:" if dry_run else "Changed or deleted:")
    for table, rows in sorted(erased.rows.items()):
        typer.echo(f"  {table}: {rows} rows")
    if not erased.rows:
        typer.echo("  nothing: no table speaks of them")
    for table, rows in sorted(erased.left.items()):
        typer.echo(f"Left in {table}: {rows} rows of others with the name as a plain word.")
    for note in erased.notes:
        typer.echo(note)
    typer.echo(_BEYOND)
