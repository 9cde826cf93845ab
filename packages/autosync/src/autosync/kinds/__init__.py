"""The registry: every kind of GitHub object AutoSync mirrors. Adding one is adding one file: each
module of this package whose name does not begin with `_` is loaded.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence

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
RESOURCES: Sequence[Resource] = (
    installation.RESOURCE,
    repository.RESOURCE,
    commit.RESOURCE,
    *(kind.resource for kind in KINDS.values()),
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


def listed_resources() -> list[Resource]:
    """The resources that GraphQL lists per repository."""
    return [r for r in RESOURCES if r.listing is not None]


def nested_kinds() -> list[Derived]:
    """The kinds that are read with their parents."""
    return [kind for kind in KINDS.values() if isinstance(kind.declared.read, Nested)]


__all__ = [
    "IGNORED",
    "KINDS",
    "RESOURCES",
    "Derived",
    "handlers",
    "kind_of",
    "listed_resources",
    "nested_kinds",
]
