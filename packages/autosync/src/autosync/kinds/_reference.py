"""The reference page of the tables, made of what is declared: docs/reference/kinds.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import connection, models

from autosync.kinds import _columns as gh
from autosync.kinds import _shown as shown
from autosync.kinds._derived import Derived
from autosync.kinds._overview import overview
from autosync.kinds._plain import PLAIN
from autosync.kinds._relations import RELATIONS, Relation
from autosync.kinds._shown import Shown

_HEAD = """\
# Tables, column by column

This page is generated from the kinds that AutoSync declares
(`autosync kinds reference > docs/reference/kinds.md`). Query the views of the schema `github`: they
have what is at GitHub now, under these names. The [tables](tables.md) below them also hold what was
deleted, and AutoSync's own marks.

A REST or GraphQL cell is where GitHub has the value, in the object itself. It is empty where that
way does not have it: AutoSync then gets it by another. “In lists” says whether the items of REST's
lists have it, “webhook” whether the events that show the object whole do; a path with `$` starts at
the payload.
"""
_WAYS = ("REST", "in lists", "GraphQL", "webhook")


def page(
    kinds: Iterable[Derived],
    plain: Iterable[type[models.Model]] = PLAIN,
    relations: Sequence[Relation] = RELATIONS,
) -> str:
    """The page as Markdown, ending in a newline."""
    models_of, by_table = list(plain), sorted(kinds, key=lambda kind: kind.merge.table)
    sections = [_HEAD, "\n".join(overview(by_table, models_of, relations))]
    sections += ["\n".join(_plain(model)) for model in models_of]
    sections += ["\n".join(_declared(kind)) for kind in by_table]
    sections += ["\n".join(_relation(one)) for one in relations]
    return "\n".join(f"{section.rstrip()}\n" for section in sections)


def app_sentence(permissions: Iterable[str], events: Iterable[str]) -> str:
    """What README says of the App to be created."""
    *names, last = (f"*{name.replace('_', ' ').capitalize()}*" for name in sorted(permissions))
    heard = ", ".join(sorted(event.replace("_", " ") for event in events))
    return (
        f"Create a GitHub App with read access to {', '.join(names)} and {last}, subscribed to "
        f"these events: {heard}."
    )


def _plain(model: type[models.Model]) -> Iterator[str]:
    table = model._meta.db_table
    yield from _title(table, model.__doc__)
    yield ""
    heads = ("column", "type", "meaning")
    yield from _table(heads, _with_name(map(_meaning, shown.plain_columns(model))))


def _relation(one: Relation) -> Iterator[str]:
    yield from _title(one.name, one.about)
    yield ""
    rows = [(f"`{name}`", kind, about) for name, kind, about in one.columns]
    yield from _table(("column", "type", "meaning"), rows)


def _declared(kind: Derived) -> Iterator[str]:
    table, declaration = kind.merge.table, kind.declared
    yield from _title(table, kind.model.__doc__)
    if declaration.api:
        route = shown.route(kind)
        yield f"- API: `GET /api/{route}/`, `GET /api/{route}/{{key}}/`"
    needs = ", ".join(f"`{name}` ({level})" for name, level in declaration.needs.items())
    yield f"- Permissions of the App: {needs or 'none of its own'}"
    yield f"- Events: {', '.join(f'`{name}`' for name in declaration.events) or 'none'}"
    yield ""
    heads = ("column", "type", "meaning", *_WAYS)
    rows = ((*_meaning(one), *_ways(kind, one)) for one in shown.columns(kind))
    yield from _table(heads, _with_name(rows, of_account=kind.of_account))


def _title(table: str, doc: str | None) -> Iterator[str]:
    yield from (f"## {table}", "", shown.sentence(doc), "", f"- View: `github.{table}`")


def _with_name(
    rows: Iterable[Sequence[str]], *, of_account: bool = False
) -> Iterator[Sequence[str]]:
    """The rows, with the name that views have beside the id of a repository or an account."""
    for row in rows:
        yield row
        rest = [""] * (len(row) - 3)
        if row[0] == "`repository_id`":
            yield ("`repository`", "varchar(511)", shown.REPOSITORY_NAME, *rest)
        elif row[0] == "`account_id`" and of_account:
            yield ("`account`", "varchar(255)", shown.ACCOUNT_NAME, *rest)


def _meaning(one: Shown) -> tuple[str, str, str]:
    null = ", may be null" if one.field.null else ""
    kind = str(one.field.db_type(connection)).replace("timestamp with time zone", "timestamptz")
    return f"`{one.name}`", f"{kind}{null}", one.about


def _ways(kind: Derived, one: Shown) -> Sequence[str]:
    """Where each way has the column; as words where it is only yes or no."""
    gives, declared = kind.gives, one.column
    given = {way for way, names in gives.items() if one.attribute in names}
    if declared is None:
        if one.name != "updated_at":
            return [""] * len(_WAYS)
        rest, graph = "updated_at", "updatedAt"
    else:
        rest = _inside(declared, declared.rest, "id")
        graph = _inside(declared, declared.graph, "databaseId")
    event = _inside(declared, declared.event, "id") if declared else rest
    event = event if event != rest else ""
    return (
        _code(rest) if "rest" in given else "",
        "yes" if "rest_list" in given else "",
        _code(graph) if "graphql" in given else "",
        (_code(event or "") or "yes") if "event" in given else "",
    )


def _inside(column: gh.Column[Any, Any], path: str | None, number: str) -> str:
    """The path, and what of an account there is read."""
    inside = f"{path}." if path else ""
    if path is not None and isinstance(column, gh.ActorId):
        return f"{inside}{number}"
    login = path is not None and isinstance(column, gh.ActorLogin)
    return f"{inside}login" if login else path or ""


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
