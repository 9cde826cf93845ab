"""The registry: every kind of GitHub object AutoSync mirrors. Adding one is adding one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autosync.kinds import commit, installation, issue, pull_request, repository
from autosync.kinds._events import Handler, Resource

RESOURCES: Sequence[Resource] = (
    installation.RESOURCE,
    repository.RESOURCE,
    commit.RESOURCE,
    issue.RESOURCE,
    pull_request.RESOURCE,
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
