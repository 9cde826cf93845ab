"""Labels and milestones compared by name, however many a repository has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autosync.sync.names import names_there
from githubsim.testing import Sim
from tests.integration.test_backfill import begin

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sim() -> Iterator[Sim]:
    with Sim(repositories=1, commits=2, issues=1, pulls=0, install=False) as sim:
        yield sim


def test_more_names_than_a_page_has(sim: Sim) -> None:
    client, repository = begin(sim)
    where = {"repository": repository.full_name}
    for number in range(150):
        sim.control("labels/create", where | {"name": f"label {number}", "color": "00ff00"})
    sim.control("milestones/create", where | {"title": "1.0"})
    there = sim.truth()["repositories"][0]
    found = names_there(client, [repository])[repository.pk]
    assert len(found.labels) == there["labels"] > 150
    assert ("label 149", "00ff00") in found.labels
    assert "1.0" in found.milestones
