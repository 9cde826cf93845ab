"""A repository that GitHub withholds, as after a takedown: each door says so in its own way."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from githubsim.testing import Sim
from tests.client import token
from tests.plain_git import git

BY_NAME = "query ($o: String!, $r: String!) { repository(owner: $o, name: $r) { name } }"
BY_ID = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename } }"
LISTED = """query ($o: String!) { organization(login: $o) {
  repositories(first: 100) { totalCount nodes { nameWithOwner issues { totalCount } } } } }"""


@pytest.fixture
def withheld(github: Sim, repository: str) -> Iterator[str]:
    github.control("repositories/block", {"repository": repository})
    yield repository
    github.control("repositories/block", {"repository": repository, "reason": None})


def test_rest_answers_451_until_it_is_opened_again(
    github: Sim, client: httpx.Client, withheld: str
) -> None:
    answer = client.get(f"/repos/{withheld}/commits")
    assert (answer.status_code, answer.json()["block"]["reason"]) == (451, "dmca")
    # It is still among those that the installation has.
    seen = client.get("/installation/repositories").json()["repositories"]
    assert withheld in {one["full_name"] for one in seen}
    github.control("repositories/block", {"repository": withheld, "reason": None})
    assert client.get(f"/repos/{withheld}").status_code == 200


def test_graphql_says_forbidden_and_leaves_a_gap_in_lists(
    github: Sim, client: httpx.Client, withheld: str
) -> None:
    owner, name = withheld.split("/")

    def ask(query: str, **variables: object) -> tuple[dict[str, object], list[dict[str, object]]]:
        found = client.post("/graphql", json={"query": query, "variables": variables}).json()
        return found["data"], found["errors"]

    data, (error,) = ask(BY_NAME, o=owner, r=name)
    assert data == {"repository": None}
    assert (error["type"], error["message"]) == ("FORBIDDEN", "Repository access blocked")
    seen = client.get("/installation/repositories").json()["repositories"]
    (mine,) = [one for one in seen if one["full_name"] == withheld]
    github.control("repositories/block", {"repository": withheld, "reason": None})
    issue = client.get(f"/repos/{withheld}/issues").json()[0]["node_id"]
    github.control("repositories/block", {"repository": withheld})
    data, errors = ask(BY_ID, ids=[mine["node_id"], issue])
    assert data == {"nodes": [None, None]}
    assert {one["type"] for one in errors} == {"FORBIDDEN"}
    data, (error,) = ask(LISTED, o=owner)
    listed = data["organization"]["repositories"]  # type: ignore[index]
    assert len(listed["nodes"]) == listed["totalCount"] == len(seen)
    assert listed["nodes"].count(None) == 1
    assert error["path"] == ["organization", "repositories", "nodes", listed["nodes"].index(None)]


def test_git_is_refused_with_the_reason(github: Sim, withheld: str, tmp_path: Path) -> None:
    remote = f"{github.url}/{withheld}.git".replace("://", f"://x-access-token:{token(github)}@")
    said = git("clone", "-q", "--bare", remote, "copy.git", cwd=tmp_path, fails=True)
    assert "Repository unavailable due to DMCA takedown." in said
    assert "403" in said
    github.control("repositories/block", {"repository": withheld, "reason": "tos"})
    said = git("ls-remote", remote, cwd=tmp_path, fails=True)
    assert "has been disabled by GitHub staff" in said
