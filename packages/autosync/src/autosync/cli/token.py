"""`autosync token`: create, list and revoke the API's bearer tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, NoReturn

import typer

app = typer.Typer(no_args_is_help=True, help="The API's bearer tokens.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="who or what uses the token")],
    scope: Annotated[list[str], typer.Option(help="read or sync; repeat it for both")] = ["read"],  # noqa: B006 (typer copies it)
    expires: Annotated[str, typer.Option(help="90d, 12h, 8w, 1y or never")] = "1y",
) -> None:
    """Create a token. It is shown once, here, alone on standard output."""
    from autosync.api import tokens  # noqa: PLC0415 (Django is not set up)

    try:
        token, plain = tokens.create(name, scope, tokens.lifetime(expires))
    except tokens.TokenError as error:
        _stop(error)
    typer.echo(
        f"Token {token.name!r} with scope {', '.join(token.scopes)}, valid "
        f"{f'until {_moment(token.expires_at)} UTC' if token.expires_at else 'forever'}. "
        "It cannot be shown again:",
        err=True,
    )
    typer.echo(plain)


@app.command("list")
def list_() -> None:
    """List the tokens with scopes and last use, never the tokens themselves."""
    from rich.console import Console  # noqa: PLC0415 (start-up time)
    from rich.table import Table  # noqa: PLC0415 (start-up time)

    from autosync.mirror.models import ApiToken  # noqa: PLC0415 (Django is not set up)

    table = Table("name", "scopes", "created", "last used", "expires", "revoked")
    for token in ApiToken.objects.order_by("name"):
        table.add_row(
            token.name,
            ", ".join(token.scopes),
            _moment(token.created_at),
            _moment(token.last_used_at),
            f"{_moment(token.expires_at)}{' (expired)' if token.is_expired else ''}",
            _moment(token.revoked_at),
        )
    Console().print(table)


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="as in `autosync token list`")]) -> None:
    """Refuse a token from now on."""
    from autosync.api import tokens  # noqa: PLC0415 (Django is not set up)

    try:
        token = tokens.revoke(name)
    except tokens.TokenError as error:
        _stop(error)
    typer.echo(f"Token {token.name!r} is revoked.")


def _stop(error: Exception) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(1)


def _moment(value: datetime | None) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if value else "–"
