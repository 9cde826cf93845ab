"""Rows of issues and pull requests by functions written by hand, as they were before kinds were
declared (decision 0020): what the generated ones are measured against.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from autosync.kinds import kind_of
from autosync.kinds._events import (
    Changes,
    Doubt,
    Event,
    News,
    Owner,
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
from autosync.kinds._payload import Count, Id, IncompletePayload, Name, Word, read, reader
from autosync.mirror.feed import FeedLine
from autosync.mirror.upsert import Row
from autosync.models import Issue, PullRequest

_ISSUES, _PULLS = kind_of(Issue).merge, kind_of(PullRequest).merge

_LOGINS = {"copilot-swe-agent": "Copilot"}


class Milestone(msgspec.Struct):
    title: str = ""
    number: Count | None = None


class Actor(msgspec.Struct, rename={"typename": "__typename", "database_id": "databaseId"}):
    """Null where the account was deleted."""

    login: Name = ""
    typename: str = ""
    database_id: Id | None = None


class Labels(msgspec.Struct):
    nodes: list[dict[str, Any] | None] = []


class Assignees(msgspec.Struct):
    nodes: list[Actor | None] = []


class Counted(msgspec.Struct, rename="camel"):
    total_count: Count = 0


def owner(actor: Actor | None) -> Owner | None:
    """An actor as REST shows it."""
    return None if actor is None else Owner(login=login(actor), id=actor.database_id)


def owners(assignees: Assignees | None) -> list[Owner | None]:
    return [owner(one) for one in assignees.nodes] if assignees else []


def login(actor: Actor) -> str:
    """A login as REST writes it: GraphQL leaves out the `[bot]` of an App's bot."""
    if actor.typename != "Bot" or not actor.login:
        return actor.login
    if actor.login in _LOGINS:
        return _LOGINS[actor.login]
    return actor.login if actor.login.endswith("[bot]") else f"{actor.login}[bot]"


def database_id(full: str | int | None) -> int:
    """`fullDatabaseId`, a BigInt and so written as text."""
    try:
        return int(full or "")
    except ValueError:
        raise IncompletePayload("GraphQL left out the `fullDatabaseId` of an object.") from None


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


_read_issue = reader(_IssueEvent)


def issue_row(issue: IssuePayload, repository_id: int) -> Row:
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


def issue_from_rest(document: Mapping[str, Any], repository_id: int) -> Row | None:
    """A row from `GET /repos/{owner}/{repo}/issues` (one item) or `…/issues/{number}`; None for a
    pull request, which both show as an issue too.
    """
    issue = read(document, IssuePayload).value
    return None if _is_pull(issue) else issue_row(issue, repository_id)


def _is_pull(issue: IssuePayload) -> bool:
    return issue.pull_request is not None or issue.html_url.endswith(f"/pull/{issue.number}")


def on_issues(event: Event) -> Changes:
    """Any action of `issues`, and `issue_comment`, which moves the count and the clock.

    Payload: {"action": "opened", "issue": {whole}, "repository": {whole}}
    """
    repository_id = event.repository_id
    if repository_id is None:
        return Changes()
    payload, amiss = _read_issue(event.body)
    issue = payload.issue
    where = {"repository_id": repository_id, "number": issue.number}
    # Neither happens to a pull request, though an issue may then have an address like one.
    gone = event.name == "issues" and event.action in _GONE
    if _is_pull(issue) and not gone:
        # A comment on a pull request shows it as an issue, under the issue's id.
        return Changes(doubts=[Doubt(PullRequest, where)])
    changes = Changes(upserts=[Upsert(_ISSUES, [issue_row(issue, repository_id)])])
    if amiss or not event.action:
        # Stored as far as it goes; GitHub is asked for the rest, perhaps that it was deleted.
        changes.doubts.append(Doubt(Issue, where))
    if gone:
        changes.tombstones.append(Tombstone(_ISSUES, [issue.id], event.received_at))
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
            table=_ISSUES.table,
            key=(issue.id,),
        )
    )
    return changes


class _IssueNode(msgspec.Struct, rename="camel"):
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


def issue_from_graphql(document: Mapping[str, Any], repository_id: int) -> Row:
    """A row from GraphQL's `Issue`, equal to the one the webhook of the same version gives."""
    node = read(document, _IssueNode).value
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
    return issue_row(issue, repository_id)


_NOT_LISTED = frozenset(
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


_read_pull = reader(_PullRequestEvent)


def pull_row(pull: PullRequestPayload, repository_id: int) -> Row:
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


def pull_from_rest(document: Mapping[str, Any], repository_id: int) -> Row:
    """A row from `GET /repos/{owner}/{repo}/pulls/{number}`, or from one item of the list, which
    has no columns of NOT_LISTED.
    """
    found = pull_row(read(document, PullRequestPayload).value, repository_id)
    if "additions" in document:
        return found
    return {name: value for name, value in found.items() if name not in _NOT_LISTED}


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
    payload, amiss = _read_pull(event.body)
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
        upserts=[Upsert(_PULLS, [pull_row(pull, repository_id)])],
        # Stored as far as it goes; GitHub is asked for the rest.
        doubts=[Doubt(PullRequest, where)] if amiss else [],
        news=[News(line, table=_PULLS.table, key=(pull.id,))],
    )


# GraphQL has three states where REST has two and a flag.
_STATES = {"merged": "closed"}


class _Commit(msgspec.Struct):
    oid: str = ""


class _Repository(msgspec.Struct, rename="camel"):
    database_id: Id | None = None
    name_with_owner: str = ""


class _PullNode(msgspec.Struct, rename="camel"):
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


def pull_from_graphql(document: Mapping[str, Any], repository_id: int) -> Row:
    """A row from GraphQL's `PullRequest`, equal to the webhook's of the same version."""
    node = read(document, _PullNode).value
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
    return pull_row(pull, repository_id)
