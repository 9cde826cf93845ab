"""Files of releases: uploaded, shown by every way, and told by no webhook of their own."""

import hashlib

import httpx

from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.client import as_installation

GRAPHQL = """query ($ids: [ID!]!) { nodes(ids: $ids) {
    ... on Release { databaseId releaseAssets(first: 10) { totalCount nodes { id name size } } }
    ... on ReleaseAsset { id name contentType downloadCount downloadUrl size uploadedBy { login }
      createdAt updatedAt release { databaseId } } } }"""


def test_a_file_is_uploaded_renamed_and_deleted(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str
) -> None:
    path = f"/repos/{repository}/releases"
    release = client.post(path, json={"tag_name": "a1"}).json()
    assert github.control("webhooks/wait")["delivered"]
    receiver.clear()
    where, content = f"{path}/{release['id']}/assets", b"all of it"
    made = client.post(
        where,
        params={"name": "a.txt", "label": "All"},
        content=content,
        headers={"Content-Type": "text/plain"},
    ).json()
    assert (made["size"], made["content_type"], made["state"]) == (9, "text/plain", "uploaded")
    assert made["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert made["browser_download_url"].endswith(f"/{repository}/releases/download/a1/a.txt")
    taken = client.post(where, params={"name": "a.txt"}, content=content)
    assert taken.json()["errors"][0]["code"] == "already_exists"
    assert client.get(where).json() == [made]
    assert client.get(f"{path}/{release['id']}").json()["assets"] == [made]
    github.control("releases/asset/download", {"asset_id": made["id"], "times": 3})
    one = f"{path}/assets/{made['id']}"
    new = client.patch(one, json={"name": "b.txt"}).json()
    assert (new["name"], new["label"], new["download_count"]) == ("b.txt", "All", 3)
    asked = {"query": GRAPHQL, "variables": {"ids": [release["node_id"], made["node_id"]]}}
    whole, part = client.post("/graphql", json=asked).json()["data"]["nodes"]
    assert whole["releaseAssets"]["totalCount"] == 1
    assert part["release"]["databaseId"] == whole["databaseId"] == release["id"]
    assert (part["downloadCount"], part["downloadUrl"]) == (3, new["browser_download_url"])
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404
    assert client.get(where).json() == []
    # Nobody was told, and the release's own clock stands still.
    assert github.control("webhooks/wait")["delivered"]
    assert receiver.received == []
    assert client.get(f"{path}/{release['id']}").json()["updated_at"] == release["updated_at"]


def test_a_draft_is_published_with_its_files_and_its_tag(
    github: Sim, receiver: Receiver, repository: str
) -> None:
    receiver.clear()
    draft = github.control(
        "releases/create",
        {"repository": repository, "tag": "a2", "draft": True, "assets": ["x.zip", "y.zip"]},
    )
    told = receiver.wait_for("release.created").payload["release"]
    assert [one["name"] for one in told["assets"]] == []  # they are uploaded after it
    with as_installation(github, permissions={"contents": "read"}) as reader:
        # An App that only reads is told of a draft that no list shows it.
        path = f"/repos/{repository}/releases"
        assert draft["id"] not in {one["id"] for one in reader.get(path).json()}
        asset = reader.get(f"{path}/assets/{draft['assets'][0]['id']}")
        assert asset.status_code == 404
    github.control("releases/edit", {"release_id": draft["id"], "draft": False})
    published = receiver.wait_for("release.published").payload["release"]
    assert [one["name"] for one in published["assets"]] == ["x.zip", "y.zip"]
    refs = github.truth(repository=repository)["repositories"][0]["refs"]
    assert "refs/tags/a2" in refs


def test_a_world_has_files_and_its_inventory_names_what_there_is(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    inside = github.ask("inventory", repository=repository)
    listed = client.get(f"/repos/{repository}/releases", params={"per_page": 100}).json()
    assert {one["id"] for one in listed} <= set(inside["releases"])
    assets = {asset["id"] for one in listed for asset in one["assets"]}
    assert assets
    assert assets <= set(inside["assets"])
    for kind in ("comments", "labels", "reviews", "threads"):
        assert inside[kind], kind
