"""Labels and milestones: changed and deleted, told, and gone from the issues that had them."""

import httpx

from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.client import as_installation


def test_a_label_is_changed_and_deleted(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str
) -> None:
    receiver.clear()
    path = f"/repos/{repository}/labels"
    client.post(path, json={"name": "wip", "color": "ff0000"})
    made = github.control("issues/open", {"repository": repository, "labels": ["wip", "bug"]})
    issue = f"/repos/{repository}/issues/{made['number']}"
    new = client.patch(f"{path}/wip", json={"new_name": "in work", "color": "#00ff00"}).json()
    assert (new["name"], new["color"]) == ("in work", "00ff00")
    told = receiver.wait_for("label.edited").payload
    assert told["changes"] == {"name": {"from": "wip"}, "color": {"from": "ff0000"}}
    assert {one["name"] for one in client.get(issue).json()["labels"]} == {"in work", "bug"}
    taken = client.patch(f"{path}/in%20work", json={"new_name": "bug"})
    assert taken.status_code == 422
    assert taken.json()["errors"][0]["code"] == "already_exists"
    assert client.delete(f"{path}/in%20work").status_code == 204
    assert receiver.wait_for("label.deleted").payload["label"]["id"] == new["id"]
    after = client.get(issue).json()
    assert [one["name"] for one in after["labels"]] == ["bug"]
    assert after["updated_at"] == made["updated_at"]
    assert client.get(f"{path}/in%20work").status_code == 404


def test_a_milestone_is_changed_closed_and_deleted(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str
) -> None:
    receiver.clear()
    path = f"/repos/{repository}/milestones"
    made = client.post(path, json={"title": "Soon", "due_on": "2027-01-31T00:00:00Z"}).json()
    one = f"{path}/{made['number']}"
    issue = github.control("issues/open", {"repository": repository, "labels": ["bug"]})
    where = {"repository": repository, "number": issue["number"]}
    placed = github.control("issues/milestone", where | {"milestone": made["number"]})
    assert placed["milestone"]["open_issues"] == 1
    labels = client.get(f"{one}/labels").json()
    assert [label["name"] for label in labels] == ["bug"]
    new = client.patch(one, json={"title": "Later", "due_on": None, "state": "closed"}).json()
    assert (new["title"], new["due_on"], new["state"]) == ("Later", None, "closed")
    assert new["closed_at"] is not None
    changes = receiver.wait_for("milestone.edited").payload["changes"]
    assert changes == {"title": {"from": "Soon"}, "due_on": {"from": "2027-01-31T00:00:00Z"}}
    receiver.wait_for("milestone.closed")
    assert client.patch(one, json={"state": "open"}).json()["closed_at"] is None
    receiver.wait_for("milestone.opened")
    assert client.patch(one, json={"state": "ajar"}).status_code == 422
    assert client.delete(one).status_code == 204
    receiver.wait_for("milestone.deleted")
    assert client.get(one).status_code == 404
    shown = client.get(f"/repos/{repository}/issues/{issue['number']}").json()
    assert shown["milestone"] is None


def test_milestones_are_listed_by_due_date_or_completeness(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    path = f"/repos/{repository}/milestones"
    for title, due in (("Later", "2027-05-01T00:00:00Z"), ("Sooner", "2027-02-01T00:00:00Z")):
        client.post(path, json={"title": title, "due_on": due})
    done = client.post(path, json={"title": "Done"}).json()["number"]
    for state in ("open", "closed"):
        where = {"repository": repository}
        where["number"] = github.control("issues/open", where)["number"]
        github.control("issues/milestone", where | {"milestone": done})
        if state == "closed":
            github.control("issues/close", where)
    listed = client.get(path, params={"per_page": 100}).json()
    titles = [one["title"] for one in listed if one["title"] in ("Sooner", "Later", "Done")]
    assert titles == ["Sooner", "Later", "Done"]
    complete = {"sort": "completeness", "direction": "desc", "per_page": 100}
    found = client.get(path, params=complete).json()
    done_of = [
        one["closed_issues"] / max(1, one["open_issues"] + one["closed_issues"]) for one in found
    ]
    assert done_of == sorted(done_of, reverse=True)
    assert 0.5 in done_of
    owner, name = repository.split("/")
    query = """query ($owner: String!, $name: String!, $number: Int!) {
        repository(owner: $owner, name: $name) { milestone(number: $number) { progressPercentage
          issues(states: OPEN) { totalCount } pullRequests { totalCount } } } }"""
    variables = {"owner": owner, "name": name, "number": done}
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
    assert answer["data"]["repository"]["milestone"] == {
        "progressPercentage": 50.0,
        "issues": {"totalCount": 1},
        "pullRequests": {"totalCount": 0},
    }


def test_labels_and_milestones_need_a_permission_that_graphql_asks_for_too(
    github: Sim, repository: str
) -> None:
    owner, name = repository.split("/")
    query = """query ($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {
        labels(first: 1, orderBy: {field: CREATED_AT, direction: DESC}) {
          nodes { id createdAt updatedAt } } } }"""
    asked = {"query": query, "variables": {"owner": owner, "name": name}}
    with as_installation(github, permissions={"metadata": "read"}) as client:
        for kind in ("labels", "milestones"):
            assert client.get(f"/repos/{repository}/{kind}").status_code == 403
        answer = client.post("/graphql", json=asked).json()
        assert answer["data"]["repository"]["labels"] is None
        assert answer["errors"][0]["type"] == "FORBIDDEN"
    with as_installation(github, permissions={"issues": "read"}) as client:
        answer = client.post("/graphql", json=asked).json()
        (newest,) = answer["data"]["repository"]["labels"]["nodes"]
        assert newest["createdAt"] <= newest["updatedAt"]
