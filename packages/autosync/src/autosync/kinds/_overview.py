"""The first table of the reference page: each table of GitHub's data, what it needs and costs, and
who else has it. Made of the declarations, of the plan that the engine follows, and `tables.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from textwrap import wrap
from typing import Any

from django.db import models

from autosync.kinds import _shown as shown
from autosync.kinds._derived import Derived
from autosync.kinds._kind import Inside, Nested, Packed, Scalar, With, Within
from autosync.kinds._relations import Relation
from autosync.kinds._ways import Known, Left, Reading, Way, first_reading

HEADS = ("table", "what it is", "permission", "events", "read by", "import", "quiet day", "also in")
UNKNOWN = "–"
_ROWS = 100  # of a table of which the example says nothing
_LOOKS = 96  # a quarter of an hour apart
_PACKED = 100  # repositories in the query about news


@cache
def facts() -> Mapping[str, Any]:
    """What `tables.toml` says."""
    return tomllib.loads(Path(__file__).with_name("tables.toml").read_text())


def undescribed(tables: Iterable[str]) -> list[str]:
    """Those of which `tables.toml` does not say who else has them."""
    return sorted(set(tables) - facts()["tables"].keys())


def overview(
    kinds: Sequence[Derived],
    plain: Iterable[type[models.Model]],
    relations: Iterable[Relation] = (),
) -> Iterator[str]:
    """The section, line by line."""
    rows = [_of_plain(one._meta.db_table, shown.sentence(one.__doc__)) for one in plain]
    rows += [_of_plain(one.name, one.about) for one in relations]
    rows += map(_of_kind, kinds)
    listed = {cells[0].strip("`") for cells in rows}
    yield from ("## All tables", "")
    yield from wrap(
        f"{len(rows)} tables of GitHub's data. Prices are those of one repository. An import is "
        f"that of {_example(kinds)}. A request of REST is a point; those of GraphQL are counted as "
        f"GitHub does. A quiet day has the looks of {_LOOKS} periodic syncs with nothing new, each "
        f"of which serves {_PACKED} repositories; the nightly audit is not in it.",
        100,
    )
    yield ""
    tools = facts()["tools"]
    names = ", ".join(f"{letter} {name}" for letter, name in tools.items())
    yield from wrap(f"Who else has the table: {names}. {UNKNOWN}: none of these.", 100)
    yield ""
    yield f"| {' | '.join(HEADS)} |"
    yield f"|{'---|' * len(HEADS)}"
    for row in sorted(rows, key=lambda cells: cells[0]):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""
    yield "What any installed App may read and has no table here:"
    yield ""
    for what, why in facts()["left_out"].items():
        yield f"- **{what}**: {why}."
    if later := [f"`{table}`" for table in facts()["tables"] if table not in listed]:
        yield f"- Not yet: {', '.join(later)}."


def _example(kinds: Sequence[Derived]) -> str:
    counted = [kind for kind in kinds if "rows" in _said(kind.merge.table)]
    each = [f"{_rows(kind.merge.table):,} {kind.plural}" for kind in counted]
    return ", ".join(each) or f"{_ROWS} rows"


def _of_plain(table: str, about: str) -> Sequence[str]:
    said = _said(table)
    cells = (said.get(one, UNKNOWN) for one in ("permission", "events", "by", "import", "quiet"))
    return (f"`{table}`", about, *cells, _also(table))


def _of_kind(kind: Derived) -> Sequence[str]:
    declared, table = kind.declared, kind.merge.table
    carried = isinstance(declared.read, Inside | Within)
    needs = ", ".join(declared.needs) or ("that of its carrier" if carried else "none")
    heard = ", ".join(declared.events) or ("those of its carrier" if carried else "none")
    what = shown.sentence(kind.model.__doc__)
    optional = "" if declared.default else " (off unless chosen)"
    about = (f"`{table}`", what, needs, heard, f"{_way(kind)}{optional}")
    return (*about, _price(kind), _quiet(kind), _also(table))


def _way(kind: Derived) -> str:
    read = kind.declared.read
    if isinstance(read, Inside | Within):
        carriers = (read.of,) if isinstance(read.of, str) else read.of
        return f"inside {' and '.join(f'{one}s'.replace('_', ' ') for one in carriers)}"
    if isinstance(read, Nested):
        return f"GraphQL, with {' and '.join(_parents(read)).replace('_', ' ')}"
    ways = ["REST" if one.way is Way.REST else "GraphQL" for one in kind.resource.offers]
    if ways:
        return " or ".join(ways)
    return type(read).__name__ if read is not None else UNKNOWN


def _price(kind: Derived) -> str:
    """Of an import of the example."""
    offers, read = kind.resource.offers, kind.declared.read
    if not offers:
        return "0" if type(read).__name__ == "Git" else UNKNOWN
    if kind.of_account:
        return "1 request for 100, for the whole account"
    tables = _parents(read) if isinstance(read, Nested) else [kind.merge.table]
    known = Known(total=sum(map(_rows, tables)), beside=_beside(kind))
    return _points(first_reading(offers, known, Left()))


def _parents(read: Nested) -> list[str]:
    """The tables of those that it is read with."""
    models_of: Any = read.parent if isinstance(read.parent, tuple) else (read.parent,)
    return [model._meta.db_table for model in models_of]


def _beside(kind: Derived) -> int:
    unless = kind.declared.unless
    return _rows(f"{unless.of}s") if unless is not None and kind.declared.also else 0


def _points(steps: Sequence[Reading]) -> str:
    rest, graphql = sum(one.rest for one in steps), sum(one.graphql for one in steps)
    of_each = (f"{rest} REST" if rest else "", f"{graphql} GraphQL" if graphql else "")
    return " + ".join(filter(None, of_each)) or "0"


def _quiet(kind: Derived) -> str:
    news = kind.resource.news
    if kind.of_account:
        return f"{_LOOKS} requests for the whole account"
    if news is not None and news.clock:
        return f"{_LOOKS / _PACKED:.1f} GraphQL"
    if isinstance(kind.declared.news, Packed | Scalar | With):
        return "0"
    riding = any(one.way in (Way.RIDING, Way.NESTED) for one in kind.resource.offers)
    return "0" if riding or type(kind.declared.read).__name__ == "Git" else UNKNOWN


def _also(table: str) -> str:
    return " ".join(_said(table).get("has", "")) or UNKNOWN


def _rows(table: str) -> int:
    return int(_said(table).get("rows", _ROWS))


def _said(table: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = facts()["tables"].get(table, {})
    return found
