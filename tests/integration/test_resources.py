"""Every resource reads the same row from REST (as webhooks carry it) and from GraphQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from autosync.github import AppCredentials, InstallationClient, LocalBudget
from autosync.resources import issue, pull_request
from autosync.resources.base import Listing, timestamp
from githubsim.testing import Sim


@pytest.fixture(scope="module")
def github() -> Iterator[InstallationClient]:
    with Sim(repositories=3, commits=200, issues=120, pulls=80, install=False) as sim:
        installation = sim.control("install")
        app = AppCredentials(sim.app.id, private_key=Path(sim.app.pem).read_text(), api_url=sim.url)
        yield InstallationClient(app, installation["id"], LocalBudget())


def repositories(github: InstallationClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(
        github.get("/installation/repositories").content
    )["repositories"]
    return found


def listed(github: InstallationClient, listing: Listing, node_id: str) -> list[dict[str, Any]]:
    query = (
        "query($id: ID!, $after: String) { node(id: $id) { ... on Repository { page: "
        f"{listing.connection}(first: 50, after: $after, "
        "orderBy: {field: CREATED_AT, direction: ASC}) { pageInfo { hasNextPage endCursor } "
        f"nodes {{ {listing.node_fields} }} }} }} }} }}"
    )
    nodes: list[dict[str, Any]] = []
    after = None
    while True:
        page = github.graphql(query, {"id": node_id, "after": after}).data["node"]["page"]
        nodes += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return nodes
        after = page["pageInfo"]["endCursor"]


def test_issues_are_the_same_from_both(github: InstallationClient) -> None:
    count = 0
    for repository in repositories(github):
        by_number = {
            node["number"]: issue.row_from_graphql(node, repository["id"])
            for node in listed(github, issue.RESOURCE.listing, repository["node_id"])  # type: ignore[arg-type]
        }
        for page in github.pages(
            f"/repos/{repository['full_name']}/issues", {"state": "all", "per_page": 100}
        ):
            for item in msgspec.json.decode(page.content, type=list[issue.IssuePayload]):
                if item.pull_request is None:
                    assert issue.row(item, repository["id"]) == by_number.pop(item.number)
                    count += 1
        assert not by_number
    assert count > 50


def test_pull_requests_are_the_same_from_both(github: InstallationClient) -> None:
    count = 0
    for repository in repositories(github):
        for node in listed(github, pull_request.RESOURCE.listing, repository["node_id"]):  # type: ignore[arg-type]
            reply = github.get(f"/repos/{repository['full_name']}/pulls/{node['number']}")
            pull = msgspec.json.decode(reply.content, type=pull_request.PullRequestPayload)
            assert pull_request.row(pull, repository["id"]) == pull_request.row_from_graphql(
                node, repository["id"]
            )
            count += 1
    assert count > 50


def test_githubs_three_ways_to_write_a_moment() -> None:
    assert timestamp(0) == timestamp("1970-01-01T00:00:00Z")
    assert timestamp(None) is None
