"""What hangs under the number of an issue or pull request, or under a commit: asked of the
registry, so that a new kind stands on these pages without a line about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.apps import apps
from django.db import models

from autosync.kinds import TABLES, Derived, kind_of
from autosync.kinds import _shown as shown
from autosync.kinds._kind import Numbered, Parent, Within
from autosync.kinds._shown import PLAIN, Shown

# Where a declaration says nothing, the name of a column does: kind of the owner → such names.
_NAMES: Final = {
    "issue": ("issue_number",),
    "pull_request": ("pull_request_number", "pull_number", "issue_number"),
}
_SHAS: Final = ("commit_sha", "sha")
# When somebody said or did it; a review is made before it is submitted.
_MOMENTS: Final = ("submitted_at", "created_at")
_FILES: Final = {"path", "additions", "deletions"}


@dataclass(frozen=True)
class Hanging:
    """A table whose rows belong to numbers, or to commits: `column` says to which."""

    name: str
    model: type[models.Model]
    column: str
    kind: Derived | None

    @property
    def fields(self) -> frozenset[str]:
        """The names of its columns."""
        return frozenset(one.attname for one in self.model._meta.local_fields)

    @property
    def moment(self) -> str:
        """The column with the moment of its place in a conversation; empty if it has none."""
        if not (self.says or self.happens):
            return ""
        return next((name for name in _MOMENTS if name in self.fields), "")

    @property
    def says(self) -> bool:
        """Whether it is something that somebody said."""
        return {"body", "author_login"} <= self.fields

    @property
    def happens(self) -> bool:
        """Whether it is something that somebody did."""
        return {"event", "actor_login"} <= self.fields

    @property
    def is_files(self) -> bool:
        """Whether it lists files with the lines that were changed."""
        return self.fields >= _FILES

    @property
    def is_commits(self) -> bool:
        """Whether it lists commits by name."""
        return "sha" in self.fields and not self.says

    @property
    def title(self) -> str:
        """A heading over many of them."""
        if self.is_files or self.is_commits:
            return "Files" if self.is_files else "Commits"
        words = self.kind.plural if self.kind else self.model._meta.db_table.replace("_", " ")
        return words.capitalize()

    @property
    def key(self) -> str:
        """Its name in an address."""
        return self.title.lower().replace(" ", "-")

    @property
    def order(self) -> str:
        """The order of its list."""
        if "position" in self.fields:
            return "position"
        names = {one.attname for one in self.model._meta.local_fields}
        wanted = shown.lists(self.kind).order if self.kind else "pk"
        return wanted if wanted.lstrip("-") in {*names, "id", "pk"} else "pk"

    @property
    def columns(self) -> Sequence[Shown]:
        """What a table of them shows."""
        if self.kind is not None:
            found: Sequence[Shown] = shown.on_pages(self.kind)
        elif self.model in PLAIN:
            found = shown.plain_columns(self.model)
        else:
            found = [Shown(one.attname, one, "") for one in self.model._meta.local_fields]
        hidden = {self.column, "repository_id", "id"}
        return [one for one in found if one.attribute not in hidden]

    def rows(self, repository_id: int, owner: int | str) -> models.QuerySet[Any]:
        """Those of one number or commit, with those that were deleted and are still here."""
        asked = {"repository_id": repository_id, self.column: owner}
        # A pull request may close an issue of another repository, which has its number there.
        where = f"{self.column.removesuffix('_number')}_repository_id"
        if where in self.fields:
            asked[where] = repository_id
        return self.model._default_manager.filter(**asked)

    def live(self, repository_id: int, owner: int | str) -> models.QuerySet[Any]:
        """Those that are at GitHub now."""
        rows = self.rows(repository_id, owner)
        return rows.filter(deleted_at=None) if "deleted_at" in self.fields else rows


@cache
def of_number(owner: str) -> Sequence[Hanging]:
    """What belongs to the numbers of the kind `owner`, in the registry's order."""
    return tuple(find(owner))


def find(owner: str) -> Iterator[Hanging]:
    """The same, asked anew."""
    for name, model, kind in _tables():
        column = _declared(kind, owner) if kind else ""
        attributes = {one.attname for one in model._meta.local_fields}
        column = column or next((one for one in _NAMES[owner] if one in attributes), "")
        if column and name != owner:
            yield Hanging(name, model, column, kind)


@cache
def of_commit() -> Sequence[Hanging]:
    """What people said of commits: by a commit's name, and under no number."""
    numbered = {one for names in _NAMES.values() for one in names}
    found = []
    for name, model, kind in _tables():
        attributes = {one.attname for one in model._meta.local_fields}
        column = next((one for one in _SHAS if one in attributes), "")
        if column and attributes.isdisjoint(numbered):
            one = Hanging(name, model, column, kind)
            found += [one] if one.moment else []
    return tuple(found)


def _tables() -> Iterator[tuple[str, type[models.Model], Derived | None]]:
    """Every table with something of a repository's: its name, model and kind."""
    kinds = {kind.model: kind for kind in TABLES.values()}
    for model in apps.get_app_config("mirror").get_models():
        kind = kinds.get(model)
        if any(one.attname == "repository_id" for one in model._meta.local_fields):
            yield kind.name if kind else str(model._meta.model_name), model, kind


def _declared(kind: Derived, owner: str) -> str:
    """The column with the number of the owner, as the kind declares what it belongs to."""
    under, read = kind.declared.under, kind.declared.read
    if isinstance(under, Numbered) and owner in under.parents:
        return under.column
    if isinstance(under, Parent) and under.number:
        owners = under.model if isinstance(under.model, tuple) else (under.model,)
        return under.number if owner in {kind_of(one).name for one in owners} else ""
    if isinstance(read, Within) and owner in read.of:
        return read.number
    return ""


def is_set(one: Hanging) -> bool:
    """Whether it is what its owner carries whole: its labels, say."""
    return one.kind is not None and isinstance(one.kind.declared.read, Within)


def words(one: Hanging) -> Sequence[models.Field[Any, Any]]:
    """The columns that say more of what happened: words and documents, not ids and moments."""
    known = {one.column, "event", "actor_login", "node_id", "html_url", "gone_because", "lacking"}
    kinds = (models.TextField, models.CharField, models.JSONField)
    return [
        field
        for field in one.model._meta.local_fields
        if field.attname not in known and isinstance(field, kinds)
    ]
