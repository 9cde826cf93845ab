"""`autosync deliveries`: look into the inbox and apply parked deliveries again."""

from __future__ import annotations

import json
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="The inbox: webhook deliveries and their fate.")

STATUSES = ("pending", "applied", "ignored", "parked")


@app.command("list")
def list_(
    status: Annotated[str, typer.Option(help=f"one of {', '.join(STATUSES)}")] = "",
    event: Annotated[str, typer.Option(help="X-GitHub-Event")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 30,
) -> None:
    """Show deliveries, newest first."""
    from autosync.mirror.models import Delivery

    if status and status not in STATUSES:
        _stop(f"There is no status {status!r}; one of {', '.join(STATUSES)}.")
    rows = Delivery.objects.defer("body", "headers").order_by("-received_at", "-id")
    if status:
        rows = rows.filter(status=status)
    if event:
        rows = rows.filter(event=event)
    table = Table("id", "received", "event", "status", "attempts", "error", "guid")
    for row in rows[:limit]:
        table.add_row(
            str(row.pk),
            f"{row.received_at:%Y-%m-%d %H:%M:%S}",
            f"{row.event}.{row.action}" if row.action else row.event,
            row.status,
            str(row.attempts),
            escape(row.error.partition("\n")[0][:80]),
            row.guid,
        )
    Console().print(table)


@app.command()
def show(
    delivery: Annotated[int, typer.Argument(help="the id in `autosync deliveries list`")],
) -> None:
    """Print one delivery with its headers and payload as JSON."""
    from autosync.api.deliveries import detail
    from autosync.mirror.models import Delivery

    row = Delivery.objects.filter(pk=delivery).first()
    if row is None:
        _stop(f"There is no delivery {delivery}; see `autosync deliveries list`.")
    typer.echo(json.dumps(detail(row).model_dump(mode="json"), indent=2, ensure_ascii=False))


@app.command()
def replay(
    delivery: Annotated[int | None, typer.Argument(help="the delivery's id")] = None,
    all_parked: Annotated[bool, typer.Option(help="every parked delivery")] = False,
) -> None:
    """Put a delivery, or all parked ones, back in line. Applying twice does no harm."""
    from autosync.mirror.models import Delivery
    from autosync.sync import WebhookProcessor

    if (delivery is None) == (not all_parked):
        _stop("Say which: `autosync deliveries replay ID`, or `--all-parked`.")
    wanted = Delivery.objects.order_by("pk")
    if delivery is None:
        wanted = wanted.filter(status=Delivery.Status.PARKED)
    else:
        wanted = wanted.filter(pk=delivery)
    count = WebhookProcessor.replay(list(wanted.values_list("pk", flat=True)))
    if not count and not all_parked:
        _stop(f"There is no delivery {delivery}; see `autosync deliveries list`.")
    typer.echo(f"{count} deliveries are back in line.")


def _stop(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
