"""Issues: every action carries the whole issue, so every action is the same upsert."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from autosync.mirror.feed import FeedLine
from autosync.mirror.models import Issue, PullRequest
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
    Tombstone,
    Upsert,
    author_of,
    graphql_login,
    labels,
    timestamp,
)
from autosync.resources.naming import on_label, on_milestone

MERGE = Merge(
    Issue,
    key=("github_issue_id",),
    columns=(
        "node_id",
        "repository_id",
        "number",
        "title",
        "body",
        "state",
        "state_reason",
        "author_id",
        "author_login",
        "labels",
        "assignees",
        "milestone",
        "milestone_number",
        "comments_count",
        "locked",
        "html_url",
        "created_at",
        "closed_at",
    ),
)
# Actions after which the issue is no longer here. (A transferred issue has a new id there.)
_GONE = frozenset({"deleted", "transferred"})


class Milestone(msgspec.Struct):
    title: str = ""
    number: int | None = None


class IssuePayload(msgspec.Struct):
    """OpenAPI schema `issue` as webhooks carry it."""

    id: int
    number: int
    title: str
    created_at: datetime
    updated_at: datetime
    node_id: str = ""
    body: str | None = None
    state: str = "open"
    state_reason: str | None = None
    user: Owner | None = None
    labels: list[dict[str, Any]] = []
    assignees: list[Owner | None] = []
    milestone: Milestone | None = None
    comments: int = 0
    locked: bool = False
    html_url: str = ""
    closed_at: datetime | None = None
    pull_request: dict[str, Any] | None = None


class _IssueEvent(msgspec.Struct):
    issue: IssuePayload


_decode = msgspec.json.Decoder(_IssueEvent).decode


def row(issue: IssuePayload, repository_id: int) -> Row:
    author = author_of(issue.user)
    return {
        "github_issue_id": issue.id,
        "node_id": issue.node_id,
        "repository_id": repository_id,
        "number": issue.number,
        "title": issue.title,
        "body": issue.body or "",
        "state": issue.state,
        "state_reason": issue.state_reason or "",
        "author_id": author.id,
        "author_login": author.login,
        "labels": labels(issue.labels),
        "assignees": sorted(a.login for a in issue.assignees if a),
        "milestone": issue.milestone.title if issue.milestone else "",
        "milestone_number": issue.milestone.number if issue.milestone else None,
        "comments_count": issue.comments,
        "locked": issue.locked,
        "html_url": issue.html_url,
        "created_at": issue.created_at,
        "closed_at": issue.closed_at,
        "updated_at": issue.updated_at,
    }


def on_issues(event: Event) -> Changes:
    """Any action of `issues`, and `issue_comment`, which moves the count and the clock.

    Payload: {"action": "opened", "issue": {whole}, "repository": {whole}}
    """
    repository_id = event.repository_id
    if repository_id is None:
        return Changes()
    issue = _decode(event.body).issue
    if issue.pull_request is not None:
        # A comment on a pull request shows it as an issue, under the issue's id.
        where = {"repository_id": repository_id, "number": issue.number}
        return Changes(doubts=[Doubt(PullRequest, where)])
    changes = Changes(upserts=[Upsert(MERGE, [row(issue, repository_id)])])
    if event.name == "issues" and event.action in _GONE:
        changes.tombstones.append(Tombstone(MERGE, [issue.id], event.received_at))
    changes.news.append(
        News(
            FeedLine(
                kind="issue" if event.name == "issues" else "comment",
                action=event.action,
                repository_id=repository_id,
                installation_id=event.installation_id,
                object_key=str(issue.number),
                title=issue.title,
                actor=event.actor,
                html_url=issue.html_url,
            ),
            table=MERGE.table,
            key=(issue.id,),
        )
    )
    return changes


NODE_FIELDS = f"""
id fullDatabaseId number title body state stateReason locked createdAt updatedAt closedAt url
author {{ {ACTOR_FIELDS} }}
labels(first: 50) {{ nodes {{ node_id: id name color }} }}
assignees(first: 20) {{ nodes {{ login }} }}
milestone {{ number title }}
comments {{ totalCount }}
"""


def row_from_graphql(node: Mapping[str, Any], repository_id: int) -> Row:
    """A row from GraphQL's `Issue`, equal to the one the webhook of the same version gives."""
    author = node.get("author")
    return {
        "github_issue_id": int(node["fullDatabaseId"]),
        "node_id": node["id"],
        "repository_id": repository_id,
        "number": node["number"],
        "title": node["title"],
        "body": node["body"] or "",
        "state": node["state"].lower(),
        "state_reason": (node.get("stateReason") or "").lower(),
        "author_id": (author or {}).get("databaseId"),
        "author_login": graphql_login(author),
        "labels": labels((node.get("labels") or {}).get("nodes") or []),
        "assignees": sorted(a["login"] for a in node["assignees"]["nodes"] if a),
        "milestone": (node.get("milestone") or {}).get("title") or "",
        "milestone_number": (node.get("milestone") or {}).get("number"),
        "comments_count": node["comments"]["totalCount"],
        "locked": node["locked"],
        "html_url": node["url"],
        "created_at": timestamp(node["createdAt"]),
        "closed_at": timestamp(node["closedAt"]),
        "updated_at": timestamp(node["updatedAt"]),
    }


RESOURCE = Resource(
    name="issue",
    merge=MERGE,
    handlers={
        "issues": on_issues,
        "issue_comment": on_issues,
        "label": on_label,
        "milestone": on_milestone,
    },
    listing=Listing(
        "issues",
        NODE_FIELDS,
        row_from_graphql,
        since=True,
        switch="has_issues",
        permission="issues",
    ),
    graphql_type="Issue",
)
