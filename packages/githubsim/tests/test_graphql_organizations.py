"""Organisations from inside over GraphQL: members with roles, teams and what they work on."""

import httpx
import pytest

from githubsim.testing import Sim
from tests.client import as_installation
from tests.test_graphql import good, problem

TEAMS = """query ($org: String!, $after: String) { organization(login: $org) {
  teams(first: 3, after: $after) { totalCount pageInfo { hasNextPage endCursor } nodes {
    slug databaseId privacy parentTeam { slug }
    childTeams(first: 10) { nodes { slug } }
    members(first: 100) { totalCount edges { role node { login } } }
    repositories(first: 100) { edges { permission node { nameWithOwner } } } } } } }"""
MEMBERS = """query ($org: String!) { organization(login: $org) {
  membersWithRole(first: 100) { totalCount edges { role node { login } } } } }"""


@pytest.fixture
def org(repository: str) -> str:
    return repository.split("/")[0]


def test_teams_are_those_of_rest(client: httpx.Client, org: str) -> None:
    found = []
    after = None
    while True:
        page = good(client, TEAMS, org=org, after=after)["organization"]["teams"]
        found += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    teams = client.get(f"/orgs/{org}/teams").json()
    assert [one["slug"] for one in found] == [one["slug"] for one in teams]
    assert page["totalCount"] == len(found)
    for one in found:
        path = f"/orgs/{org}/teams/{one['slug']}"
        members = client.get(f"{path}/members?per_page=100").json()
        assert [edge["node"]["login"] for edge in one["members"]["edges"]] == [
            who["login"] for who in members
        ]
        work = client.get(f"{path}/repos?per_page=100").json()
        assert [
            (e["node"]["nameWithOwner"], e["permission"]) for e in one["repositories"]["edges"]
        ] == [(repository["full_name"], repository["role_name"].upper()) for repository in work]
    by_slug = {one["slug"]: one for one in found}
    assert by_slug["platform"]["childTeams"]["nodes"] == [{"slug": "security"}]
    assert by_slug["security"]["parentTeam"] == {"slug": "platform"}


def test_members_have_roles_and_one_team_is_found_by_its_slug(
    client: httpx.Client, org: str
) -> None:
    found = good(client, MEMBERS, org=org)["organization"]["membersWithRole"]
    admins = client.get(f"/orgs/{org}/members?role=admin").json()
    assert found["totalCount"] == len(client.get(f"/orgs/{org}/members?per_page=100").json())
    assert [one["node"]["login"] for one in found["edges"] if one["role"] == "ADMIN"] == [
        one["login"] for one in admins
    ]
    query = """query ($org: String!, $slug: String!, $who: [String!]) { organization(login: $org) {
      team(slug: $slug) { name } teams(first: 9, userLogins: $who) { nodes { slug } } } }"""
    lead = client.get(f"/orgs/{org}/teams/docs/members?role=maintainer").json()[0]["login"]
    one = good(client, query, org=org, slug="docs", who=[lead])["organization"]
    assert one["team"]["name"].lower() == "docs"
    assert "docs" in {team["slug"] for team in one["teams"]["nodes"]}


def test_without_the_permission_teams_are_forbidden(github: Sim, org: str) -> None:
    with as_installation(github, permissions={"issues": "read"}) as narrowed:
        for query in (TEAMS, MEMBERS):
            assert problem(narrowed, query, org=org)["type"] == "FORBIDDEN"


def test_there_are_no_projects(client: httpx.Client, repository: str) -> None:
    owner, name = repository.split("/")
    query = """query ($o: String!, $r: String!) {
      repository(owner: $o, name: $r) { projectsV2(first: 10) { totalCount nodes { title } } }
      organization(login: $o) { projectsV2(first: 10) { totalCount nodes { owner { id } } } } }"""
    nothing = {"projectsV2": {"totalCount": 0, "nodes": []}}
    found = good(client, query, o=owner, r=name)
    assert found == {"repository": nothing, "organization": nothing}


def test_an_organisation_is_found_by_its_id_as_its_links_have_it(
    client: httpx.Client, org: str
) -> None:
    """Link headers name organisations and teams by id: pksunkara/octonode#114."""
    number = client.get(f"/orgs/{org}").json()["id"]
    first = client.get(f"/orgs/{org}/teams?per_page=1")
    assert f"/organizations/{number}/teams?" in first.links["next"]["url"]
    assert client.get(first.links["next"]["url"]).status_code == 200
    assert client.get(f"/organizations/{number}/teams").json() == (
        client.get(f"/orgs/{org}/teams").json()
    )
    team = client.get(f"/orgs/{org}/teams").json()[0]
    people = client.get(f"/orgs/{org}/teams/{team['slug']}/members?per_page=1")
    if people.links:
        assert f"/organizations/{number}/team/{team['id']}/members?" in people.links["next"]["url"]
    assert client.get("/organizations/1/teams").status_code == 404


def test_collaborators_are_those_of_rest(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    owner, name = repository.split("/")
    github.control("accounts/create", {"login": "from-outside"})
    github.control("collaborators/add", {"repository": repository, "login": "from-outside"})
    query = """query ($o: String!, $r: String!, $a: CollaboratorAffiliation) {
      repository(owner: $o, name: $r) { collaborators(first: 100, affiliation: $a) {
        totalCount edges { permission node { databaseId } } } } }"""
    page = good(client, query, o=owner, r=name)["repository"]["collaborators"]
    listed = client.get(f"/repos/{repository}/collaborators?per_page=100").json()
    assert [(edge["node"]["databaseId"], edge["permission"]) for edge in page["edges"]] == [
        (one["id"], one["role_name"].upper()) for one in listed
    ]
    assert page["totalCount"] == len(listed)
    page = good(client, query, o=owner, r=name, a="OUTSIDE")["repository"]["collaborators"]
    assert [edge["permission"] for edge in page["edges"]] == ["WRITE"]
