"""Reactions: they are counted everywhere and move no clock, so nobody hears of them."""

from typing import Any

import httpx
import pytest

from githubsim.receiver import Receiver
from githubsim.testing import Sim


@pytest.fixture
def issue(github: Sim, repository: str) -> dict[str, Any]:
    return dict(github.control("issues/open", {"repository": repository}))


def test_a_reaction_is_counted_once_and_moves_no_clock(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str, issue: dict[str, Any]
) -> None:
    path = f"/repos/{repository}/issues/{issue['number']}"
    assert github.control("webhooks/wait")["delivered"]
    receiver.clear()
    github.control("clock", {"advance": 5})
    first = client.post(f"{path}/reactions", json={"content": "heart"})
    again = client.post(f"{path}/reactions", json={"content": "heart"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    where = {"repository": repository, "number": issue["number"]}
    github.control("react", where | {"content": "+1"})
    shown = client.get(path).json()
    assert shown["updated_at"] == issue["updated_at"]
    counts = shown["reactions"]
    assert (counts["total_count"], counts["heart"], counts["+1"]) == (2, 1, 1)
    assert len(client.get(f"{path}/reactions").json()) == 2
    liked = client.get(f"{path}/reactions", params={"content": "+1"}).json()
    assert [one["content"] for one in liked] == ["+1"]
    assert client.delete(f"{path}/reactions/{liked[0]['id']}").status_code == 403
    assert client.delete(f"{path}/reactions/{first.json()['id']}").status_code == 204
    assert client.get(path).json()["reactions"]["total_count"] == 1
    assert client.post(f"{path}/reactions", json={"content": "meh"}).status_code == 422
    assert client.post(f"{path}/reactions", json={}).status_code == 422
    assert github.control("webhooks/wait")["delivered"]
    assert receiver.received == []


def test_comments_and_releases_can_be_reacted_to(
    github: Sim, client: httpx.Client, repository: str, issue: dict[str, Any]
) -> None:
    where = {"repository": repository, "number": issue["number"]}
    comment = github.control("issues/comment", where)
    pull = github.control("pulls/open", {"repository": repository})
    remark = github.control("reviews/comment", {"repository": repository, "number": pull["number"]})
    release = github.control("releases/create", {"repository": repository, "tag": "v5-liked"})
    for path in (
        f"/repos/{repository}/issues/comments/{comment['id']}",
        f"/repos/{repository}/pulls/comments/{remark['id']}",
        f"/repos/{repository}/releases/{release['id']}",
    ):
        made = client.post(f"{path}/reactions", json={"content": "rocket"})
        assert made.status_code == 201, path
        assert client.get(path).json()["reactions"]["rocket"] == 1
        assert client.get(f"{path}/reactions").json() == [made.json()]
        assert client.delete(f"{path}/reactions/{made.json()['id']}").status_code == 204
        assert client.get(f"{path}/reactions").json() == []


def test_graphql_counts_and_changes_reactions(
    github: Sim, client: httpx.Client, repository: str, issue: dict[str, Any]
) -> None:
    where = {"repository": repository, "number": issue["number"]}
    person = github.control("react", where | {"content": "eyes"})["user"]["login"]
    query = """query ($id: ID!) { node(id: $id) { ... on Reactable {
        reactions(first: 10) { totalCount nodes { content user { login } } }
        reactionGroups { content users(first: 3) { totalCount } viewerHasReacted } } } }"""

    def ask(text: str, **variables: Any) -> dict[str, Any]:
        body = {"query": text, "variables": variables}
        answer = client.post("/graphql", json=body).json()
        assert "errors" not in answer, answer
        return dict(answer["data"])

    node = ask(query, id=issue["node_id"])["node"]
    assert node["reactions"]["nodes"] == [{"content": "EYES", "user": {"login": person}}]
    assert [one["content"] for one in node["reactionGroups"]] == [
        *("THUMBS_UP", "THUMBS_DOWN", "LAUGH", "HOORAY", "CONFUSED", "HEART", "ROCKET", "EYES"),
    ]
    assert node["reactionGroups"][-1]["users"]["totalCount"] == 1
    add = """mutation ($id: ID!) { addReaction(input: {subjectId: $id, content: EYES}) {
        reaction { content } subject { id reactions { totalCount } } } }"""
    added = ask(add, id=issue["node_id"])["addReaction"]
    assert added["subject"] == {"id": issue["node_id"], "reactions": {"totalCount": 2}}
    removed = ask(add.replace("add", "remove", 1), id=issue["node_id"])["removeReaction"]
    assert removed["subject"]["reactions"]["totalCount"] == 1


def test_a_deleted_comment_takes_its_reactions_along(
    github: Sim, client: httpx.Client, repository: str, issue: dict[str, Any]
) -> None:
    where = {"repository": repository, "number": issue["number"]}
    comment = github.control("issues/comment", where)
    path = f"/repos/{repository}/issues/comments/{comment['id']}"
    client.post(f"{path}/reactions", json={"content": "+1"})
    before = github.truth(repository=repository)["repositories"][0]["reactions"]
    assert client.delete(path).status_code == 204
    assert github.truth(repository=repository)["repositories"][0]["reactions"] == before - 1


def test_a_seeded_world_has_reactions(github: Sim) -> None:
    assert sum(one["reactions"] for one in github.truth()["repositories"]) > 5
