"""A repository in which people talk: an issue and a pull request with all that hangs on them."""

from __future__ import annotations

from itertools import count
from typing import Any

from autosync.kinds import KINDS, SETS
from autosync.models import CommitFile, Issue, PullRequest, Repository
from tests.integration.api_rows import (
    T0,
    commit,
    issue,
    moment,
    pull_request,
    repository,
    review,
)

HOST = "https://github.com"
_ids = count(700_000)


def rocket(**but: Any) -> Repository:
    values: dict[str, Any] = {
        "html_url": f"{HOST}/acme/rocket",
        "sync_state": "synced",
        "default_branch": "main",
    }
    return repository(but.pop("full_name", "acme/rocket"), **values | but)


def comment(on: Issue | PullRequest, minutes: float = 1, **but: Any) -> Any:
    key = next(_ids)
    values: dict[str, Any] = {
        "github_id": key, "repository": on.repository, "issue_number": on.number,
        "author_login": "grace", "body": f"Comment {key}", "created_at": moment(minutes),
        "updated_at": moment(minutes), "observed_at": T0,
        "html_url": f"{HOST}/acme/rocket/issues/{on.number}#issuecomment-{key}",
    }  # fmt: skip
    return KINDS["issue_comment"].model.objects.create(**values | but)


def comments(on: Issue | PullRequest, how_many: int, **but: Any) -> list[Any]:
    """Many at once, a minute apart, which say their place."""
    model = KINDS["issue_comment"].model
    rows = []
    for place in range(1, how_many + 1):
        key = next(_ids)
        rows.append(
            model(
                github_id=key, repository=on.repository, issue_number=on.number,
                author_login="grace", body=f"Word {place}.", created_at=moment(place),
                updated_at=moment(place), observed_at=T0,
                html_url=f"{HOST}/acme/rocket/issues/{on.number}#issuecomment-{key}", **but,
            )
        )  # fmt: skip
    return list(model.objects.bulk_create(rows))


def reviewed(on: PullRequest, minutes: float = 2, **but: Any) -> Any:
    key = next(_ids)
    values: dict[str, Any] = {
        "github_id": key, "pull_number": on.number, "author_login": "linus",
        "submitted_at": moment(minutes),
        "html_url": f"{HOST}/acme/rocket/pull/{on.number}#pullrequestreview-{key}",
    }  # fmt: skip
    return review(on.repository, **values | but)


def remark(on: PullRequest, minutes: float = 2, **but: Any) -> Any:
    key = next(_ids)
    values: dict[str, Any] = {
        "github_id": key, "repository": on.repository, "pull_number": on.number,
        "author_login": "linus", "body": f"Remark {key}", "path": "wings/engine.py", "line": 12,
        "diff_hunk": "@@ -10,2 +10,3 @@\n def burn():\n-    pass\n+    ignite()",
        "created_at": moment(minutes), "updated_at": moment(minutes), "observed_at": T0,
        "html_url": f"{HOST}/acme/rocket/pull/{on.number}#discussion_r{key}",
    }  # fmt: skip
    return KINDS["review_comment"].model.objects.create(**values | but)


def thread(first: Any, **but: Any) -> Any:
    values: dict[str, Any] = {
        "node_id": f"PRRT_{first.pk}", "repository": first.repository, "path": first.path,
        "pull_number": first.pull_number, "first_comment_id": first.pk, "observed_at": T0,
    }  # fmt: skip
    return KINDS["review_thread"].model.objects.create(**values | but)


def asked(on: PullRequest, login: str, kind: str = "user") -> Any:
    return SETS["requested_reviewer"].model.objects.create(
        repository=on.repository, pull_number=on.number, reviewer_type=kind,
        reviewer_id=next(_ids), reviewer_login=login,
    )  # fmt: skip


def files(of: Any, how_many: int) -> None:
    CommitFile.objects.bulk_create(
        CommitFile(
            commit=of, repository=of.repository, position=place, path=f"wings/part_{place}.py",
            status="modified", additions=place, deletions=1,
        )
        for place in range(how_many)
    )  # fmt: skip


def an_issue(here: Repository, **but: Any) -> Issue:
    values: dict[str, Any] = {
        "number": 12, "title": "It does not fly", "author_login": "ada",
        "body": "It stays **down**.", "html_url": f"{HOST}/acme/rocket/issues/12",
        "labels": [{"name": "bug", "color": "d73a4a"}], "assignees": ["grace"],
        "milestone": "First flight", "milestone_number": 3,
    }  # fmt: skip
    return issue(here, **values | but)


def a_pull_request(here: Repository, **but: Any) -> PullRequest:
    values: dict[str, Any] = {
        "number": 13, "title": "Make it fly", "author_login": "grace", "body": "Fixes #12.",
        "html_url": f"{HOST}/acme/rocket/pull/13", "head_ref": "wings", "base_ref": "main",
        "head_sha": "a" * 40, "additions": 120, "deletions": 7, "changed_files": 4,
        "commits_count": 3,
    }  # fmt: skip
    return pull_request(here, **values | but)


__all__ = ["commit", "moment"]
