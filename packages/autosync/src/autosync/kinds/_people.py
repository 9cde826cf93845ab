"""Who the tables speak of, and what of it people wrote: read off the declared columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.apps import apps
from django.db import models

from autosync.kinds._columns import ActorId, ActorLogin, Column, Logins
from autosync.mirror.merge import Person


def prose(columns: Sequence[Column[Any, Any]]) -> tuple[str, ...]:
    """The columns with what people wrote."""
    return tuple(one.name for one in columns if one.prose)


def people(columns: Sequence[Column[Any, Any]]) -> tuple[Person, ...]:
    """The people in the order in which they are declared; the first wrote what is written."""
    found: dict[str, dict[str, Any]] = {}
    for one in columns:
        if isinstance(one, ActorId):
            found.setdefault(one.name.removesuffix("_id"), {})["id"] = one.name
        elif isinstance(one, ActorLogin):
            found.setdefault(one.name.removesuffix("_login"), {})["login"] = one.name
    singles = [Person(**names) for names in found.values()]
    if singles:
        first = singles[0]
        singles[0] = Person(id=first.id, login=first.login, writes=prose(columns))
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
