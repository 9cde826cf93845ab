"""Pull requests: real rows with their branches, sizes and fate."""

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
from autosync.kinds._payload import Count, Id, Name, Word, read, reader
from autosync.mirror.feed import FeedLine
from autosync.mirror.models import PullRequest
from autosync.mirror.upsert import Merge, Row

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


# What `GET /repos/{owner}/{repo}/pulls` (OpenAPI schema `pull-request-simple`) does not show.
NOT_LISTED = frozenset(
    {
        "merged_by_login",
        "additions",
        "deletions",
        "changed_files",
        "commits_count",
        "comments_count",
    }
)


class _Head(msgspec.Struct):
    id: Id | None = None
    full_name: Annotated[str, msgspec.Meta(max_length=511)] = ""


class _Side(msgspec.Struct):
    ref: str = ""
    sha: Annotated[str, msgspec.Meta(max_length=64)] = ""
    repo: _Head | None = None  # null: the fork is gone


class PullRequestPayload(msgspec.Struct):
    """OpenAPI schema `pull-request`, as webhooks carry it and REST shows it; lists have less."""

    id: Id
    number: Count
    title: str = ""
    created_at: When = None
    updated_at: When = None
    head: _Side = msgspec.field(default_factory=_Side)
    base: _Side = msgspec.field(default_factory=_Side)
    node_id: Name = ""
    body: str | None = None
    state: Word = ""
    draft: bool | None = False
    merged: bool | None = None
    user: Owner | None = None
    merge_commit_sha: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    merged_by: Owner | None = None
    additions: Count | None = None
    deletions: Count | None = None
    changed_files: Count | None = None
    commits: Count | None = None
    comments: Count | None = 0
    labels: list[Any] = []
    assignees: list[Owner | None] = []
    milestone: Milestone | None = None
    locked: bool = False
    html_url: str = ""
    closed_at: When = None
    merged_at: When = None


class _PullRequestEvent(msgspec.Struct):
    pull_request: PullRequestPayload


_read = reader(_PullRequestEvent)


def row(pull: PullRequestPayload, repository_id: int) -> Row:
    author = author_of(pull.user)
    merged = _merged(pull)
    head = pull.head.repo or _Head()
    milestone = pull.milestone or Milestone()
    closed = merged or pull.closed_at is not None
    return {
        "github_id": pull.id,
        "node_id": pull.node_id,
        "repository_id": repository_id,
        "number": pull.number,
        "title": pull.title,
        "body": pull.body or "",
        "state": pull.state or ("closed" if closed else "open"),
        "draft": bool(pull.draft),
        "merged": merged,
        "author_id": author.id,
        "author_login": author.login,
        "base_ref": pull.base.ref,
        "base_sha": pull.base.sha,
        "head_ref": pull.head.ref,
        "head_sha": pull.head.sha,
        "head_repository": head.full_name,
        "head_repository_id": head.id,
        # Before the merge REST shows the test merge here, which GraphQL does not.
        "merge_commit_sha": (pull.merge_commit_sha or "") if merged else "",
        "merged_by_login": author_of(pull.merged_by).login,
        "additions": pull.additions,
        "deletions": pull.deletions,
        "changed_files": pull.changed_files,
        "commits_count": pull.commits,
        "comments_count": pull.comments or 0,
        "labels": labels(pull.labels),
        "assignees": logins(pull.assignees),
        "milestone": milestone.title,
        "milestone_number": milestone.number,
        "locked": pull.locked,
        "html_url": pull.html_url,
        "created_at": beginning(pull.created_at, pull.updated_at),
        "closed_at": timestamp(pull.closed_at),
        "merged_at": timestamp(pull.merged_at),
        "updated_at": clock(pull.updated_at),
    }


def row_from_rest(document: Mapping[str, Any], repository_id: int) -> Row:
    """A row from `GET /repos/{owner}/{repo}/pulls/{number}`, or from one item of the list, which
    has no columns of NOT_LISTED.
    """
    found = row(read(document, PullRequestPayload).value, repository_id)
    if "additions" in document:
        return found
    return {name: value for name, value in found.items() if name not in NOT_LISTED}


def _merged(pull: PullRequestPayload) -> bool:
    """Lists do not say it."""
    return pull.merged_at is not None if pull.merged is None else pull.merged


