"""What git tells of a kind: columns of its own, and rows without a document in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from django.contrib.postgres import fields as postgres
from django.db import models

from autosync.kinds._columns import BY_NAME, Column, Flag, Text

if TYPE_CHECKING:
    from django.contrib.postgres.fields import ArrayField

    from autosync.github.files import File
    from autosync.kinds._shape import At
else:
    from autosync.kinds._columns import _Generic

    ArrayField = _Generic(postgres.ArrayField)

_ST = TypeVar("_ST", contravariant=True)
_GT = TypeVar("_GT", covariant=True)


class PersonName(Text[_ST, _GT]):
    """Somebody's name, as a commit has it."""

    settings = {"default": "", "blank": True}
    written = False


class PersonEmail(PersonName[_ST, _GT]):
    """Their e-mail address, as a commit has it."""

    def source(self, at: At) -> str:
        return f"({at.raw(self.name, str | None, None)} or '')"


class Shas(Column[Any, Any], ArrayField[Any, Any]):
    """The names of several commits."""

    if TYPE_CHECKING:
        _pyi_private_get_type: list[str]

    def __init__(self, rest: str | None = BY_NAME, **field: Any) -> None:
        field.setdefault("base_field", models.CharField(max_length=64))
        super().__init__(rest, **{"default": list, **field})

    def from_git(self) -> str:
        return f"list({super().from_git()})"


class Complete(Flag[_ST, _GT]):
    """Whether git told it, and not an event, which shows a part."""

    def __init__(self, **field: Any) -> None:
        super().__init__(None, graph=None, **field)

    def from_git(self) -> str:
        return "True"


def as_it_is(file: File) -> Iterator[File]:
    """The one row that a file is."""
    yield file


def told(columns: Iterable[Column[Any, Any]]) -> list[Column[Any, Any]]:
    """The columns that git has."""
    return [one for one in columns if one.git]


class Nothing(msgspec.Struct):
    """Of what git tells nothing is decoded."""
