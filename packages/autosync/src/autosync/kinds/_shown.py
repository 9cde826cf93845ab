"""What users see of a table: columns by the names they ask for, in one order, with their meaning.

API, admin, pages, SQL views and the reference page are all made of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._derived import Derived
from autosync.kinds._kind import Clock, List
from autosync.mirror.models import (
    Contributor,
    GitHubAppInstallation,
    MirroredModel,
    PullRequestCommit,
    PullRequestFile,
    Repository,
)
from autosync.mirror.sets import KNOWN

_REPOSITORY: Final = "GitHub's id of the repository it belongs to."
_ACCOUNT: Final = "GitHub's id of the organisation it belongs to."
ACCOUNT_NAME: Final = "The organisation's login."
REPOSITORY_NAME: Final = "The repository's full name, owner/name."
_OUR_KEY: Final = "AutoSync's number of the row."
_CLOCKS: Final = {
    "updated_at": "When GitHub last changed the object.",
    "observed_at": "When AutoSync learned this content.",
}
# The tables whose kinds are not declared: what all others hang from, and what is counted here.
PLAIN: Final[Sequence[type[models.Model]]] = (
    GitHubAppInstallation,
    Repository,
    Contributor,
    PullRequestCommit,
    PullRequestFile,
)
# What a table on a page has no room for.
_LONG = (gh.Json, gh.Labels, gh.Logins, gh.NodeId, gh.Url, gh.ActorId, gh.Key, gh.Sha)
_ROOM = 7


@dataclass(frozen=True)
class Shown:
    """A column: `name` is what users call it, `field` what it is in the table."""

    name: str
    field: models.Field[Any, Any]
    about: str

    @property
    def column(self) -> gh.Column[Any, Any] | None:
        """What is declared of it; None for links, clocks and keys of ours."""
        return self.field if isinstance(self.field, gh.Column) else None

    @property
    def attribute(self) -> str:
        """Its name on a row of the model."""
        return str(self.field.attname)


def columns(kind: Derived) -> Sequence[Shown]:
    """What users see of a declared kind: the key as `id`, the repository, the declared columns."""
    ours = {one.name for one in MirroredModel._meta.local_fields}
    ours |= {kind.model.scope, "repository", "kind_version"}
    fields = kind.model._meta.local_fields
    key = next(one for one in fields if one.primary_key)
    about = getattr(key, "about", "") or _OUR_KEY
    found = [Shown("id", key, about), scope(kind)]
    for one in fields:
        if one is not key and one.name not in ours:
            found.append(Shown(one.attname, one, _about(kind, one)))
    if kind.declared.clock is Clock.UPDATED:
        found.append(_clock(kind.model, "updated_at"))
    return [*found, _clock(kind.model, "observed_at")] if kind.merge.has("observed_at") else found


def scope(kind: Derived) -> Shown:
    """The column with the id of the repository or the organisation that it belongs to."""
    name = kind.model.scope
    field = next(one for one in kind.model._meta.local_fields if one.attname == name)
    return Shown(name, field, _ACCOUNT if kind.of_account else _REPOSITORY)


def plain_columns(model: type[models.Model]) -> Sequence[Shown]:
    """The same of a table whose kind is not declared: all that is not for AutoSync alone."""
    fields = {one.attname: one for one in model._meta.local_fields}
    found = [
        Shown("id" if one.primary_key else name, one, about)
        for name, one in fields.items()
        if (about := getattr(one, "about", _OUR_KEY if one.primary_key else ""))
    ]
    # Contributors are counted here and have no clock.
    return [*found, *(_clock(model, name) for name in _CLOCKS if name in fields)]


def lists(kind: Derived) -> List:
    """How users list it, whether or not it says so."""
    return kind.declared.api or List("-id")


def filters(kind: Derived) -> Sequence[Shown]:
    """The columns by which lists are filtered: those declared, and a state if there is one."""
    wanted = lists(kind).filters
    if "state" not in wanted and any(one.name == "state" for one in columns(kind)):
        wanted = ("state", *wanted)
    return [column(kind, name) for name in wanted]


def orders(kind: Derived) -> Sequence[str]:
    """The orders of its lists, the first first; each in both directions."""
    first, *others = lists(kind).order, *lists(kind).orders
    turned = first.removeprefix("-") if first.startswith("-") else f"-{first}"
    more = (name for other in others for name in (other.lstrip("-"), f"-{other.lstrip('-')}"))
    return list(dict.fromkeys([first, turned, *more]))


def clock(kind: Derived) -> Shown | None:
    """The moment that `since` and `until` speak of; None if it has none."""
    names = ("updated_at", lists(kind).order.lstrip("-"), "created_at")
    found = {one.name: one for one in columns(kind)}
    moments = (found[name] for name in names if name in found)
    return next((one for one in moments if isinstance(one.field, models.DateTimeField)), None)


def on_pages(kind: Derived) -> Sequence[Shown]:
    """The columns of tables on pages: those declared, or all that are short."""
    if named := lists(kind).columns:
        return [column(kind, name) for name in named]
    short = [one for one in columns(kind) if one.column and not isinstance(one.field, _LONG)]
    seen = short[: _ROOM - 1]
    return [*seen, column(kind, "updated_at")] if kind.declared.clock is Clock.UPDATED else seen


def column(kind: Derived, name: str) -> Shown:
    """The column that users call `name`. Raises LookupError."""
    for one in columns(kind):
        if name in (one.name, one.attribute, one.field.name):
            return one
    raise LookupError(f"{kind.name} declares a list with `{name}`, which is no column of it")


def route(kind: Derived) -> str:
    """Its place in the API: `issue-comments`."""
    return kind.merge.table.replace("_", "-")


def title(kind: Derived) -> str:
    """Its name as a heading over many, with a capital."""
    return kind.plural.capitalize()


def sentence(text: str | None) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((text or "").strip().partition("\n\n")[0].split())


def _about(kind: Derived, field: models.Field[Any, Any]) -> str:
    """What a column means: declared, or said by what the declaration makes of it."""
    if declared := getattr(field, "about", ""):
        return str(declared)
    if field.name == KNOWN:
        tables = " and ".join(one.merge.table for one in kind.sets)
        return f"Whether {tables} have what it carries; if false, that was not read yet."
    seen = [one.name for one in kind.columns if getattr(one, "apart", "") == field.name]
    if seen:
        return f"When {' and '.join(seen)} was seen, which no clock of the object says."
    read = kind.declared.read
    if getattr(read, "link", "") == field.attname:
        return f"The id of its {str(getattr(read, 'of', '')).replace('_', ' ')}."
    return str(field.help_text)


def _clock(model: type[models.Model], name: str) -> Shown:
    field: Any = model._meta.get_field(name)
    return Shown(name, field, _CLOCKS[name])
