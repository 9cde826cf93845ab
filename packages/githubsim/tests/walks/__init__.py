"""Walks through all of githubsim's REST routes: each room asks for everything one resource has."""

from githubsim.testing import Sim
from tests.walker import Record, Walker
from tests.walks import (
    commits,
    issues,
    organizations,
    pulls,
    refusals,
    releases,
    repositories,
    service,
)

# The last ends installations and tokens.
_ROOMS = (repositories, commits, issues, pulls, releases, organizations, refusals, service)


def walk_through(github: Sim, version: str, repository: str, record: Record) -> None:
    """Ask for everything, in one API version; `repository` has commits, issues and pulls."""
    with Walker(github, version, record) as walk:
        for room in _ROOMS:
            room.walk(walk, repository)
