"""One seeded world that every client reads, and what each of them must find in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from githubsim.testing import Sim

# Large enough for several pages of everything, with an empty and an issue-less repository.
WORLD: dict[str, Any] = {"repositories": 8, "commits": 300, "issues": 260, "pulls": 60}


@pytest.fixture(scope="session")
def world() -> Iterator[Sim]:
    """Read by all, changed by none."""
    with Sim(**WORLD, install=False) as github:
        github.control("install")
        yield github


@pytest.fixture(scope="session")
def truth(world: Sim) -> dict[str, dict[str, Any]]:
    """What is in each repository of the world, by full name."""
    found = {one["full_name"]: one for one in world.truth()["repositories"]}
    assert max(one["issues"]["total"] for one in found.values()) > 100
    assert max(one["commits"] for one in found.values()) > 100
    assert min(one["commits"] for one in found.values()) == 0
    assert not all(one["has_issues"] for one in found.values())
    return found


@pytest.fixture(scope="session")
def access(world: Sim) -> dict[str, Any]:
    """How to reach the world: what a person would type into a client's settings."""
    (installation,) = world.truth()["installations"]
    return {
        "url": world.url,
        "app_id": world.app.id,
        "private_key": world.private_key,
        "webhook_secret": world.app.webhook_secret,
        "installation_id": installation["id"],
        "token": world.control("token")["token"],
    }
