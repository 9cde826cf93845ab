"""Pull requests: real rows with their branches, sizes and fate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from autosync.mirror.feed import FeedLine
from autosync.mirror.models import PullRequest
from autosync.mirror.upsert import Merge, Row
from autosync.resources.base import (
    ACTOR_FIELDS,
    Changes,
    Doubt,
    Event,
    Listing,
    News,
    Owner,
    Resource,
    Upsert,
    author_of,
    graphql_login,
    labels,
    timestamp,
)
from autosync.resources.issue import Milestone

MERGE = Merge(
    PullRequest,
    key=("github_id",),
    columns=(
        "node_id",
        "repository_id",
        "number",
        "title",
        "body",
        "state",
        "draft",
        "merged",
        "author_id",
        "author_login",
        "base_ref",
        "base_sha",
        "head_ref",
        "head_sha",
        "head_repository",
        "head_repository_id",
        "merge_commit_sha",
        "merged_by_login",
        "additions",
        "deletions",
        "changed_files",
        "commits_count",
        "comments_count",
        "labels",
        "assignees",
        "milestone",
        "milestone_number",
        "locked",
        "html_url",
        "created_at",
        "closed_at",
        "merged_at",
    ),
)


class _Side(msgspec.Struct):
    ref: str = ""
    sha: str = ""
    repo: dict[str, Any] | None = None  # null: the fork is gone


class PullRequestPayload(msgspec.Struct):
    """OpenAPI schema `pull-request` as the `pull_request` webhook carries it."""

    id: int
    number: int
    title: str
    created_at: datetime
    updated_at: datetime
    head: _Side
    base: _Side
    node_id: str = ""
    body: str | None = None
    state: str = "open"
    draft: bool | None = False
    merged: bool | None = False
    user: Owner | None = None
    merge_commit_sha: str | None = None
    merged_by: Owner | None = None
    additions: int | None = None
    deletions: int | None = None
    changed_files: int | None = None
    commits: int | None = None
    comments: int | None = 0
    labels: list[dict[str, Any]] = []
    assignees: list[Owner | None] = []
    milestone: Milestone | None = None
    locked: bool = False
    html_url: str = ""
    closed_at: datetime | None = None
    merged_at: datetime | None = None


class _PullRequestEvent(msgspec.Struct):
    pull_request: PullRequestPayload


_decode = msgspec.json.Decoder(_PullRequestEvent).decode


def row(pull: PullRequestPayload, repository_id: int) -> Row:
    author = author_of(pull.user)
    merged = bool(pull.merged)
    head = pull.head.repo or {}
    return {
        "github_id": pull.id,
        "node_id": pull.node_id,
        "repository_id": repository_id,
        "number": pull.number,
        "title": pull.title,
        "body": pull.body or "",
        "state": pull.state,
        "draft": bool(pull.draft),
        "merged": merged,
        "author_id": author.id,
        "author_login": author.login,
        "base_ref": pull.base.ref,
        "base_sha": pull.base.sha,
        "head_ref": pull.head.ref,
        "head_sha": pull.head.sha,
        "head_repository": str(head.get("full_name") or ""),
        "head_repository_id": head.get("id"),
        # Before the merge REST shows the test merge here, which GraphQL does not.
        "merge_commit_sha": (pull.merge_commit_sha or "") if merged else "",
        "merged_by_login": pull.merged_by.login if pull.merged_by else "",
        "additions": pull.additions,
        "deletions": pull.deletions,
        "changed_files": pull.changed_files,
        "commits_count": pull.commits,
        "comments_count": pull.comments or 0,
        "labels": labels(pull.labels),
        "assignees": sorted(a.login for a in pull.assignees if a),
        "milestone": pull.milestone.title if pull.milestone else "",
        "milestone_number": pull.milestone.number if pull.milestone else None,
        "locked": pull.locked,
        "html_url": pull.html_url,
        "created_at": pull.created_at,
        "closed_at": pull.closed_at,
        "merged_at": pull.merged_at,
        "updated_at": pull.updated_at,
    }


def on_pull_request(event: Event) -> Changes:
    """Any action of `pull_request`.

    Payload: {"action": "closed", "number": 7, "pull_request": {whole, with "merged"}, …}
    """
    repository_id = event.repository_id
    if repository_id is None:
        return Changes()
    pull = _decode(event.body).pull_request
    action = "merged" if event.action == "closed" and pull.merged else event.action
    line = FeedLine(
        kind="pull_request",
        action=action,
        repository_id=repository_id,
        installation_id=event.installation_id,
        object_key=str(pull.number),
        title=pull.title,
        actor=event.actor,
        html_url=pull.html_url,
    )
    return Changes(
        upserts=[Upsert(MERGE, [row(pull, repository_id)])],
        news=[News(line, table=MERGE.table, key=(pull.id,))],
    )


class _Numbered(msgspec.Struct):
    number: int


class _ReviewEvent(msgspec.Struct):
    pull_request: _Numbered


_decode_review = msgspec.json.Decoder(_ReviewEvent).decode


def on_review(event: Event) -> Changes:
    """A review or a comment of one moves the pull request's clock, and no `pull_request` is sent.

    Payload: {"action": "submitted", "review": {…}, "pull_request": {without counts}}; so GitHub is
    asked for the whole.
    """
    if event.repository_id is None:
        return Changes()
    number = _decode_review(event.body).pull_request.number
    where = {"repository_id": event.repository_id, "number": number}
    return Changes(doubts=[Doubt(PullRequest, where)])


NODE_FIELDS = f"""
id fullDatabaseId number title body state isDraft merged mergedAt locked
mergedBy {{ __typename login }} mergeCommit {{ oid }}
createdAt updatedAt closedAt url
author {{ {ACTOR_FIELDS} }}
baseRefName baseRefOid headRefName headRefOid headRepository {{ databaseId nameWithOwner }}
additions deletions changedFiles
commits {{ totalCount }} comments {{ totalCount }}
labels(first: 50) {{ nodes {{ node_id: id name color }} }}
assignees(first: 20) {{ nodes {{ login }} }}
milestone {{ number title }}
"""


def row_from_graphql(node: Mapping[str, Any], repository_id: int) -> Row:
    """A row from GraphQL's `PullRequest`, equal to the webhook's of the same version.

    GraphQL has three states where REST has two and a flag: MERGED is closed and merged.
    """
    author = node.get("author")
    merged = bool(node["merged"])
    head = node.get("headRepository") or {}
    return {
        "github_id": int(node["fullDatabaseId"]),
        "node_id": node["id"],
        "repository_id": repository_id,
        "number": node["number"],
        "title": node["title"],
        "body": node["body"] or "",
        "state": "open" if node["state"] == "OPEN" else "closed",
        "draft": node["isDraft"],
        "merged": merged,
        "author_id": (author or {}).get("databaseId"),
        "author_login": graphql_login(author),
        "base_ref": node["baseRefName"],
        "base_sha": node["baseRefOid"],
        "head_ref": node["headRefName"],
        "head_sha": node["headRefOid"],
        "head_repository": head.get("nameWithOwner") or "",
        "head_repository_id": head.get("databaseId"),
        "merge_commit_sha": ((node.get("mergeCommit") or {}).get("oid") or "") if merged else "",
        "merged_by_login": graphql_login(node.get("mergedBy")),
        "additions": node["additions"],
        "deletions": node["deletions"],
        "changed_files": node["changedFiles"],
        "commits_count": node["commits"]["totalCount"],
        "comments_count": node["comments"]["totalCount"],
        "labels": labels((node.get("labels") or {}).get("nodes") or []),
        "assignees": sorted(a["login"] for a in node["assignees"]["nodes"] if a),
        "milestone": (node.get("milestone") or {}).get("title") or "",
        "milestone_number": (node.get("milestone") or {}).get("number"),
        "locked": node["locked"],
        "html_url": node["url"],
        "created_at": timestamp(node["createdAt"]),
        "closed_at": timestamp(node["closedAt"]),
        "merged_at": timestamp(node["mergedAt"]),
        "updated_at": timestamp(node["updatedAt"]),
    }


RESOURCE = Resource(
    name="pull_request",
    merge=MERGE,
    handlers={
        "pull_request": on_pull_request,
        "pull_request_review": on_review,
        "pull_request_review_comment": on_review,
        "pull_request_review_thread": on_review,
    },
    listing=Listing(
        "pullRequests",
        NODE_FIELDS,
        row_from_graphql,
        since=False,
        switch="has_pull_requests",
        permission="pull_requests",
    ),
    graphql_type="PullRequest",
)
