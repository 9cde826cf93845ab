"""`autosync deliveries`: look into the inbox and replay parked deliveries."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from autosync.config import command

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from autosync.mirror.models import Delivery

app = typer.Typer(
    no_args_is_help=True, help="The inbox: webhook deliveries and what became of them."
)

STATUSES = ("pending", "applied", "ignored", "parked")


Event = Annotated[str, typer.Option(help="X-GitHub-Event")]
Repo = Annotated[str, typer.Option("--repository", help="GitHub's id or OWNER/NAME")]
Error = Annotated[str, typer.Option(help="part of the error; upper and lower case are the same")]
Since = Annotated[datetime | None, typer.Option(help="received at or after (UTC)")]
Until = Annotated[datetime | None, typer.Option(help="received before (UTC)")]


@app.command("list")
def list_(
    status: Annotated[str, typer.Option(help=f"one of {', '.join(STATUSES)}")] = "",
    event: Event = "",
    repository: Repo = "",
    error: Error = "",
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 30,
) -> None:
    """Show deliveries, newest first."""
    from rich.console import Console  # noqa: PLC0415 (start-up time)
    from rich.markup import escape  # noqa: PLC0415 (start-up time)
    from rich.table import Table  # noqa: PLC0415 (start-up time)

    if status and status not in STATUSES:
        _stop(f"There is no status {status!r}. Use one of {', '.join(STATUSES)}.")
    chosen = _rows(status, event, repository, error, since, until)
    rows = chosen.order_by("-received_at", "-id")
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
    from autosync.api.deliveries import detail  # noqa: PLC0415 (Django is not set up)
    from autosync.mirror.models import Delivery  # noqa: PLC0415 (Django is not set up)

    row = Delivery.objects.filter(pk=delivery).first()
    if row is None:
        _stop(f"There is no delivery {delivery}. See `{command('deliveries list')}`.")
    typer.echo(json.dumps(detail(row).model_dump(mode="json"), indent=2, ensure_ascii=False))


@app.command()
def replay(
    deliveries: Annotated[list[int] | None, typer.Argument(help="the deliveries' ids")] = None,
    all_parked: Annotated[bool, typer.Option(help="every parked delivery")] = False,
    event: Event = "",
    repository: Repo = "",
    error: Error = "",
    since: Since = None,
    until: Until = None,
) -> None:
    """Apply deliveries again: by id, all parked ones, or the parked ones that match.

    Applying twice does no harm.
    """
    from autosync.sync import WebhookProcessor  # noqa: PLC0415 (Django is not set up)

    some = any((event, repository, error, since, until))
    if bool(deliveries) + all_parked + some != 1:
        _stop(
            f"Say which: `{command('deliveries replay')} ID …`, `--all-parked`, or the parked "
            "ones by "
            "`--event`, `--repository`, `--error`, `--since`, `--until`."
        )
    if deliveries:
        count = WebhookProcessor.replay(deliveries)
        if not count:
            wanted = ", ".join(map(str, deliveries))
            _stop(f"There is no delivery {wanted}. See `{command('deliveries list')}`.")
    else:
        count = WebhookProcessor.replay(_rows("parked", event, repository, error, since, until))
    typer.echo(f"Deliveries to be applied again: {count}.")


def _rows(
    status: str,
    event: str,
    repository: str,
    error: str,
    since: datetime | None,
    until: datetime | None,
) -> QuerySet[Delivery]:
    from autosync.insight.delivery_filter import Filter  # noqa: PLC0415 (Django is not set up)

    return Filter(
        status=status,
        event=event,
        repository=_repository(repository),
        error=error,
        since=since and since.replace(tzinfo=since.tzinfo or UTC),
        until=until and until.replace(tzinfo=until.tzinfo or UTC),
    ).rows()


def _repository(name: str) -> int | None:
    from autosync.mirror.models import Repository  # noqa: PLC0415 (Django is not set up)

    if not name or name.isdecimal():
        return int(name) if name else None
    found = Repository.objects.filter(full_name__iexact=name).values_list("pk", flat=True).first()
    if found is None:
        _stop(f"The mirror has no repository {name}.")
    return found


def _stop(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
