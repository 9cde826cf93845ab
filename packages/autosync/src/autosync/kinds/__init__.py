"""The registry: every kind of GitHub object AutoSync mirrors. Adding one is adding one file: each
module of this package whose name does not begin with `_` is loaded.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache

from autosync.kinds import commit, installation, repository
from autosync.kinds._derived import Derived, kind_of
from autosync.kinds._events import Handler, Resource
from autosync.kinds._kind import DECLARED, Nested

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    if not _module.name.rpartition(".")[2].startswith("_"):
        importlib.import_module(_module.name)

# The declared kinds by name.
KINDS: Mapping[str, Derived] = {
    kind.name: kind for kind in sorted(map(kind_of, DECLARED), key=lambda kind: kind.name)
}


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


RESOURCES: Sequence[Resource] = (
    installation.RESOURCE,
    repository.RESOURCE,
    commit.RESOURCE,
    *(kind.resource for kind in _parents_first()),
)

# Events that change nothing in the mirror, and why. Everything else unknown is counted likewise.
IGNORED: Mapping[str, str] = {
    "ping": "GitHub asks whether the hook is reachable",
    "github_app_authorization": "a user took back a user token; AutoSync uses none",
}


def handlers() -> dict[str, list[Handler]]:
    """Event name → what handles it."""
    table: dict[str, list[Handler]] = {}
    for resource in RESOURCES:
        for event, handler in resource.handlers.items():
            table.setdefault(event, []).append(handler)
    return table


@cache
def listed_resources() -> Sequence[Resource]:
    """The resources that are listed per repository, parents before what belongs to them."""
    return tuple(r for r in RESOURCES if r.listing or r.rest or r.stream)


@cache
def nested_kinds() -> Sequence[Derived]:
    """The kinds that are read with their parents."""
    return tuple(kind for kind in KINDS.values() if isinstance(kind.declared.read, Nested))


@cache
def mirrored() -> Sequence[Resource]:
    """The declared kinds, parents before what belongs to them."""
    return tuple(kind.resource for kind in _parents_first())


@cache
def refetched() -> Sequence[Resource]:
    """Those whose objects GitHub is asked for by themselves: not with their parents, and not by
    two objects between which they are.
    """
    nested = {kind.name for kind in nested_kinds()}
    return tuple(r for r in mirrored() if r.name not in nested and not r.merge.returns)


__all__ = [
    "IGNORED",
    "KINDS",
    "RESOURCES",
    "Derived",
    "handlers",
    "kind_of",
    "listed_resources",
    "mirrored",
    "nested_kinds",
    "refetched",
]
