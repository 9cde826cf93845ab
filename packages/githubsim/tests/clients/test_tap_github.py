"""tap-github, Meltano's Singer tap: it discovers its catalog and syncs the chosen streams."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from tests.clients.connectors import sync_with_tap_github
from tests.clients.counts import Truth, expected

STREAMS = {
    "commits": "commits",
    "branches": "branches",
    "tags": "tags",
    "issues": "issues",
    "pull_requests": "pulls",
    "issue_comments": "comments",
    "reviews": "reviews",
    "review_comments": "review_comments",
    "releases": "releases",
    "labels": "labels",
    "milestones": "milestones",
}


def test_discovers_and_syncs_an_organisation_as_an_app(
    access: dict[str, Any], truth: Truth, tmp_path: Path
) -> None:
    key = f"{access['app_id']};;{access['private_key']};;{access['installation_id']}"
    owner = next(iter(truth)).split("/")[0]
    config = {"organizations": [owner], "auth_app_keys": [key]}
    found, repositories = _sync(access["url"], config, tmp_path)
    assert repositories == {one["id"] for one in truth.values()}
    assert found == expected(truth, *STREAMS.values())


def test_syncs_repositories_named_one_by_one_with_a_token(
    access: dict[str, Any], truth: Truth, tmp_path: Path
) -> None:
    config = {"repositories": list(truth), "auth_token": access["token"]}
    found, repositories = _sync(access["url"], config, tmp_path)
    assert repositories == {one["id"] for one in truth.values()}
    assert found == expected(truth, *STREAMS.values())


def _sync(
    url: str, config: dict[str, Any], folder: Path
) -> tuple[dict[str, dict[str, int]], set[int]]:
    """Rows per repository and kind, and the ids of the repositories."""
    rows = sync_with_tap_github(url, config, list(STREAMS), folder)
    repositories = {row["full_name"]: row["id"] for stream, row in rows if stream == "repositories"}
    counts = Counter(
        (f"{row['org']}/{row['repo']}", STREAMS[stream])
        for stream, row in rows
        # Its issues are GitHub's: pull requests are among them.
        if stream in STREAMS and not (stream == "issues" and row["type"] == "pull_request")
    )
    found = {name: {kind: counts[name, kind] for kind in STREAMS.values()} for name in repositories}
    return found, set(repositories.values())