def on_pull_request(event: Event) -> Changes:
    """Any action of `pull_request`.

    Payload: {"action": "closed", "number": 7, "pull_request": {whole, with "merged"}, …}
    """
    repository_id = event.repository_id
    if repository_id is None:
        return Changes()
    payload, amiss = _read(event.body)
    pull = payload.pull_request
    action = "merged" if event.action == "closed" and _merged(pull) else event.action
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
    where = {"repository_id": repository_id, "number": pull.number}
    return Changes(
        upserts=[Upsert(MERGE, [row(pull, repository_id)])],
        # Stored as far as it goes; GitHub is asked for the rest.
        doubts=[Doubt(PullRequest, where)] if amiss else [],
        news=[News(line, table=MERGE.table, key=(pull.id,))],
    )


class _Numbered(msgspec.Struct):
    number: Count


class _ReviewEvent(msgspec.Struct):
    pull_request: _Numbered


_read_review = reader(_ReviewEvent)


def on_review(event: Event) -> Changes:
    """A review or a comment of one moves the pull request's clock, and no `pull_request` is sent.

    Payload: {"action": "submitted", "review": {…}, "pull_request": {without counts}}; so GitHub is
    asked for the whole.
    """
    if event.repository_id is None:
        return Changes()
    number = _read_review(event.body).value.pull_request.number
    where = {"repository_id": event.repository_id, "number": number}
    return Changes(doubts=[Doubt(PullRequest, where)])


NODE_FIELDS = f"""{SHARED_FIELDS}
isDraft merged mergedAt mergedBy {{ __typename login }} mergeCommit {{ oid }}
baseRefName baseRefOid headRefName headRefOid headRepository {{ databaseId nameWithOwner }}
additions deletions changedFiles commits {{ totalCount }}
"""
# GraphQL has three states where REST has two and a flag.
_STATES = {"merged": "closed"}


class _Commit(msgspec.Struct):
    oid: str = ""


class _Repository(msgspec.Struct, rename="camel"):
    database_id: Id | None = None
    name_with_owner: str = ""


class _Node(msgspec.Struct, rename="camel"):
    """GraphQL's `PullRequest`."""

    full_database_id: str | int | None = None
    id: Name = ""
    number: Count = 0
    title: str = ""
    body: str | None = None
    state: Word = ""
    is_draft: bool = False
    merged: bool | None = None
    merged_at: When = None
    merged_by: Actor | None = None
    merge_commit: _Commit | None = None
    author: Actor | None = None
    base_ref_name: str = ""
    base_ref_oid: str = ""
    head_ref_name: str = ""
    head_ref_oid: str = ""
    head_repository: _Repository | None = None
    additions: Count | None = None
    deletions: Count | None = None
    changed_files: Count | None = None
    commits: Counted | None = None
    comments: Counted | None = None
    labels: Labels | None = None
    assignees: Assignees | None = None
    milestone: Milestone | None = None
    locked: bool = False
    url: str = ""
    created_at: When = None
    updated_at: When = None
    closed_at: When = None


def row_from_graphql(document: Mapping[str, Any], repository_id: int) -> Row:
    """A row from GraphQL's `PullRequest`, equal to the webhook's of the same version."""
    node = read(document, _Node).value
    state = node.state.lower()
    head = node.head_repository
    pull = PullRequestPayload(
        id=database_id(node.full_database_id),
        number=node.number,
        title=node.title,
        created_at=node.created_at,
        updated_at=node.updated_at,
        head=_Side(
            node.head_ref_name,
            node.head_ref_oid,
            _Head(head.database_id, head.name_with_owner) if head else None,
        ),
        base=_Side(node.base_ref_name, node.base_ref_oid),
        node_id=node.id,
        body=node.body,
        state=_STATES.get(state, state),
        draft=node.is_draft,
        merged=state == "merged" if node.merged is None else node.merged,
        user=owner(node.author),
        merge_commit_sha=node.merge_commit.oid if node.merge_commit else None,
        merged_by=owner(node.merged_by),
        additions=node.additions,
        deletions=node.deletions,
        changed_files=node.changed_files,
        commits=node.commits.total_count if node.commits else None,
        comments=node.comments.total_count if node.comments else 0,
        labels=node.labels.nodes if node.labels else [],
        assignees=owners(node.assignees),
        milestone=node.milestone,
        locked=node.locked,
        html_url=node.url,
        closed_at=node.closed_at,
        merged_at=node.merged_at,
    )
    return row(pull, repository_id)


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
