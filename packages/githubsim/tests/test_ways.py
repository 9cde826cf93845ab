"""What hangs on a repository is the same by every way: REST's lists, connections, nodes by id."""

from typing import Any

import httpx
import pytest

from githubsim.testing import Sim

QUERY = """query ($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {
  releases(first: 100) { totalCount nodes { id releaseAssets(first: 100) { nodes { id } } } }
  labels(first: 100) { totalCount nodes { id } }
  milestones(first: 100) { totalCount nodes { id } }
  issues(first: 100) { nodes { comments(first: 100) { nodes { id } } } }
  pullRequests(first: 100) { nodes { comments(first: 100) { nodes { id } }
    reviews(first: 50) { nodes { id comments(first: 20) { nodes { id } } } }
    reviewThreads(first: 100) { nodes { id } } } } } }"""
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } rateLimit { cost } }"
LISTS = {
    "Release": "releases",
    "Label": "labels",
    "Milestone": "milestones?state=all",
    "IssueComment": "issues/comments",
    "PullRequestReviewComment": "pulls/comments",
}


def every(client: httpx.Client, url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    url += ("&" if "?" in url else "?") + "per_page=100"
    while url:
        answer = client.get(url)
        assert answer.status_code == 200, answer.text
        found += answer.json()
        url = answer.links.get("next", {}).get("url", "")
    return found


@pytest.fixture
def connected(github: Sim, client: httpx.Client, repository: str) -> dict[str, set[str]]:
    """Type → node ids, as connections have them."""
    where = {"repository": repository}
    github.control("milestones/create", where | {"title": "Some day"})
    github.control("releases/create", where | {"tag": "ways", "assets": ["w.zip"]})
    owner, name = repository.split("/")
    asked = {"query": QUERY, "variables": {"owner": owner, "name": name}}
    found = client.post("/graphql", json=asked).json()["data"]["repository"]
    pulls = found["pullRequests"]["nodes"]
    reviews = [one for pull in pulls for one in pull["reviews"]["nodes"]]
    for kind in ("releases", "labels", "milestones"):
        assert found[kind]["totalCount"] == len(found[kind]["nodes"])
    nodes = {
        "Release": found["releases"]["nodes"],
        "ReleaseAsset": [
            one for release in found["releases"]["nodes"] for one in _of(release, "releaseAssets")
        ],
        "Label": found["labels"]["nodes"],
        "Milestone": found["milestones"]["nodes"],
        "IssueComment": [
            one for item in [*found["issues"]["nodes"], *pulls] for one in _of(item, "comments")
        ],
        "PullRequestReview": reviews,
        "PullRequestReviewComment": [one for review in reviews for one in _of(review, "comments")],
        "PullRequestReviewThread": [one for pull in pulls for one in _of(pull, "reviewThreads")],
    }
    return {kind: {one["id"] for one in those} for kind, those in nodes.items()}


def _of(item: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = item[name]["nodes"]
    return found


def test_lists_connections_and_nodes_name_the_same(
    client: httpx.Client, repository: str, connected: dict[str, set[str]]
) -> None:
    for kind, path in LISTS.items():
        listed = every(client, f"/repos/{repository}/{path}")
        assert {one["node_id"] for one in listed} == connected[kind], kind
    for kind, ids in connected.items():
        assert ids, kind
        asked = {"query": NODES, "variables": {"ids": sorted(ids)[:100]}}
        answer = client.post("/graphql", json=asked).json()
        assert "errors" not in answer
        assert {one["__typename"] for one in answer["data"]["nodes"]} == {kind}
        assert answer["data"]["rateLimit"]["cost"] == 1


@pytest.mark.parametrize("kind", ["issues/comments", "pulls/comments"])
def test_comments_are_read_on_from_a_moment(
    client: httpx.Client, repository: str, kind: str
) -> None:
    path = f"/repos/{repository}/{kind}?sort=updated&direction=asc"
    listed = every(client, path)
    clocks = [one["updated_at"] for one in listed]
    assert clocks == sorted(clocks)
    since = clocks[len(clocks) // 2]
    later = every(client, f"{path}&since={since}")
    # The moment itself is included, so that nothing of the same second is missed.
    expected = [one["id"] for one in listed if one["updated_at"] >= since]
    assert [one["id"] for one in later] == expected
