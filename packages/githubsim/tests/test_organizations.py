"""Members and teams of an organisation, and what they may do with its repositories."""

from typing import Any

import httpx
import pytest

from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.client import as_installation


@pytest.fixture
def org(repository: str) -> str:
    return repository.split("/")[0]


def logins(client: httpx.Client, path: str) -> list[str]:
    answer = client.get(path, params={"per_page": 100})
    assert answer.status_code == 200, answer.text
    return [str(one["login"]) for one in answer.json()]


def test_members_are_listed_by_role_and_strangers_see_the_public_ones(
    github: Sim, client: httpx.Client, org: str
) -> None:
    everybody = logins(client, f"/orgs/{org}/members")
    assert len(everybody) == 30
    admins = logins(client, f"/orgs/{org}/members?role=admin")
    public = logins(client, f"/orgs/{org}/public_members")
    assert set(public) < set(everybody)
    with httpx.Client(base_url=github.url) as stranger:
        assert logins(stranger, f"/orgs/{org}/members") == public
        assert stranger.get(f"/orgs/{org}/teams").status_code == 401
    assert client.get(f"/orgs/{org}/members/{everybody[0]}").status_code == 204
    assert client.get(f"/orgs/{org}/members/nobody-at-all").status_code == 404
    membership = client.get(f"/orgs/{org}/memberships/{admins[0]}").json()
    assert (membership["role"], membership["state"]) == ("admin", "active")
    assert membership["user"]["login"] == admins[0]


def test_teams_have_members_repositories_and_children(client: httpx.Client, org: str) -> None:
    teams = {one["slug"]: one for one in client.get(f"/orgs/{org}/teams").json()}
    assert teams.keys() == {"docs", "maintainers", "platform", "security"}
    assert teams["security"]["parent"]["slug"] == "platform"
    children = client.get(f"/orgs/{org}/teams/platform/teams").json()
    assert [one["slug"] for one in children] == ["security"]
    full = client.get(f"/orgs/{org}/teams/maintainers").json()
    by_id = client.get(full["url"]).json()
    assert by_id == full
    people = logins(client, f"/orgs/{org}/teams/maintainers/members")
    assert len(people) == full["members_count"] > 0
    assert set(people) <= set(logins(client, f"/orgs/{org}/members"))
    repositories = client.get(full["repositories_url"]).json()
    assert len(repositories) == full["repos_count"] > 0
    assert all(one["permissions"]["maintain"] for one in repositories)
    assert client.get(f"/orgs/{org}/teams/nobody").status_code == 404
    place = client.get(f"/orgs/{org}/teams/maintainers/memberships/{people[0]}").json()
    assert (place["role"], place["state"]) == ("maintainer", "active")


def test_without_the_permission_nothing_is_told(github: Sim, org: str) -> None:
    with as_installation(github, permissions={"issues": "read"}) as narrowed:
        answer = narrowed.get(f"/orgs/{org}/members")
    assert answer.status_code == 403
    assert answer.json()["message"] == "Resource not accessible by integration"


