"""What type checkers make of declared columns: `make lint` checks this file, nothing runs it."""

from __future__ import annotations

from datetime import datetime
from typing import assert_type

from django.db.models import QuerySet

from autosync.models import Commit, Issue, PullRequest, Repository


def _columns(issue: Issue, pull: PullRequest) -> None:
    assert_type(issue.github_issue_id, int)
    assert_type(issue.number, int)
    assert_type(issue.title, str)
    assert_type(issue.state, str)
    assert_type(issue.author_id, int | None)
    assert_type(issue.author_login, str)
    assert_type(issue.labels, list[dict[str, str]])
    assert_type(issue.assignees, list[str])
    assert_type(issue.locked, bool)
    assert_type(issue.created_at, datetime)
    assert_type(issue.closed_at, datetime | None)
    assert_type(issue.repository, Repository)
    assert_type(issue.repository_id, int)
    assert_type(pull.head_repository_id, int | None)
    assert_type(pull.merge_commit_sha, str)


def _told_by_git(commit: Commit) -> None:
    assert_type(commit.sha, str)
    assert_type(commit.authored_at, datetime | None)
    assert_type(commit.author_user_id, int | None)
    assert_type(commit.orphaned_at, datetime | None)
    assert_type(commit.on_default_branch, bool)


def _queries() -> None:
    assert_type(Issue.objects.values_list("number", flat=True), QuerySet[Issue, int])
    Issue.objects.filter(nothing_of_it=1)  # type: ignore[misc]
