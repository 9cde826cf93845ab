"""Who the tables speak of, and what of it people wrote: read off the declared columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from django.apps import apps
from django.db import models

from autosync.kinds._columns import ActorId, ActorLogin, Column, Logins
from autosync.kinds._git import PersonEmail, PersonName
from autosync.mirror.merge import Person

# What a column of a sort says of a person; the more special sort first.
_PARTS: Final[Mapping[type[Column[Any, Any]], str]] = {
    ActorId: "id",
    ActorLogin: "login",
    PersonEmail: "email",
    PersonName: "name",
}


def prose(columns: Sequence[Column[Any, Any]]) -> tuple[str, ...]:
    """The columns with what people wrote."""
    return tuple(one.name for one in columns if one.prose)


def people(columns: Sequence[Column[Any, Any]]) -> tuple[Person, ...]:
    """The people in the order in which they are declared; the first wrote what is written."""
    found: dict[str, dict[str, Any]] = {}
    for one in columns:
        for sort, part in _PARTS.items():
            if isinstance(one, sort):
                found.setdefault(one.whose or one.name.removesuffix(f"_{part}"), {})[part] = (
                    one.name
                )
                break
    singles = [Person(**names) for names in found.values()]
    if singles:
        singles[0] = replace(singles[0], writes=prose(columns))
    several = [Person(login=one.name, several=True) for one in columns if isinstance(one, Logins)]
    return (*singles, *several)


def declared_people() -> Mapping[type[models.Model], tuple[Person, ...]]:
    """Model → the people in its columns, of every table with such columns, sets of people too."""
    found = {}
    for model in apps.get_app_config("mirror").get_models():
        columns = [one for one in model._meta.local_fields if isinstance(one, Column)]
        if some := people(columns):
            found[model] = some
    return found
