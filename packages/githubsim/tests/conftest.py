"""One small simulated GitHub with a receiver, shared by the tests of a module."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from githubsim.receiver import Receiver
from githubsim.testing import Sim, share_imports
from tests.client import as_installation

share_imports()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def github(receiver: Receiver) -> Iterator[Sim]:
    hook: dict[str, Any] = {"webhook_url": receiver.url, "webhook_secret": "s3cret"}
    with Sim(repositories=5, commits=120, issues=60, pulls=20, **hook) as github:
        receiver.wait_for("installation.created")
        yield github


@pytest.fixture
def client(github: Sim) -> Iterator[httpx.Client]:
    with as_installation(github) as client:
        yield client


@pytest.fixture
def repository(github: Sim) -> str:
    """`owner/name` of the repository with the most issues, which has commits too."""
    found = max(github.truth()["repositories"], key=lambda one: one["issues"]["total"])
    return str(found["full_name"])
