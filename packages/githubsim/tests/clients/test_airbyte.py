"""Airbyte's GitHub source: it checks the connection, discovers its streams and reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graphql import GraphQLObjectType

from githubsim.graphql.schema import schema
from tests.clients.counts import Truth, expected
from tests.clients.tools import python_of, run

CLIENT = "airbyte-source-github"
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
    rows = _read(access, [f"{some.split('/')[0]}/*"], streams, tmp_path)
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
    settings = _settings(access | {"token": "ghp_nobody"}, ["acme-labs/*"], tmp_path)
    said = _status(_source("check", "--config", settings, at=tmp_path))
    assert said["status"] == "FAILED"
    assert "401" in said["message"]


def _is_served(type_name: str, field: str) -> bool:
    found = schema().get_type(type_name)
    return isinstance(found, GraphQLObjectType) and field in found.fields


def _read(
    access: dict[str, Any], repositories: list[str], streams: list[str], folder: Path
) -> dict[str, list[dict[str, Any]]]:
    """The records of each stream, as check, discover and read give them."""
    settings = _settings(access, repositories, folder)
    assert _status(_source("check", "--config", settings, at=folder))["status"] == "SUCCEEDED"
    (catalog,) = [
        one["catalog"]
        for one in _source("discover", "--config", settings, at=folder)
        if one["type"] == "CATALOG"
    ]
    chosen = [
        {"stream": one, "sync_mode": "full_refresh", "destination_sync_mode": "append"}
        for one in catalog["streams"]
        if one["name"] in streams
    ]
    assert len(chosen) == len(streams)
    (folder / "catalog.json").write_text(json.dumps({"streams": chosen}))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in streams}
    what = ("read", "--config", settings, "--catalog", folder / "catalog.json")
    for one in _source(*what, at=folder):
        if one["type"] == "RECORD":
            found[one["record"]["stream"]].append(one["record"]["data"])
    return found


def _settings(access: dict[str, Any], repositories: list[str], folder: Path) -> Path:
    settings = folder / "config.json"
    settings.write_text(
        json.dumps(
            {
                "credentials": {
                    "option_title": "PAT Credentials",
                    "personal_access_token": access["token"],
                },
                "repositories": repositories,
                "start_date": "2000-01-01T00:00:00Z",
                "api_url": access["url"],
            }
        )
    )
    return settings


def _source(*words: str | Path, at: Path) -> list[dict[str, Any]]:
    program = python_of(CLIENT).parent / "source-github"
    lines = run([program, *words], cwd=at).splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def _status(messages: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = [one["connectionStatus"] for one in messages if one["type"] == "CONNECTION_STATUS"]
    return dict(found)
