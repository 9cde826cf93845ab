"""Labels and milestones compared with those that a repository has, however many these are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autosync.kinds import KINDS
from autosync.sync.audit.names import Names, carriers_of_others, names_of
from autosync.sync.audit.small import small_lists
from githubsim.testing import Sim
from tests.integration.api_rows import issue, repository
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
    lists = small_lists(client, [repository], {})[repository.pk].nodes
    found = names_of(lists)
    assert found is not None
    assert len(found.labels) == there["labels"] > 150
    assert ("label 149", "00ff00") in {label[1:] for label in found.labels}
    assert (3, "1.0") in found.milestones
    assert names_of({"label": lists["label"]}) is None, (
        "half of them would make others look renamed"
    )


@pytest.mark.parametrize(
    ("node_id", "others"),
    [("LA_1", []), ("LA_2", ["carrier"]), ("", []), (None, [])],
    ids=["the same", "another that took its place", "not told", "stored before it was"],
)
def test_a_label_is_known_by_its_id(node_id: str | None, others: list[str]) -> None:
    here = repository()
    label = {"name": "bug", "color": "d73a4a"}
    labels = [label if node_id is None else label | {"node_id": node_id}]
    carrier = issue(here, labels=labels, node_id="carrier")
    names = Names({("LA_1", "bug", "d73a4a"), ("LA_2", "defect", "d73a4a")})
    found = carriers_of_others(KINDS["issue"].resource, here, names)
    assert found == [(carrier.pk, one) for one in others]


@pytest.mark.parametrize(
    ("number", "others"),
    [(1, []), (2, ["carrier"]), (None, [])],
    ids=["the same", "another that took its place", "stored before it was told"],
)
def test_a_milestone_is_known_by_its_number(number: int | None, others: list[str]) -> None:
    here = repository()
    carrier = issue(here, milestone="1.0", milestone_number=number, node_id="carrier")
    names = Names(milestones={(1, "1.0"), (2, "2.0")})
    found = carriers_of_others(KINDS["issue"].resource, here, names)
    assert found == [(carrier.pk, one) for one in others]