def test_changes_of_belonging_are_told(
    github: Sim, receiver: Receiver, client: httpx.Client, org: str, repository: str
) -> None:
    assert github.control("webhooks/wait")["delivered"]
    receiver.clear()
    github.control("accounts/create", {"login": "newcomer"})
    who = {"organization": org, "login": "newcomer"}
    path = f"/repos/{repository}/collaborators/newcomer"
    assert client.get(path).status_code == 404
    assert client.get(path.replace("collaborators", "assignees")).status_code == 404
    with httpx.Client(base_url=github.url) as stranger:
        private = client.get(f"/repos/{repository}").json()["private"]
        for hidden in ("collaborators", "teams", "collaborators/newcomer"):
            answer = stranger.get(f"/repos/{repository}/{hidden}")
            assert answer.status_code == (404 if private else 401)
    github.control("members/add", who)
    assert client.get(path.replace("collaborators", "assignees")).status_code == 204
    team = github.control("teams/create", {"organization": org, "name": "Night Shift"})
    on_team = who | {"team": "night-shift"}
    github.control("teams/join", on_team)
    github.control("teams/give", on_team | {"repository": repository, "permission": "triage"})
    assert client.get(path).status_code == 204
    assert client.get(f"{path}/permission").json()["role_name"] == "triage"
    teams: list[dict[str, Any]] = client.get(f"/repos/{repository}/teams").json()
    (mine,) = [one for one in teams if one["id"] == team["id"]]
    assert (mine["permission"], mine["permissions"]["push"]) == ("triage", False)
    github.control("members/remove", who)
    github.control("teams/delete", {"organization": org, "team": "night-shift"})
    came = receiver.wait(lambda all_: len(all_) >= 8)
    assert [one.name for one in came] == [
        "organization.member_added",
        "team.created",
        "membership.added",
        "team.added_to_repository",
        "team_add",
        "membership.removed",
        "organization.member_removed",
        "team.deleted",
    ]
    assert {one.payload["organization"]["login"] for one in came} == {org}
    assert came[0].payload["membership"]["user"]["login"] == "newcomer"
    assert came[2].payload["team"]["slug"] == "night-shift"
    assert client.get(path).status_code == 404


def test_a_collaborator_from_outside_may_do_what_was_given(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str
) -> None:
    receiver.clear()
    github.control("accounts/create", {"login": "helper"})
    github.control("collaborators/add", {"repository": repository, "login": "helper"})
    assert receiver.wait_for("member.added").payload["member"]["login"] == "helper"
    found = client.get(f"/repos/{repository}/collaborators?per_page=100").json()
    (mine,) = [one for one in found if one["login"] == "helper"]
    assert mine["role_name"] == "write"
    assert mine["permissions"] == {
        "pull": True,
        "triage": True,
        "push": True,
        "maintain": False,
        "admin": False,
    }


def test_a_team_can_be_asked_to_review(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str
) -> None:
    receiver.clear()
    pull = github.control("pulls/open", {"repository": repository})
    path = f"/repos/{repository}/pulls/{pull['number']}/requested_reviewers"
    asked = client.post(path, json={"team_reviewers": ["platform"]})
    assert asked.status_code == 201
    assert [one["slug"] for one in asked.json()["requested_teams"]] == ["platform"]
    told = receiver.wait_for("pull_request.review_requested").payload
    assert told["requested_team"]["slug"] == "platform"
    query = """query ($id: ID!) { node(id: $id) { ... on PullRequest { reviewRequests(first: 1) {
        nodes { requestedReviewer { ... on Team { id name combinedSlug } } } } } } }"""
    body = {"query": query, "variables": {"id": pull["node_id"]}}
    answer = client.post("/graphql", json=body).json()["data"]["node"]["reviewRequests"]
    team = answer["nodes"][0]["requestedReviewer"]
    assert team["combinedSlug"].endswith("/platform")
    body = {"query": "query ($id: ID!) { node(id: $id) { id } }", "variables": {"id": team["id"]}}
    assert client.post("/graphql", json=body).json()["data"]["node"]["id"] == team["id"]
    assert client.post(path, json={"team_reviewers": ["nobody"]}).status_code == 422
    # An App that may not read members sees by GraphQL that somebody is asked, and by REST who.
    with as_installation(github, permissions={"pull_requests": "read"}) as app:
        body = {"query": query, "variables": {"id": pull["node_id"]}}
        answer = app.post("/graphql", json=body).json()["data"]["node"]["reviewRequests"]
        assert answer["nodes"] == [{"requestedReviewer": None}]
        assert [one["slug"] for one in app.get(path).json()["teams"]] == ["platform"]
    removed = client.request("DELETE", path, json={"team_reviewers": ["platform"]})
    assert removed.json()["requested_teams"] == []
