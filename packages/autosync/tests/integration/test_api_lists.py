"""The API's lists: what they show, and what each filter leaves."""

from __future__ import annotations

from typing import Any

import pytest

from autosync.mirror.models import Contributor
from tests.integration.api_rows import (
    T0,
    client_with,
    commit,
    installation,
    issue,
    moment,
    pull_request,
    repository,
)

pytestmark = pytest.mark.django_db


def found(path: str, key: str = "id", **query: Any) -> list[Any]:
    """One field of every item of a list."""
    answer = client_with("read").get(f"/api/{path}/", query)
    assert answer.status_code == 200, answer.content
    return [item[key] for item in answer.json()["items"]]


def test_installations_without_those_uninstalled() -> None:
    shown = installation()
    asleep = installation(suspended_at=T0)
    installation(deleted_at=T0)
    assert found("installations") == [shown.pk, asleep.pk]
    assert found("installations", suspended="true") == [asleep.pk]
    assert found("installations", order="-id") == [asleep.pk, shown.pk]


def test_repositories_that_may_be_seen_only() -> None:
    shown = repository("acme/shown")
    repository("acme/deleted", deleted_at=T0)
    repository("acme/removed", removed_at=T0)
    repository("gone/one", installation=installation(deleted_at=T0))
    assert found("repositories") == [shown.pk]


@pytest.mark.parametrize("path", ["commits", "issues", "pull-requests", "contributors"])
def test_rows_of_repositories_that_may_be_seen_only(path: str) -> None:
    hidden = [repository("acme/deleted", deleted_at=T0), repository("acme/removed", removed_at=T0)]
    shown = repository("acme/shown")
    for repo in [*hidden, shown]:
        commit(repo)
        issue(repo)
        pull_request(repo)
        Contributor.objects.create(repository=repo, identity="user:1")
    assert [r["full_name"] for r in found(path, "repository")] == ["acme/shown"]
    for repo in hidden:
        for name in (repo.pk, repo.full_name):
            answer = client_with("read").get(f"/api/{path}/", {"repository": name})
            assert answer.status_code == 404
            assert "/api/repositories/" in answer.json()["error"]


def test_rows_without_a_tombstone_only() -> None:
    repo = repository()
    commit(repo, deleted_at=T0)
    issue(repo, deleted_at=T0)
    pull_request(repo, deleted_at=T0)
    for path in ("commits", "issues", "pull-requests"):
        assert found(path, "repository") == []


def test_one_repository_by_its_github_id() -> None:
    repo = repository("acme/rocket", description="to the moon", stargazers_count=3)
    client = client_with("read")
    shown = client.get(f"/api/repositories/{repo.pk}/").json()
    assert shown["full_name"] == "acme/rocket"
    assert shown["stargazers_count"] == 3
    assert shown["sync_state"] == "pending"
    assert client.get("/api/repositories/1/").status_code == 404
    assert client.get(f"/api/repositories/{2**70}/").status_code == 404


def test_repositories_by_what_they_are() -> None:
    first = repository("acme/Rocket", language="Python", pushed_at=moment(1))
    second = repository(
        "acme/moon", description="Goal of the ROCKET", archived=True, pushed_at=moment(2),
        sync_state="synced", installation=installation(),
    )  # fmt: skip
    assert found("repositories", search="rocket", order="-pushed_at") == [second.pk, first.pk]
    assert found("repositories", language="python") == [first.pk]
    assert found("repositories", archived="true") == [second.pk]
    assert found("repositories", state="synced") == [second.pk]
    assert found("repositories", installation=second.installation_id) == [second.pk]


def test_commits_by_repository_author_time_and_text() -> None:
    one, other = repository("acme/one"), repository("acme/other")
    a = commit(one, message="Fix the engine", author_login="Ann", committed_at=moment(1))
    b = commit(one, author_email="bob@example.org", committed_at=moment(2), on_default_branch=True)
    c = commit(other, author_name="Carl", committed_at=moment(3))
    assert found("commits", "sha") == [c.sha, b.sha, a.sha]
    assert found("commits", "sha", order="committed_at") == [a.sha, b.sha, c.sha]
    assert found("commits", "sha", repository="ACME/one") == [b.sha, a.sha]
    assert found("commits", "sha", repository=other.pk) == [c.sha]
    assert found("commits", "sha", author="ann") == [a.sha]
    assert found("commits", "sha", author="bob@example.org") == [b.sha]
    assert found("commits", "sha", author="carl") == [c.sha]
    assert found("commits", "sha", on_default_branch="true") == [b.sha]
    assert found("commits", "sha", since=moment(2).isoformat()) == [c.sha, b.sha]
    assert found("commits", "sha", until="2024-05-01T12:02:00Z") == [a.sha]
    assert found("commits", "sha", since="2024-05-02") == []
    assert found("commits", "sha", search="ENGINE") == [a.sha]
    assert found("commits", "sha", search=b.sha) == [b.sha]
    assert found("commits", "sha", search="100%_") == []
    assert found("commits", "sha", repository=one.pk, installation=1) == []
    assert found("commits", "sha", installation=one.installation_id) == [c.sha, b.sha, a.sha]


def test_issues_by_state_people_and_labels() -> None:
    repo = repository()
    bug = {"name": "bug", "color": "f00"}
    a = issue(repo, title="It burns", labels=[bug], author_login="Ann", updated_at=moment(1))
    b = issue(
        repo, state="closed", labels=[bug, {"name": "hot", "color": ""}], assignees=["bob"],
        milestone="v1", updated_at=moment(2),
    )  # fmt: skip
    assert found("issues") == [b.pk, a.pk]
    assert found("issues", state="open") == [a.pk]
    assert found("issues", author="ann") == [a.pk]
    assert found("issues", assignee="bob") == [b.pk]
    assert found("issues", label="bug") == [b.pk, a.pk]
    assert found("issues", label=["bug", "hot"]) == [b.pk]
    assert found("issues", milestone="v1") == [b.pk]
    assert found("issues", search="BURN") == [a.pk]
    assert found("issues", since=moment(2).isoformat()) == [b.pk]
    assert found("issues", order="number") == [a.pk, b.pk]
    assert found("issues", "labels", label="hot") == [[bug, {"name": "hot", "color": ""}]]


def test_pull_requests_by_state_and_branches() -> None:
    repo = repository()
    a = pull_request(repo, draft=True, head_ref="topic", updated_at=moment(1))
    b = pull_request(repo, state="closed", updated_at=moment(2))
    c = pull_request(
        repo, state="closed", merged=True, base_ref="main", additions=5, updated_at=moment(3)
    )
    assert found("pull-requests") == [c.pk, b.pk, a.pk]
    assert found("pull-requests", state="open") == [a.pk]
    assert found("pull-requests", state="closed") == [c.pk, b.pk]
    assert found("pull-requests", state="merged") == [c.pk]
    assert found("pull-requests", draft="true") == [a.pk]
    assert found("pull-requests", base="main") == [c.pk]
    assert found("pull-requests", head="topic") == [a.pk]
    assert found("pull-requests", "additions", base="main") == [5]


def test_contributors_with_most_commits_first() -> None:
    repo = repository()
    for login, contributions in (("ann", 3), ("bob", 7)):
        Contributor.objects.create(
            repository=repo, identity=f"login:{login}", login=login, contributions=contributions
        )
    assert found("contributors", "login") == ["bob", "ann"]
    assert found("contributors", "login", search="AN") == ["ann"]
