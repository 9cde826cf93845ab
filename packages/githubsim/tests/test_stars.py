"""Stars and watchers: as many as the repository counts, with their times, told and taken back."""

from typing import Any

import httpx

from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.client import as_installation

STARS = {"Accept": "application/vnd.github.star+json"}


def everything(client: httpx.Client, url: str, **headers: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while url:
        answer = client.get(url, headers=headers)
        assert answer.status_code == 200, answer.text
        found += answer.json()
        url = answer.links.get("next", {}).get("url", "")
    return found


def test_every_counted_star_is_listed(github: Sim, client: httpx.Client) -> None:
    for one in github.truth()["repositories"]:
        path = f"/repos/{one['full_name']}"
        counted = client.get(path).json()["stargazers_count"]
        plain = everything(client, f"{path}/stargazers?per_page=4")
        timed = everything(client, f"{path}/stargazers?per_page=4", **STARS)
        assert len(plain) == len(timed) == counted == one["stars"]
        assert [item["user"]["id"] for item in timed] == [item["id"] for item in plain]
        clocks = [item["starred_at"] for item in timed]
        assert clocks == sorted(clocks)


def test_a_star_is_told_and_taken_back(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str
) -> None:
    assert github.control("webhooks/wait")["delivered"]
    receiver.clear()
    github.control("accounts/create", {"login": "new-fan"})
    before = client.get(f"/repos/{repository}").json()["stargazers_count"]
    star = {"repository": repository, "sender": "new-fan"}
    github.control("star", star)
    github.control("star", star)
    came = receiver.wait(lambda all_: len(all_) == 2)
    assert [one.name for one in came] == ["star.created", "watch.started"]
    assert came[0].payload["starred_at"]
    assert came[0].payload["repository"]["stargazers_count"] == before + 1
    # GitHub's own example of the payload has both times equal.
    assert came[0].payload["repository"]["updated_at"] == came[0].payload["starred_at"]
    assert came[0].payload["sender"]["login"] == "new-fan"
    owner, name = repository.split("/")
    query = """query ($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {
        stargazerCount viewerHasStarred watchers { totalCount }
        stargazers(first: 1, orderBy: {field: STARRED_AT, direction: DESC}) {
          totalCount edges { starredAt node { login } } nodes { login } } } }"""
    variables = {"owner": owner, "name": name}
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
    found = answer["data"]["repository"]
    assert found["stargazerCount"] == found["stargazers"]["totalCount"] == before + 1
    (edge,) = found["stargazers"]["edges"]
    assert edge["starredAt"] == came[0].payload["starred_at"]
    assert found["stargazers"]["nodes"] == [edge["node"]] == [{"login": "new-fan"}]
    watching = client.get(f"/repos/{repository}/subscribers?per_page=100").json()
    assert len(watching) == found["watchers"]["totalCount"]
    assert len(watching) == client.get(f"/repos/{repository}").json()["subscribers_count"]
    github.control("unstar", star)
    assert receiver.wait_for("star.deleted").payload["starred_at"] is None
    assert client.get(f"/repos/{repository}").json()["stargazers_count"] == before


def test_who_stars_is_not_who_works_here(client: httpx.Client, repository: str) -> None:
    people = {one["login"] for one in everything(client, f"/repos/{repository}/assignees")}
    assert len(people) == 30


def test_who_starred_is_shown_to_collaborators_and_apps_that_may_write(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    owner, name = repository.split("/")
    path = f"/repos/{repository}/stargazers"
    query = """query ($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {
        stargazerCount WHAT } }"""
    variables = {"owner": owner, "name": name}

    def graphql(what: str, token: str) -> Any:
        body = {"query": query.replace("WHAT", what), "variables": variables}
        headers = {"Authorization": f"Bearer {token}"}
        return client.post("/graphql", json=body, headers=headers).json()

    github.control("accounts/create", {"login": "passer-by"})
    stranger = github.control("token", {"login": "passer-by"})["token"]
    headers = {"Authorization": f"Bearer {stranger}"}
    assert client.get(path, headers=headers).status_code == 404
    assert graphql("stargazers { totalCount }", stranger)["errors"][0]["type"] == "FORBIDDEN"
    assert graphql("", stranger)["data"]["repository"]["stargazerCount"] >= 0
    with as_installation(github, permissions={"contents": "read"}) as reading:
        refused = reading.get(path)
        assert refused.status_code == 403
        assert "contents=write" in refused.headers["x-accepted-github-permissions"]
        reader = reading.headers["Authorization"].split()[1]
    answer = graphql("stargazers { totalCount }", reader)
    assert answer["data"]["repository"] is None, "the field may not be null"
    assert answer["errors"][0]["path"] == ["repository", "stargazers"]
    assert graphql("", reader)["data"]["repository"]["stargazerCount"] >= 0


def test_rest_lists_four_hundred_pages_of_stars(client: httpx.Client, repository: str) -> None:
    path = f"/repos/{repository}/stargazers"
    assert client.get(path, params={"page": 400}).json() == []
    refused = client.get(path, params={"page": 401})
    assert refused.status_code == 422
    assert "pagination is limited for this resource" in refused.json()["message"]


def test_who_watches_is_told_to_nobody(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str
) -> None:
    assert github.control("webhooks/wait")["delivered"]
    receiver.clear()
    github.control("accounts/create", {"login": "watchful"})
    before = client.get(f"/repos/{repository}").json()
    path = f"/repos/{repository}/subscribers?per_page=100"
    one = {"repository": repository, "sender": "watchful"}
    for _ in range(2):
        github.control("watch", one)
    assert [user["login"] for user in everything(client, path)][-1] == "watchful"
    after = client.get(f"/repos/{repository}").json()
    assert after["subscribers_count"] == before["subscribers_count"] + 1
    github.control("unwatch", one)
    assert client.get(f"/repos/{repository}").json() == before
    assert github.control("webhooks/wait")["delivered"]
    assert receiver.received == []


def test_a_fork_is_told_listed_and_counted_until_it_is_deleted(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str
) -> None:
    """The parent's clock stays, as in GitHub's own example of the payload."""
    assert github.control("webhooks/wait")["delivered"]
    receiver.clear()
    github.control("accounts/create", {"login": "forker"})
    before = client.get(f"/repos/{repository}").json()
    made = github.control("repositories/fork", {"repository": repository, "sender": "forker"})
    told = receiver.wait_for("fork").payload
    assert (told["forkee"]["full_name"], told["forkee"]["fork"]) == (made["full_name"], True)
    assert told["repository"]["forks_count"] == before["forks_count"] + 1
    assert told["repository"]["updated_at"] == before["updated_at"]
    listed = client.get(f"/repos/{repository}/forks").json()
    assert listed[0]["id"] == made["id"]
    owner, name = repository.split("/")
    query = """query ($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {
        forkCount forks(first: 9, orderBy: {field: CREATED_AT, direction: DESC}) {
          totalCount edges { node { databaseId nameWithOwner owner { login } } } } } }"""
    variables = {"owner": owner, "name": name}
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
    found = answer["data"]["repository"]
    assert found["forkCount"] == before["forks_count"] + 1
    assert [edge["node"]["databaseId"] for edge in found["forks"]["edges"]] == [
        one["id"] for one in listed
    ]
    head = f"/repos/{made['full_name']}/commits/{made['default_branch']}"
    assert client.get(head).json()["sha"]
    github.control("repositories/delete", {"repository": made["full_name"]})
    assert client.get(f"/repos/{repository}").json()["forks_count"] == before["forks_count"]
