"""Statistics: 202 while they are computed, then what git says."""

import httpx
import pytest

from githubsim.testing import Sim


@pytest.mark.parametrize(
    "kind", ["contributors", "commit_activity", "code_frequency", "participation", "punch_card"]
)
def test_the_first_question_is_answered_202(
    github: Sim, client: httpx.Client, repository: str, kind: str
) -> None:
    path = f"/repos/{repository}/stats/{kind}"
    assert client.get(path).status_code == 202
    assert client.get(path).status_code == 200
    github.control("push", {"repository": repository})
    assert client.get(path).status_code == 202
    assert client.get(path).status_code == 200


def test_they_add_up(github: Sim, client: httpx.Client, repository: str) -> None:
    github.control("push", {"repository": repository, "commits": [{"files": {"a": "1\n2\n"}}]})
    path = f"/repos/{repository}/stats"
    found = {}
    for kind in ("contributors", "commit_activity", "code_frequency", "participation"):
        client.get(f"{path}/{kind}")
        found[kind] = client.get(f"{path}/{kind}").json()
    totals = [one["total"] for one in found["contributors"]]
    assert totals == sorted(totals)
    for one in found["contributors"]:
        assert sum(week["c"] for week in one["weeks"]) == one["total"]
        assert one["author"]["login"]
    assert len(found["commit_activity"]) == 52
    assert all(sum(one["days"]) == one["total"] for one in found["commit_activity"])
    assert found["commit_activity"][-1]["total"] >= 1
    by_week = [one["total"] for one in found["commit_activity"]]
    assert found["participation"]["all"] == by_week
    assert found["code_frequency"][-1][1] >= 2
    assert all(one[2] <= 0 for one in found["code_frequency"])


def test_an_empty_repository_has_none(github: Sim, client: httpx.Client, repository: str) -> None:
    owner = repository.split("/")[0]
    github.control("repositories/create", {"owner": owner, "name": "hollow-stats"})
    answer = client.get(f"/repos/{owner}/hollow-stats/stats/contributors")
    assert (answer.status_code, answer.json()) == (200, [])
