"""Issues: every action carries the whole issue, so every action is the same upsert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from autosync.kinds._events import (
    Changes,
    Doubt,
    Event,
    Listing,
    Milestone,
    News,
    Owner,
    Resource,
    Tombstone,
    Upsert,
    When,
    author_of,
    beginning,
    clock,
    labels,
    logins,
    timestamp,
)
from autosync.kinds._graphql import (
    SHARED_FIELDS,
    Actor,
    Assignees,
    Counted,
    Labels,
    database_id,
    owner,
    owners,
)
from autosync.kinds._naming import on_label, on_milestone
from autosync.kinds._payload import Count, Id, Name, Word, read, reader
from autosync.mirror.feed import FeedLine
from autosync.mirror.models import Issue, PullRequest
from autosync.mirror.upsert import Merge, Row

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


class IssuePayload(msgspec.Struct):
    """OpenAPI schema `issue`, as webhooks carry it and REST shows and lists it."""

    id: Id
    number: Count
    title: str = ""
    created_at: When = None
    updated_at: When = None
    node_id: Name = ""
    body: str | None = None
    state: Word = ""
    state_reason: Annotated[str, msgspec.Meta(max_length=32)] | None = None
    user: Owner | None = None
    labels: list[Any] = []
    assignees: list[Owner | None] = []
    milestone: Milestone | None = None
    comments: Count = 0
    locked: bool = False
    html_url: str = ""
    closed_at: When = None
    pull_request: Any = None


class _IssueEvent(msgspec.Struct):
    issue: IssuePayload


_read = reader(_IssueEvent)


def row(issue: IssuePayload, repository_id: int) -> Row:
    author = author_of(issue.user)
    milestone = issue.milestone or Milestone()
    return {
        "github_issue_id": issue.id,
        "node_id": issue.node_id,
        "repository_id": repository_id,
        "number": issue.number,
        "title": issue.title,
        "body": issue.body or "",
        "state": issue.state or ("closed" if issue.closed_at else "open"),
        "state_reason": issue.state_reason or "",
        "author_id": author.id,
        "author_login": author.login,
        "labels": labels(issue.labels),
        "assignees": logins(issue.assignees),
        "milestone": milestone.title,
        "milestone_number": milestone.number,
        "comments_count": issue.comments,
        "locked": issue.locked,
        "html_url": issue.html_url,
        "created_at": beginning(issue.created_at, issue.updated_at),
        "closed_at": timestamp(issue.closed_at),
        "updated_at": clock(issue.updated_at),
    }


def row_from_rest(document: Mapping[str, Any], repository_id: int) -> Row | None:
    """A row from `GET /repos/{owner}/{repo}/issues` (one item) or `…/issues/{number}`; None for a
    pull request, which both show as an issue too.
    """
    issue = read(document, IssuePayload).value
    return None if _is_pull(issue) else row(issue, repository_id)


def _is_pull(issue: IssuePayload) -> bool:
    return issue.pull_request is not None or issue.html_url.endswith(f"/pull/{issue.number}")


def on_issues(event: Event) -> Changes:
    """Any action of `issues`, and `issue_comment`, which moves the count and the clock.

    Payload: {"action": "opened", "issue": {whole}, "repository": {whole}}
    """
    repository_id = event.repository_id
    if repository_id is None:
        return Changes()
    payload, amiss = _read(event.body)
    issue = payload.issue
    where = {"repository_id": repository_id, "number": issue.number}
    # Neither happens to a pull request, though an issue may then have an address like one.
    gone = event.name == "issues" and event.action in _GONE
    if _is_pull(issue) and not gone:
        # A comment on a pull request shows it as an issue, under the issue's id.
        return Changes(doubts=[Doubt(PullRequest, where)])
    changes = Changes(upserts=[Upsert(MERGE, [row(issue, repository_id)])])
    if amiss or not event.action:
        # Stored as far as it goes; GitHub is asked for the rest, perhaps that it was deleted.
        changes.doubts.append(Doubt(Issue, where))
    if gone:
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


# Without the argument a duplicate is said to be NOT_PLANNED:
# https://docs.github.com/graphql/reference/enums#issuestatereason
NODE_FIELDS = f"{SHARED_FIELDS} stateReason(enableDuplicate: true)"


class _Node(msgspec.Struct, rename="camel"):
    """GraphQL's `Issue`."""

    full_database_id: str | int | None = None
    id: Name = ""
    number: Count = 0
    title: str = ""
    body: str | None = None
    state: Word = ""
    state_reason: Annotated[str, msgspec.Meta(max_length=32)] | None = None
    author: Actor | None = None
    labels: Labels | None = None
    assignees: Assignees | None = None
    milestone: Milestone | None = None
    comments: Counted | None = None
    locked: bool = False
    url: str = ""
    created_at: When = None
    updated_at: When = None
    closed_at: When = None


def row_from_graphql(document: Mapping[str, Any], repository_id: int) -> Row:
    """A row from GraphQL's `Issue`, equal to the one the webhook of the same version gives."""
    node = read(document, _Node).value
    issue = IssuePayload(
        id=database_id(node.full_database_id),
        number=node.number,
        title=node.title,
        created_at=node.created_at,
        updated_at=node.updated_at,
        node_id=node.id,
        body=node.body,
        state=node.state.lower(),
        state_reason=(node.state_reason or "").lower(),
        user=owner(node.author),
        labels=node.labels.nodes if node.labels else [],
        assignees=owners(node.assignees),
        milestone=node.milestone,
        comments=node.comments.total_count if node.comments else 0,
        locked=node.locked,
        html_url=node.url,
        closed_at=node.closed_at,
    )
    return row(issue, repository_id)


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
