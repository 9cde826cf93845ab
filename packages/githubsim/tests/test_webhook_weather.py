"""Weather of the webhooks: lost, twice, late, out of order; a seeded storm repeats."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from githubsim.receiver import Receiver
from githubsim.testing import Sim, SimError
from tests.client import as_app

CALM: dict[str, Any] = {"on": True, "lost": 0, "duplicated": 0, "reordered": 0}
CALM |= {"delay": 0, "jitter": 0, "seed": 0}


@pytest.fixture(autouse=True)
def calm(github: Sim, receiver: Receiver) -> Iterator[None]:
    github.control("webhooks/wait")
    receiver.clear()
    yield
    github.control("webhooks", CALM)


@pytest.fixture(scope="module")
def places(github: Sim) -> list[str]:
    """Three new repositories: their deliveries go different ways."""
    owner = github.truth()["repositories"][0]["full_name"].split("/")[0]
    names = [f"place-{n}" for n in range(3)]
    for name in names:
        github.control("repositories/create", {"owner": owner, "name": name})
    return [f"{owner}/{name}" for name in names]


def opened(receiver: Receiver) -> list[str]:
    """The titles of issues opened, in the order that their deliveries came."""
    return [one.payload["issue"]["title"] for one in receiver.received if one.event == "issues"]


def open_issues(github: Sim, repository: str, count: int) -> list[str]:
    titles = [f"{repository} {n}" for n in range(count)]
    for title in titles:
        github.control("issues/open", {"repository": repository, "title": title})
    return titles


def test_deliveries_come_late_and_in_order(
    github: Sim, receiver: Receiver, places: list[str]
) -> None:
    github.control("webhooks", {"delay": 0.6, "jitter": 0.4, "seed": 2})
    started = time.monotonic()
    titles = open_issues(github, places[0], 6)
    time.sleep(0.1)
    assert receiver.received == []
    assert github.ask("status")["webhooks_pending"] == 6
    assert github.control("webhooks/wait")["delivered"]
    assert 0.2 < time.monotonic() - started < 4
    assert opened(receiver) == titles


def test_reordered_deliveries_are_overtaken_but_not_for_long(
    github: Sim, receiver: Receiver, places: list[str]
) -> None:
    github.control("webhooks", {"reordered": 0.4, "reorder_by": 1.0, "seed": 4})
    titles = open_issues(github, places[0], 20)
    started = time.monotonic()
    assert github.control("webhooks/wait")["delivered"]
    assert time.monotonic() - started < 3
    assert opened(receiver) != titles
    assert sorted(opened(receiver)) == sorted(titles)
    # Nothing is overtaken by more than four later ones that were not held themselves.
    github.control("webhooks", {"reordered": 1.0, "reorder_by": 0.5})
    receiver.clear()
    titles = open_issues(github, places[1], 3)
    assert receiver.received == []
    github.control("webhooks/wait")
    assert opened(receiver) == titles


def test_lost_ones_are_in_the_log_only(github: Sim, receiver: Receiver, places: list[str]) -> None:
    github.control("webhooks", {"lost": 0.5, "seed": 6})
    titles = open_issues(github, places[2], 20)
    github.control("webhooks/wait")
    came = opened(receiver)
    assert came == [one for one in titles if one in came]
    assert 3 < len(came) < 17
    with as_app(github) as app:
        log = app.get("/app/hook/deliveries", params={"per_page": 20}).json()
    assert sum(one["status_code"] == 0 for one in log) == 20 - len(came)


def storm(github: Sim, receiver: Receiver, repository: str, seed: int) -> list[str]:
    github.control("webhooks", CALM)
    github.control("webhooks/wait")
    receiver.clear()
    weather = {"lost": 0.2, "duplicated": 0.2, "reordered": 0.3, "reorder_by": 3.0, "seed": seed}
    github.control("webhooks", weather)
    open_issues(github, repository, 25)
    github.control("webhooks/wait")
    return opened(receiver)


def test_a_seeded_storm_repeats_exactly(github: Sim, receiver: Receiver, places: list[str]) -> None:
    first = storm(github, receiver, places[0], 11)
    again = storm(github, receiver, places[0], 11)
    assert first == again
    assert first != sorted(first, key=lambda title: int(title.split()[1]))
    assert len(set(first)) < 25
    assert len(first) > len(set(first))
    assert storm(github, receiver, places[0], 12) != first


def test_weather_that_is_none_is_refused(github: Sim) -> None:
    for wrong in ({"lost": 1.5}, {"fog": 1}, {"on": "maybe"}):
        with pytest.raises(SimError):
            github.control("webhooks", wrong)
