"""Airbyte's GitHub source: it checks the connection, discovers its streams and reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphql import GraphQLObjectType

from githubsim.graphql.schema import schema
from tests.clients.connectors import (
    airbyte,
    airbyte_settings,
    airbyte_status,
    read_with_airbyte,
)
from tests.clients.counts import Truth, expected

STREAMS = {
    "commits": "commits",
    "branches": "branches",
    "tags": "tags",
    "issues": "issues",
    "pull_requests": "pulls",
    "comments": "comments",
    "review_comments": "review_comments",
    "issue_labels": "labels",
    "issue_milestones": "milestones",
}
# Read as soon as githubsim has the last field that their GraphQL query asks for.
LATER = {
    "reviews": ("reviews", "PullRequest", "reviews"),
    "pull_request_stats": ("pulls", "PullRequest", "mergeStateStatus"),
    "releases": ("releases", "Release", "mentions"),
}


def test_checks_discovers_and_reads_an_organisation(
    access: dict[str, Any], truth: Truth, tmp_path: Path
) -> None:
    some = next(iter(truth))
    kinds = STREAMS | {
        stream: kind for stream, (kind, *field) in LATER.items() if _is_served(*field)
    }
    streams = ["repositories", "projects_v2", *kinds]
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in streams}
    owner = some.split("/")[0]
    for stream, record in read_with_airbyte(access, [f"{owner}/*"], streams, tmp_path):
        rows[stream].append(record)
    # As most repositories have none.
    assert rows["projects_v2"] == []
    assert sorted(row["full_name"] for row in rows["repositories"]) == sorted(truth)
    found = {
        name: {
            stream: sum(1 for row in rows[stream] if row["repository"] == name) for stream in kinds
        }
        for name in truth
    }
    for name, known in truth.items():
        # Its issues are GitHub's: pull requests are among them.
        found[name]["issues"] -= known["pulls"]["total"]
    counted = expected(truth, *kinds.values())
    assert found == {
        name: {stream: counted[name][kind] for stream, kind in kinds.items()} for name in truth
    }


def test_refuses_a_token_that_github_does_not_know(access: dict[str, Any], tmp_path: Path) -> None:
    settings = airbyte_settings(access | {"token": "ghp_nobody"}, ["acme-labs/*"], tmp_path)
    said = airbyte_status(airbyte("check", "--config", settings, at=tmp_path))
    assert said["status"] == "FAILED"
    assert "401" in said["message"]


def _is_served(type_name: str, field: str) -> bool:
    found = schema().get_type(type_name)
    return isinstance(found, GraphQLObjectType) and field in found.fields
