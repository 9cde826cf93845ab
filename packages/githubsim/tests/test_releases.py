"""Releases: made on tags old and new, drafted, published, listed, told."""

from typing import Any

import httpx

from githubsim.receiver import Receiver
from githubsim.testing import Sim


def post(client: httpx.Client, where: str, /, **body: Any) -> dict[str, Any]:
    answer = client.post(where, json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_release_makes_its_tag_and_is_told(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str
) -> None:
    assert github.control("webhooks/wait")["delivered"]
    receiver.clear()
    made = post(client, f"/repos/{repository}/releases", tag_name="v77.0", name="Seventy-seven")
    came = receiver.wait(lambda all_: len(all_) == 5)
    assert [one.name for one in came] == [
        *("create", "push"),
        *("release.created", "release.published", "release.released"),
    ]
    assert came[3].payload["release"]["id"] == made["id"]
    refs = github.truth(repository=repository)["repositories"][0]["refs"]
    commit = client.get(f"/repos/{repository}/commits/{refs['refs/tags/v77.0']}").json()
    assert made["created_at"] == commit["commit"]["committer"]["date"]
    assert made["published_at"] >= made["created_at"]
    path = f"/repos/{repository}/releases"
    assert client.get(f"{path}/tags/v77.0").json() == made
    assert client.get(f"{path}/{made['id']}").json() == made
    assert client.get(f"{path}/latest").json()["id"] == made["id"]
    assert client.get(f"{path}/{made['id']}/assets").json() == []
    again = client.post(path, json={"tag_name": "v77.0"})
    assert again.status_code == 422
    assert again.json()["errors"][0]["code"] == "already_exists"
    assert client.post(path, json={}).json()["errors"][0]["field"] == "tag_name"


def test_a_draft_is_for_those_who_may_push(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str
) -> None:
    receiver.clear()
    path = f"/repos/{repository}/releases"
    draft = post(client, path, tag_name="v78.0", draft=True)
    assert draft["published_at"] is None
    assert "refs/tags/v78.0" not in github.truth(repository=repository)["repositories"][0]["refs"]
    assert client.get(f"{path}/tags/v78.0").status_code == 404
    assert draft["id"] in {one["id"] for one in client.get(path).json()}
    private = client.get(f"/repos/{repository}").json()["private"]
    with httpx.Client(base_url=github.url) as stranger:
        listed = stranger.get(path)
        assert listed.status_code == (404 if private else 200)
        assert private or draft["id"] not in {one["id"] for one in listed.json()}
    published = client.patch(f"{path}/{draft['id']}", json={"draft": False, "body": "Now"}).json()
    assert published["published_at"] is not None
    told = receiver.wait_for("release.published").payload["release"]
    assert (told["id"], told["body"]) == (draft["id"], "Now")
    assert receiver.wait_for("release.edited").payload["changes"] == {"body": {"from": ""}}
    refs = github.truth(repository=repository)["repositories"][0]["refs"]
    assert "refs/tags/v78.0" in refs
    assert client.delete(f"{path}/{draft['id']}").status_code == 204
    receiver.wait_for("release.deleted")
    assert client.get(f"{path}/{draft['id']}").status_code == 404


def test_a_prerelease_is_never_the_latest(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    github.control("push", {"repository": repository})
    early = github.control(
        "releases/create", {"repository": repository, "tag": "v79.0-rc1", "prerelease": True}
    )
    owner, name = repository.split("/")
    query = """query ($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {
        latestRelease { tagName }
        release(tagName: "v79.0-rc1") { databaseId isPrerelease isLatest tagCommit { oid } }
        releases(first: 1, orderBy: {field: CREATED_AT, direction: DESC}) { totalCount nodes {
          databaseId tagName tag { name } author { login } releaseAssets(first: 1) { totalCount }
        } } } }"""
    variables = {"owner": owner, "name": name}
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
    assert "errors" not in answer
    found = answer["data"]["repository"]
    refs = github.truth(repository=repository)["repositories"][0]["refs"]
    assert found["release"] == {
        "databaseId": early["id"],
        "isPrerelease": True,
        "isLatest": False,
        "tagCommit": {"oid": refs["refs/tags/v79.0-rc1"]},
    }
    (newest,) = found["releases"]["nodes"]
    assert (newest["databaseId"], newest["tag"]["name"]) == (early["id"], "v79.0-rc1")
    latest = client.get(f"/repos/{repository}/releases/latest")
    assert latest.status_code == 404 or latest.json()["prerelease"] is False


def test_graphql_shows_a_release_as_a_page_would(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    people = [one["login"] for one in github.truth(accounts=1)["accounts"] if one["type"] == "User"]
    body = f"Thanks to @{people[0]} & @{people[1]}, @{people[0]} and @nobody-at-all.\n\nEnjoy <it>"
    github.control("releases/create", {"repository": repository, "tag": "shown", "body": body})
    owner, name = repository.split("/")
    query = """query ($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {
        release(tagName: "shown") { descriptionHTML mentions(first: 10) { nodes { login } }
          count: mentions(first: 0) { totalCount } } } }"""
    variables = {"owner": owner, "name": name}
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
    found = answer["data"]["repository"]["release"]
    assert [one["login"] for one in found["mentions"]["nodes"]] == people[:2]
    assert found["count"] == {"totalCount": 2}
    first, second = found["descriptionHTML"].split("\n")
    assert first.startswith("<p>Thanks to @")
    assert " &amp; " in first
    assert second == "<p>Enjoy &lt;it&gt;</p>"


def test_which_release_is_the_latest_can_be_said(client: httpx.Client, repository: str) -> None:
    path = f"/repos/{repository}/releases"

    def latest() -> str:
        return str(client.get(f"{path}/latest").json()["tag_name"])

    made = [
        client.post(path, json={"tag_name": tag} | how).json()["id"]
        for tag, how in (("m1", {}), ("m2", {}), ("m3", {"make_latest": "false"}))
    ]
    assert latest() == "m2"
    client.patch(f"{path}/{made[0]}", json={"make_latest": "true"})
    assert latest() == "m1"
    client.patch(f"{path}/{made[0]}", json={"prerelease": True})
    assert latest() != "m1"
    client.patch(f"{path}/{made[1]}", json={"make_latest": "legacy"})
    # By date then: all three are of one commit, and the last was made last.
    assert latest() == "m3"


def test_notes_name_what_was_merged_since(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    path = f"/repos/{repository}/releases"
    client.post(path, json={"tag_name": "n1"})
    pull = github.control("pulls/open", {"repository": repository, "title": "Faster starts"})
    github.control("pulls/merge", {"repository": repository, "number": pull["number"]})
    said = client.post(f"{path}/generate-notes", json={"tag_name": "n2"}).json()
    line = f"* Faster starts by @{pull['user']['login']} in {pull['html_url']}"
    assert said == {
        "name": "n2",
        "body": f"## What's Changed\n{line}\n\n**Full Changelog**: "
        f"{github.url}/{repository}/compare/n1...n2",
    }
    made = client.post(path, json={"tag_name": "n2", "generate_release_notes": True}).json()
    assert (made["name"], made["body"]) == (said["name"], said["body"])


def test_a_seeded_world_has_releases_on_its_tags() -> None:
    with Sim(repositories=1, commits=400, issues=0, pulls=0) as github:
        (truth,) = github.truth()["repositories"]
        assert truth["releases"] > 0
        headers = {"Authorization": f"Bearer {github.control('token')['token']}"}
        with httpx.Client(base_url=github.url, headers=headers) as client:
            path = f"/repos/{truth['full_name']}/releases"
            listed = client.get(path, params={"per_page": 100}).json()
        assert len(listed) == truth["releases"]
        assert {f"refs/tags/{one['tag_name']}" for one in listed} <= set(truth["refs"])
        clocks = [one["created_at"] for one in listed]
        assert clocks == sorted(clocks, reverse=True)
