"""Members, teams and collaborators changed over REST, and what the App hears of it."""

from collections.abc import Iterator

import httpx
import pytest

from githubsim.receiver import Receiver
from githubsim.testing import Sim


@pytest.fixture
def org(repository: str) -> str:
    return repository.split("/")[0]


@pytest.fixture
def owner(github: Sim, org: str, client: httpx.Client) -> Iterator[httpx.Client]:
    """A person who owns the organisation."""
    login = client.get(f"/orgs/{org}/members?role=admin").json()[0]["login"]
    personal = github.control("token", {"login": login})["token"]
    headers = {"Authorization": f"Bearer {personal}"}
    with httpx.Client(base_url=github.url, headers=headers) as client:
        yield client


def heard(github: Sim, receiver: Receiver) -> list[str]:
    assert github.control("webhooks/wait", {"timeout": 30})["delivered"]
    return [one.name for one in receiver.received]


def quiet(github: Sim, receiver: Receiver) -> None:
    assert github.control("webhooks/wait", {"timeout": 30})["delivered"]
    receiver.clear()


def test_a_team_is_made_renamed_and_dissolved_with_its_children(
    github: Sim, receiver: Receiver, owner: httpx.Client, org: str
) -> None:
    quiet(github, receiver)
    me = owner.get("/user").json()["login"]
    made = owner.post(f"/orgs/{org}/teams", json={"name": "Night Shift"}).json()
    assert (made["slug"], made["privacy"], made["members_count"]) == ("night-shift", "secret", 1)
    child = {"name": "Early Shift", "parent_team_id": made["id"]}
    assert owner.post(f"/orgs/{org}/teams", json=child).json()["parent"]["slug"] == "night-shift"
    path = f"/orgs/{org}/teams/night-shift"
    assert owner.get(f"{path}/memberships/{me}").json()["role"] == "maintainer"
    renamed = owner.patch(path, json={"name": "Late Shift"})
    assert (renamed.status_code, renamed.json()["slug"]) == (201, "late-shift")
    assert owner.get(path).status_code == 404
    path = f"/orgs/{org}/teams/late-shift"
    assert owner.patch(path, json={"name": "Late Shift"}).status_code == 200
    assert owner.delete(path).status_code == 204
    assert owner.get(f"/orgs/{org}/teams/early-shift").status_code == 404
    assert heard(github, receiver) == [
        "team.created",
        "membership.added",
        "team.created",
        "membership.added",
        "team.edited",
        "team.deleted",
        "team.deleted",
    ]
    (edited,) = [one for one in receiver.received if one.name == "team.edited"]
    assert edited.payload["changes"] == {"name": {"from": "Night Shift"}}


def test_a_team_is_given_a_repository_and_loses_it(
    github: Sim,
    receiver: Receiver,
    client: httpx.Client,
    owner: httpx.Client,
    org: str,
    repository: str,
) -> None:
    owner.post(f"/orgs/{org}/teams", json={"name": "Gardeners"})
    path = f"/orgs/{org}/teams/gardeners/repos/{repository}"
    quiet(github, receiver)
    assert client.get(path).status_code == 404
    assert client.put(path, json={"permission": "triage"}).status_code == 204
    assert client.put(path, json={"permission": "triage"}).status_code == 204
    media = {"Accept": "application/vnd.github.v3.repository+json"}
    assert client.get(path, headers=media).json()["role_name"] == "triage"
    assert client.put(path, json={"permission": "admin"}).status_code == 204
    assert client.delete(path).status_code == 204
    assert client.delete(path).status_code == 204
    assert heard(github, receiver) == [
        "team.added_to_repository",
        "team_add",
        "team.edited",
        "team.removed_from_repository",
    ]
    told = receiver.received[1].payload
    assert (told["team"]["slug"], told["repository"]["full_name"]) == ("gardeners", repository)
    assert owner.delete(f"/orgs/{org}/teams/gardeners").status_code == 204


def test_somebody_joins_by_a_team_and_leaves_all_of_them_at_once(
    github: Sim, receiver: Receiver, owner: httpx.Client, org: str
) -> None:
    github.control("accounts/create", {"login": "joiner"})
    quiet(github, receiver)
    place = f"/orgs/{org}/teams/docs/memberships/joiner"
    assert owner.put(place).json()["role"] == "member"
    assert owner.put(place, json={"role": "maintainer"}).json()["role"] == "maintainer"
    mine = f"/orgs/{org}/memberships/joiner"
    assert owner.get(mine).json()["role"] == "member"
    assert owner.put(mine, json={"role": "admin"}).json()["role"] == "admin"
    assert owner.delete(mine).status_code == 204
    assert owner.get(place).status_code == 404
    assert heard(github, receiver) == [
        "organization.member_added",
        "membership.added",
        "membership.removed",
        "organization.member_removed",
    ]


def test_a_collaborators_access_grows_and_ends(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str
) -> None:
    github.control("accounts/create", {"login": "gardener"})
    quiet(github, receiver)
    path = f"/repos/{repository}/collaborators/gardener"
    for level in ("pull", "maintain", "maintain"):
        assert client.put(path, json={"permission": level}).status_code == 204
    assert client.get(f"{path}/permission").json()["role_name"] == "maintain"
    assert client.delete(path).status_code == 204
    assert heard(github, receiver) == ["member.added", "member.edited", "member.removed"]
    edited = receiver.received[1].payload["changes"]
    assert edited == {"permission": {"from": "read", "to": "maintain"}}


def test_the_app_that_may_only_read_members_changes_none(client: httpx.Client, org: str) -> None:
    for method, path in (
        ("POST", f"/orgs/{org}/teams"),
        ("DELETE", f"/orgs/{org}/teams/docs"),
        ("PUT", f"/orgs/{org}/memberships/somebody"),
    ):
        answer = client.request(method, path, json={})
        assert (answer.status_code, answer.json()["message"]) == (
            403,
            "Resource not accessible by integration",
        )


def test_public_memberships_are_ones_own_to_show(
    github: Sim, owner: httpx.Client, org: str
) -> None:
    me = owner.get("/user").json()["login"]
    path = f"/orgs/{org}/public_members/{me}"
    assert owner.put(path).status_code == 204
    with httpx.Client(base_url=github.url) as stranger:
        assert stranger.get(path).status_code == 204
        assert [one["login"] for one in stranger.get(f"/users/{me}/orgs").json()] == [org]
        assert owner.delete(path).status_code == 204
        assert stranger.get(path).status_code == 404
        assert stranger.put(path).status_code == 401
