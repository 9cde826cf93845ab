"""The registry: every kind of GitHub object AutoSync mirrors. Adding one is adding one file: each
module of this package whose name does not begin with `_` is loaded.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from autosync.kinds import installation, pull_request_commit, repository
from autosync.kinds._chosen import left_out
from autosync.kinds._derived import Derived, kind_of
from autosync.kinds._events import Handler, Resource, RestList, Riding
from autosync.kinds._kind import CARRIED, DECLARED, Git
from autosync.kinds._sets import DerivedSet, set_of

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    if not _module.name.rpartition(".")[2].startswith("_"):
        importlib.import_module(_module.name)

# The declared kinds by name.
KINDS: Mapping[str, Derived] = {
    kind.name: kind for kind in sorted(map(kind_of, DECLARED), key=lambda kind: kind.name)
}

# What they carry whole, by name.
SETS: Mapping[str, DerivedSet] = {
    one.name: one for one in sorted(map(set_of, CARRIED), key=lambda one: one.name)
}
# All that has a table: what users see is made of these.
TABLES: Mapping[str, Derived] = {**KINDS, **SETS}


def _parents_first() -> list[Derived]:
    """The kinds in the order in which they are read and written."""
    found: list[Derived] = []
    left = list(KINDS.values())
    while left:
        known = {kind.name for kind in found}
        found += (ready := [kind for kind in left if kind.after <= known])
        left = [kind for kind in left if kind not in ready]
        assert ready, "kinds belong to each other in a circle"
    return found


# What all others hang from; the list of an installation tells of it.
ROOTS: Sequence[Resource] = (installation.RESOURCE, repository.RESOURCE)
RESOURCES: Sequence[Resource] = (
    *ROOTS,
    *(kind.resource for kind in _parents_first()),
    pull_request_commit.RESOURCE,
)

# Events that change nothing in the mirror, and why. Everything else unknown is counted likewise.
IGNORED: Mapping[str, str] = {
    "ping": "GitHub asks whether the hook is reachable",
    "github_app_authorization": "a user took back a user token; AutoSync uses none",
}


def handlers() -> dict[str, list[Handler]]:
    """Event name → what handles it, of the kinds that are kept up."""
    table: dict[str, list[Handler]] = {}
    for resource in _kept_up(RESOURCES):
        for event, handler in resource.handlers.items():
            table.setdefault(event, []).append(handler)
    return table


def _kept_up(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    return tuple(one for one in resources if one.name not in left_out())


@cache
def listed_resources() -> Sequence[Resource]:
    """The resources that are listed per repository, parents before what belongs to them; of those
    that are kept up.
    """
    return _kept_up(r for r in RESOURCES if r.listing or r.rest or r.stream)


@cache
def nested_kinds() -> Sequence[Derived]:
    """The kinds of repositories that are read with their parents, of those that are kept up."""
    nested = (kind for kind in KINDS.values() if kind.is_nested)
    return tuple(kind for kind in nested if kind.name not in left_out())


@cache
def account_kinds() -> Sequence[Derived]:
    """The kinds that belong to accounts, parents before what belongs to them; of those that are
    kept up.
    """
    return tuple(k for k in _parents_first() if k.of_account and k.name not in left_out())


@cache
def account_events() -> frozenset[str]:
    """The events that speak of those."""
    return frozenset(event for kind in account_kinds() for event in kind.declared.events)


@cache
def mirrored() -> Sequence[Resource]:
    """The declared kinds, parents before what belongs to them; also those left out, whose rows go
    with others.
    """
    return tuple(kind.resource for kind in _parents_first())


@cache
def refetched() -> Sequence[Resource]:
    """Those of repositories whose objects GitHub is asked for by themselves: not with their
    parents, not by two objects between which they are, and not by git. Of those that are kept up.
    """
    by_git = (kind for kind in KINDS.values() if kind.of_git)
    others = {kind.name for kind in (*nested_kinds(), *account_kinds(), *by_git)}
    found = (r for r in mirrored() if r.name not in others and not r.merge.returns)
    return _kept_up(found)


def _of_git(**what: bool) -> Iterator[Derived]:
    for kind in TABLES.values():
        read = kind.declared.read
        if isinstance(read, Git) and all(getattr(read, k) is v for k, v in what.items()):
            yield kind


@cache
def git_lists() -> Sequence[Derived]:
    """The kinds of which git tells all that there is, of those that are kept up."""
    return tuple(kind for kind in _of_git(whole=True) if kind.name not in left_out())


@cache
def git_lists_later() -> Sequence[Derived]:
    """Those of which no push speaks: they are read after the refs, each for itself."""
    return tuple(kind for kind in git_lists() if "push" not in kind.declared.events)


@cache
def git_history() -> Derived:
    """The kind that is the history of a repository."""
    return next(_of_git(history=True))


@cache
def git_carried() -> Derived:
    """The kind that each object of the history carries."""
    return next(_of_git(history=False, whole=False))


def riding(rest: RestList) -> Sequence[Riding]:
    """What rides in the objects of a list, of the kinds that are kept up."""
    return [one for one in rest.riding if one.resource.name not in left_out()]


__all__ = [
    "IGNORED",
    "KINDS",
    "RESOURCES",
    "ROOTS",
    "SETS",
    "TABLES",
    "Derived",
    "DerivedSet",
    "account_events",
    "account_kinds",
    "git_carried",
    "git_history",
    "git_lists",
    "git_lists_later",
    "handlers",
    "kind_of",
    "left_out",
    "listed_resources",
    "mirrored",
    "nested_kinds",
    "refetched",
    "riding",
]
