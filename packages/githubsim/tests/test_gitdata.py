"""Git's objects through REST, and what people say of commits."""

import base64
import subprocess
from pathlib import Path

import httpx
import pytest
from githubkit_schemas.v2022_11_28.models import GitTag as GitTag2022
from githubkit_schemas.v2026_03_10.models import GitTag as GitTag2026

from githubsim.receiver import Receiver
from githubsim.testing import Sim


@pytest.fixture
def clone(github: Sim, client: httpx.Client, repository: str, tmp_path: Path) -> Path:
    token = client.headers["authorization"].split()[1]
    remote = f"{github.url}/{repository}.git".replace("://", f"://x-access-token:{token}@")
    git(tmp_path, "clone", "-q", remote, "work")
    return tmp_path / "work"


def git(cwd: Path, *args: str) -> str:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@nowhere.example")
    done = subprocess.run(["git", *who, *args], cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_trees_and_blobs_are_gits_own(client: httpx.Client, repository: str, clone: Path) -> None:
    path = f"/repos/{repository}/git"
    tree = client.get(f"{path}/trees/main", params={"recursive": 1}).json()
    assert tree["sha"] == git(clone, "rev-parse", "HEAD^{tree}")
    blobs = {one["path"]: one for one in tree["tree"] if one["type"] == "blob"}
    assert set(blobs) == set(git(clone, "ls-files").splitlines())
    flat = client.get(f"{path}/trees/{tree['sha']}").json()
    assert {one["path"] for one in flat["tree"]} == {one.split("/")[0] for one in blobs}
    name, entry = next(iter(blobs.items()))
    content = (clone / name).read_bytes()
    blob = client.get(entry["url"]).json()
    assert base64.b64decode(blob["content"]) == content
    assert blob["size"] == entry["size"] == len(content)
    raw = client.get(entry["url"], headers={"Accept": "application/vnd.github.raw+json"})
    assert raw.content == content
    assert client.get(f"{path}/blobs/{tree['sha']}").status_code == 404
    assert client.get(f"{path}/blobs/xyz").status_code == 422
    assert client.get(f"{path}/trees/no-such-branch").status_code == 404


def test_an_annotated_tag_is_shown_by_its_own_sha(
    client: httpx.Client, repository: str, clone: Path
) -> None:
    git(clone, "tag", "-a", "annotated", "-m", "With words")
    git(clone, "push", "-q", "origin", "annotated")
    sha = git(clone, "rev-parse", "annotated")
    ref = client.get(f"/repos/{repository}/git/ref/tags/annotated").json()
    assert ref["object"]["type"] == "tag"
    tag = client.get(ref["object"]["url"]).json()
    for version in (GitTag2022, GitTag2026):
        assert version.model_validate(tag).tag == "annotated"
    assert (tag["sha"], tag["tag"], tag["message"]) == (sha, "annotated", "With words")
    assert tag["tagger"]["name"] == "Ada"
    assert tag["object"]["sha"] == git(clone, "rev-parse", "HEAD")
    assert client.get(tag["object"]["url"]).json()["sha"] == tag["object"]["sha"]


def test_an_empty_repository_has_no_tree(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    owner = repository.split("/")[0]
    github.control("repositories/create", {"owner": owner, "name": "treeless"})
    assert client.get(f"/repos/{owner}/treeless/git/trees/main").status_code == 409


def test_a_commit_is_commented_on(
    receiver: Receiver, client: httpx.Client, repository: str
) -> None:
    receiver.clear()
    commit = client.get(f"/repos/{repository}/commits/main").json()
    path = f"/repos/{repository}/commits/{commit['sha']}/comments"
    made = client.post(path, json={"body": "Why?", "path": "a.py", "position": 1})
    assert made.status_code == 201
    comment = made.json()
    assert (comment["commit_id"], comment["position"]) == (commit["sha"], 1)
    told = receiver.wait_for("commit_comment.created").payload
    assert told["comment"]["id"] == comment["id"]
    one = f"/repos/{repository}/comments/{comment['id']}"
    assert client.patch(one, json={"body": "Because"}).json()["body"] == "Because"
    assert client.post(f"{one}/reactions", json={"content": "+1"}).status_code == 201
    assert client.get(one).json()["reactions"]["+1"] == 1
    for listing in (path, f"/repos/{repository}/comments"):
        assert [item["id"] for item in client.get(listing).json()] == [comment["id"]]
    again = client.get(f"/repos/{repository}/commits/{commit['sha']}").json()
    assert again["commit"]["comment_count"] == 1
    assert client.post(path, json={}).status_code == 422
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404
    unknown = client.post(f"/repos/{repository}/commits/{'0' * 40}/comments", json={"body": "x"})
    assert unknown.status_code in (404, 422)


def test_refs_are_made_moved_and_deleted(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str
) -> None:
    assert github.control("webhooks/wait")["delivered"]
    receiver.clear()
    path = f"/repos/{repository}/git/refs"
    commits = client.get(f"/repos/{repository}/commits?per_page=2").json()
    new, old = commits[0]["sha"], commits[1]["sha"]
    made = client.post(path, json={"ref": "refs/heads/by-rest", "sha": old})
    assert made.status_code == 201
    assert client.post(path, json={"ref": "refs/heads/by-rest", "sha": old}).status_code == 422
    moved = client.patch(f"{path}/heads/by-rest", json={"sha": new, "force": True}).json()
    assert moved["object"]["sha"] == new
    assert client.delete(f"{path}/heads/by-rest").status_code == 204
    assert client.get(f"/repos/{repository}/git/ref/heads/by-rest").status_code == 404
    came = receiver.wait(lambda all_: len(all_) == 5)
    assert [one.name for one in came] == ["create", "push", "push", "push", "delete"]


def test_comments_on_commits_are_the_same_by_graphql(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    made = github.control("commits/comment", {"repository": repository, "body": "Why twice?"})
    edited = github.control(
        "commits/comment/edit",
        {"repository": repository, "comment_id": made["id"], "body": "Why at all?"},
    )
    owner, name = repository.split("/")
    query = """query ($owner: String!, $name: String!, $id: ID!) {
      repository(owner: $owner, name: $name) { commitComments(first: 100) {
        totalCount nodes { databaseId body } } }
      node(id: $id) { ... on CommitComment {
        databaseId url commit { oid } author { login } viewerDidAuthor } } }"""
    variables = {"owner": owner, "name": name, "id": made["node_id"]}
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()["data"]
    listed = client.get(f"/repos/{repository}/comments?per_page=100").json()
    page = answer["repository"]["commitComments"]
    assert page["totalCount"] == len(listed)
    assert [(one["databaseId"], one["body"]) for one in page["nodes"]] == [
        (one["id"], one["body"]) for one in listed
    ]
    assert answer["node"] == {
        "databaseId": made["id"],
        "url": made["html_url"],
        "commit": {"oid": made["commit_id"]},
        "author": {"login": made["user"]["login"]},
        "viewerDidAuthor": False,
    }
    assert edited["updated_at"] >= made["updated_at"]
    github.control("commits/comment/delete", {"comment_id": made["id"]})
    assert client.get(f"/repos/{repository}/comments/{made['id']}").status_code == 404


def test_what_happens_to_branches_is_listed_by_cursors(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    where = {"repository": repository, "branch": "comes-and-goes"}
    first = github.control("push", where)
    github.control("push", where | {"start": first["before"], "force": True})
    github.control("refs/delete", where | {"ref": "refs/heads/comes-and-goes"})
    github.control("refs/set", where | {"ref": "refs/tags/no-branch"})
    pull = github.control("pulls/open", {"repository": repository})
    github.control("pulls/merge", {"repository": repository, "number": pull["number"]})
    path, found = f"/repos/{repository}/activity?per_page=2", []
    while path:
        answer = client.get(path)
        found += answer.json()
        assert "page=" not in answer.headers.get("link", "").replace("per_page", "")
        path = answer.links.get("next", {}).get("url", "")
    assert [one["activity_type"] for one in found][:5] == [
        "pr_merge", "branch_creation", "branch_deletion", "force_push", "branch_creation"
    ]  # fmt: skip
    assert {one["ref"].split("/")[1] for one in found} == {"heads"}
    assert len({one["id"] for one in found}) == len(found)
    back = client.get(client.get(f"/repos/{repository}/activity?per_page=2").links["next"]["url"])
    assert client.get(back.links["prev"]["url"]).json() == found[:2]
    mine = client.get(f"/repos/{repository}/activity?ref=comes-and-goes&direction=asc").json()
    assert [one["activity_type"] for one in mine] == [
        "branch_creation", "force_push", "branch_deletion"
    ]  # fmt: skip


def test_languages_are_the_same_by_graphql(client: httpx.Client, repository: str) -> None:
    owner, name = repository.split("/")
    query = """query ($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {
      languages(first: 100) { totalSize totalCount edges { size node { name color } } } } }"""
    variables = {"owner": owner, "name": name}
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()["data"]
    page = answer["repository"]["languages"]
    listed = client.get(f"/repos/{repository}/languages").json()
    assert {one["node"]["name"]: one["size"] for one in page["edges"]} == listed
    assert page["totalSize"] == sum(listed.values())
    assert page["totalCount"] == len(listed)
