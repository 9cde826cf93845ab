"""`autosync kinds`: what is declared of each kind of object, and what is derived from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import typer
from msgspec import inspect

from autosync.errors import AutoSyncError

if TYPE_CHECKING:
    from autosync.kinds import Derived

app = typer.Typer(no_args_is_help=True, help="The kinds of object that AutoSync mirrors.")


@app.command("list")
def list_() -> None:
    """Name every declared kind, its table and its events, and why one is not kept up."""
    from autosync.kinds import TABLES, left_out  # noqa: PLC0415 (Django is not set up)

    for kind in TABLES.values():
        why = left_out().get(kind.name)
        more = f" (not kept up: {why})" if why else ""
        events = ", ".join(kind.declared.events)
        typer.echo(f"{kind.name:<20} {kind.merge.table:<20} {events}{more}")


@app.command()
def show(name: str) -> None:
    """Print a kind's columns, which way has which, and what is generated: structs, functions that
    make rows, and the GraphQL that is asked.
    """
    from autosync.kinds import TABLES  # noqa: PLC0415 (Django is not set up)

    if name not in TABLES:
        raise AutoSyncError(f"there is no kind `{name}`; there are: {', '.join(TABLES)}")
    typer.echo("\n\n".join(_sections(TABLES[name])))


@app.command()
def reference() -> None:
    """Print the reference page of all tables: docs/reference/kinds.md."""
    from autosync.kinds import TABLES  # noqa: PLC0415 (Django is not set up)
    from autosync.kinds._reference import page  # noqa: PLC0415 (Django is not set up)

    typer.echo(page(TABLES.values()), nl=False)


_WAYS = {
    "rest": "REST", "rest_list": "a list of REST", "graphql": "GraphQL", "event": "a webhook",
    "git": "git",
}  # fmt: skip


def _sections(kind: Derived) -> list[str]:
    sections = [f"{kind.name}: {kind.model.__doc__}", _matrix(kind)]
    for way, rows in kind.ways.items():
        struct = "" if way == "git" else f"{_struct(rows.struct)}\n\n"
        sections.append(f"# By {_WAYS[way]}\n{struct}{rows.source.rstrip()}")
    if kind.node_fields:
        sections.append(f"# Asked of GraphQL's {kind.graphql_type}\n{kind.node_fields}")
    return sections


def _matrix(kind: Derived) -> str:
    """A line per column: its type, which ways give it, from where, and what it means."""
    ways = list(kind.gives)
    lines = [("column", "type", *ways, "where", "meaning")]
    for column in kind.columns:
        places = dict.fromkeys(one for one in (column.rest, column.graph, column.event) if one)
        given = ("yes" if column.name in kind.gives[way] else "" for way in ways)
        sql = type(column).__name__
        lines.append((column.name, sql, *given, " | ".join(places), column.about))
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]) - 1)]
    return "\n".join(
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=True)), line[-1]]
        )
        for line in lines
    )


def _struct(struct: type[msgspec.Struct]) -> str:
    found = inspect.type_info(struct)
    assert isinstance(found, inspect.StructType)
    return "\n".join([f"{struct.__name__}:", *_fields(found, "    ")])


def _fields(found: inspect.StructType, indent: str) -> list[str]:
    lines = []
    for field in found.fields:
        members = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        words = [type(one).__name__.removesuffix("Type").lower() for one in members]
        essential = " (essential)" if field.required else ""
        lines.append(f"{indent}{field.encode_name}: {' | '.join(words)}{essential}")
        for one in members:
            if isinstance(one, inspect.StructType):
                lines += _fields(one, f"{indent}    ")
    return lines
