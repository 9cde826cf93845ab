"""`autosync plan`: what an import will cost, before it begins; and what it took."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autosync.errors import AutoSyncError
from autosync.service.child import set_up_django

if TYPE_CHECKING:
    from autosync.sync.forecast import Cost, Forecast

Spent = dict[str, dict[str, float]]


def plan(
    installation: Annotated[int | None, typer.Option(help="GitHub's installation id")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Ask GitHub what there is to import, and say about what that costs: requests, points of
    quota, minutes. About four points per hundred repositories; nothing is written to the mirror.
    """
    set_up_django()
    from autosync.sync.forecast import forecast, installations  # noqa: PLC0415 (Django is not set up)

    found = [one for one in installations() if installation in (None, one.pk)]
    if not found:
        raise AutoSyncError(
            "There is no installation to plan for: it is unknown, uninstalled or suspended. "
            "Install the App on GitHub, or correct --installation."
        )
    plans, spent = [forecast(one) for one in found], _spent()
    if as_json:
        typer.echo(json.dumps([_document(one, spent) for one in plans], indent=2))
        return
    for one in plans:
        _show(one, spent)


def _spent() -> Spent:
    """By kind what was spent as long as it is kept, of all installations."""
    from autosync.mirror import quota  # noqa: PLC0415 (Django is not set up)

    found: Spent = {}
    for use in quota.spent(date.min):
        of = found.setdefault(use.kind, {"requests": 0.0, "rest": 0.0, "graphql": 0.0})
        of["requests"] += use.requests
        of["rest" if use.resource == "core" else "graphql"] += use.points
    return found


def _document(one: Forecast, spent: Spent) -> dict[str, Any]:
    return {
        "installation": one.installation,
        "account": one.account,
        "requests": one.requests,
        "rest": one.rest,
        "graphql": one.graphql,
        "minutes": round(one.minutes, 1),
        "costs": [asdict(cost) for cost in one.costs],
        "spent": spent,
    }


def _show(one: Forecast, spent: Spent) -> None:
    from rich.console import Console  # noqa: PLC0415 (start-up time)
    from rich.markup import escape  # noqa: PLC0415 (start-up time)
    from rich.table import Table  # noqa: PLC0415 (start-up time)

    from autosync.sync.forecast import total_by_kind  # noqa: PLC0415 (Django is not set up)

    console = Console()
    repositories = len({cost.repository for cost in one.costs})
    console.print(
        f"{escape(one.account)}: {repositories} repositories, about {one.requests} requests, "
        f"{one.rest} points of REST, {one.graphql} of GraphQL, {one.minutes:.1f} minutes.",
        highlight=False,
    )
    table = Table("kind", "objects", "requests", "REST", "GraphQL", "spent so far", box=None)
    for cost in total_by_kind(one.costs):
        table.add_row(*_line(cost, spent.get(cost.kind)))
    console.print(table)


def _line(cost: Cost, spent: dict[str, float] | None) -> list[str]:
    objects = "unknown" if cost.objects is None else str(cost.objects)
    took = "" if spent is None else f"{spent['rest']:.0f} + {spent['graphql']:.0f} points"
    return [cost.kind, objects, str(cost.requests), str(cost.rest), str(cost.graphql), took]
