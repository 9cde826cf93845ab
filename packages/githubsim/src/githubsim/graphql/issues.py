"""Issues, pull requests and their comments, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from githubsim.clock import iso, iso_or_none
from githubsim.graphql.context import CommitNode, Info
from githubsim.graphql.errors import Problem
from githubsim.graphql.issue_links import ISSUE as LINKED
from githubsim.graphql.pages import Bounds, Page, Part, Resolvers, of_list
from githubsim.graphql.reactions import REACTABLE
from githubsim.graphql.reviews import PULL as REVIEWED
from githubsim.graphql.timeline import timeline_of
from githubsim.ids import node_id
from githubsim.store import Account, Comment, Issue, Milestone, Pull


@dataclass(frozen=True, slots=True)
class PullCommit:
    """A commit of a pull request."""

    pull: Pull
    commit: CommitNode


def _issue(node: Issue | Pull) -> Issue:
    return node if isinstance(node, Issue) else node.issue


def _path(node: Issue | Pull, info: Info) -> str:
    home = info.context.full_name(info.context.home(node.repository_id))
    return f"/{home}/{'issues' if isinstance(node, Issue) else 'pull'}/{node.number}"


def _author(node: Any, info: Info) -> Account | None:
    return info.context.store.account(_issue(node).author_id)


def _assignees(node: Any, info: Info, **args: Any) -> Page:
    """Users alone: bots are only among the actors (microsoft/vscode-pull-request-github#7324)."""
    return of_list(info, [one for one in _assigned(node, info) if one.type == "User"], args)


def _assigned_actors(node: Any, info: Info, **args: Any) -> Page:
    return of_list(info, _assigned(node, info), args)


def _assigned(node: Any, info: Info) -> list[Account]:
    store = info.context.store
    accounts = [store.account(one) for one in _issue(node).assignee_ids]
    return [one for one in accounts if one is not None]


def _labels(node: Any, info: Info, **args: Any) -> Page:
    issue = _issue(node)
    found = info.context.labels(issue.repository_id, issue.label_ids)
    order = args.get("orderBy") or {}
    if order.get("field") == "NAME":
        found.sort(key=lambda label: label.name.lower())
    if order.get("direction") == "DESC":
        found.reverse()
    return of_list(info, found, args)


def _milestone(node: Any, info: Info) -> Milestone | None:
    issue = _issue(node)
    if issue.milestone_id is None:
        return None
    return info.context.milestone(issue.repository_id, issue.milestone_id)


def _comments(node: Any, info: Info, **args: Any) -> Page:
    issue = _issue(node)
    bounds = Bounds.of(info, args)
    if bounds.size is None:
        return Page(lambda: Part((), False, False), lambda: issue.comments)
    found = info.context.store.comments(issue.id)
    if (args.get("orderBy") or {}).get("direction") == "DESC":
        found.sort(key=lambda one: (one.updated_at, one.id), reverse=True)
    return of_list(info, found, args)


def _pull_commits(pull: Pull, info: Info, **args: Any) -> Page:
    bounds = Bounds.of(info, args)
    if bounds.size is None:
        return Page(lambda: Part((), False, False), lambda: pull.part.commits)
    info.context.need("contents")
    part = pull.part
    found = info.context.git.log(
        pull.repository_id, part.head_sha, limit=250, exclude=[part.base_sha]
    )
    commits = info.context.commits(info.context.home(pull.repository_id))
    commits.keep(found)
    # Oldest first, and at most 250, as on GitHub.
    nodes = [PullCommit(pull, CommitNode(one.sha, commits)) for one in reversed(found)]
    return of_list(info, nodes, args)


def _closing(pull: Pull, info: Info, userLinkedOnly: bool | None = None, **args: Any) -> Page:
    """Those that the caller may see."""
    context = info.context
    found = context.store.closing(pull.issue, "" if userLinkedOnly else pull.part.base_ref)
    shown = [one for one in found.values() if context.repository(one.repository_id) is not None]
    return of_list(info, sorted(shown, key=lambda one: one.id), args)


def _merge_commit(pull: Pull, info: Info) -> CommitNode | None:
    sha = pull.part.merge_commit_sha
    if sha is None or not pull.merged:
        return None
    return CommitNode(sha, info.context.commits(info.context.home(pull.repository_id)))


@dataclass(frozen=True, slots=True)
class AutoMerge:
    """A pull request that is to be merged once it may be."""

    pull: Pull


def _auto_merge(pull: Pull, info: Info) -> AutoMerge | None:
    return None if pull.part.auto_merge_method is None else AutoMerge(pull)


def _pull_state(pull: Pull) -> str:
    return "MERGED" if pull.merged else pull.issue.state.upper()


def _reason(issue: Issue, info: Info, enableDuplicate: bool = False) -> str | None:
    reason = (issue.state_reason or "").upper() or None
    return "NOT_PLANNED" if reason == "DUPLICATE" and not enableDuplicate else reason


def _branch(pull: Pull, info: Info, repository_id: int | None, name: str) -> Any:
    from githubsim.graphql.repositories import ref_of  # noqa: PLC0415 (it imports this file)

    repository = info.context.repository(repository_id)
    return None if repository is None else ref_of(repository, info, f"refs/heads/{name}")


def _comment_path(comment: Comment, info: Info) -> str:
    return f"{_path(_subject(comment, info), info)}#issuecomment-{comment.id}"


def _subject(comment: Comment, info: Info) -> Issue | Pull:
    issue = info.context.store.issue(comment.issue_id)
    if issue is None:
        raise Problem("NOT_FOUND", "Could not resolve to an Issue.")
    return issue if issue.pull_id is None else info.context.store.pull_of(issue)


def _of_type(comment: Comment, info: Info, kind: type[Any]) -> Any:
    subject = _subject(comment, info)
    return subject if isinstance(subject, kind) else None


def _viewer_wrote(node: Any, info: Info) -> bool:
    author = node.author_id if isinstance(node, Comment) else _issue(node).author_id
    return author is not None and author == info.context.caller.acting_id


# Both resolve from the issue half of a pull request.
_BOTH: Resolvers = REACTABLE | {
    "activeLockReason": lambda node, _: (
        reason.upper().replace(" ", "_").replace("-", "_")
        if (reason := _issue(node).lock_reason)
        else None
    ),
    "assignedActors": _assigned_actors,
    "assignees": _assignees,
    "author": _author,
    "authorAssociation": lambda node, _: _issue(node).association,
    "body": lambda node, _: _issue(node).body or "",
    "bodyText": lambda node, _: (_issue(node).body or "").strip(),
    "closed": lambda node, _: _issue(node).state == "closed",
    "closedAt": lambda node, _: iso_or_none(_issue(node).closed_at),
    "comments": _comments,
    "createdAt": lambda node, _: iso(_issue(node).created_at),
    "databaseId": lambda node, _: node.id,
    "fullDatabaseId": lambda node, _: str(node.id),
    "id": lambda node, _: node.node_id,
    "labels": _labels,
    "locked": lambda node, _: _issue(node).locked,
    "milestone": _milestone,
    "number": lambda node, _: node.number,
    "publishedAt": lambda node, _: iso(_issue(node).created_at),
    "repository": lambda node, info: info.context.home(node.repository_id),
    "resourcePath": _path,
    "title": lambda node, _: _issue(node).title,
    "updatedAt": lambda node, _: iso(_issue(node).updated_at),
    "url": lambda node, info: info.context.web + _path(node, info),
    "viewerDidAuthor": _viewer_wrote,
}


def _timed_commits(pull: Pull, info: Info) -> list[tuple[int, PullCommit]]:
    """A pull request's commits with their times; none where git has lost a side of it."""
    git, commits = info.context.git, info.context.commits(info.context.home(pull.repository_id))
    head, base = pull.part.head_sha, pull.part.base_sha
    if not {head, base} <= set(git.existing(pull.repository_id, [head, base])):
        return []
    found = git.log(pull.repository_id, head, limit=250, exclude=[base])
    commits.keep(found)
    return [
        (one.committer_at, PullCommit(pull, CommitNode(one.sha, commits)))
        for one in reversed(found)
    ]


_BOTH["timelineItems"] = timeline_of(_timed_commits)
TYPES: dict[str, Resolvers] = {
    "Issue": _BOTH
    | LINKED
    | {
        "state": lambda issue, _: issue.state.upper(),
        "stateReason": _reason,
    },
    "PullRequest": _BOTH
    | REVIEWED
    | {
        "additions": lambda pull, _: pull.part.additions,
        "autoMergeRequest": _auto_merge,
        "baseRef": lambda pull, info: _branch(pull, info, pull.repository_id, pull.part.base_ref),
        "baseRefName": lambda pull, _: pull.part.base_ref,
        "baseRefOid": lambda pull, _: pull.part.base_sha,
        "baseRepository": lambda pull, info: info.context.home(pull.repository_id),
        "changedFiles": lambda pull, _: pull.part.changed_files,
        "closingIssuesReferences": _closing,
        "commits": _pull_commits,
        "deletions": lambda pull, _: pull.part.deletions,
        "headRef": lambda pull, info: _branch(
            pull, info, pull.part.head_repository_id, pull.part.head_ref
        ),
        "headRefName": lambda pull, _: pull.part.head_ref,
        "headRefOid": lambda pull, _: pull.part.head_sha,
        "headRepository": lambda pull, info: info.context.repository(pull.part.head_repository_id),
        "headRepositoryOwner": lambda pull, info: (
            info.context.store.account(head.owner_id)
            if (head := info.context.repository(pull.part.head_repository_id))
            else None
        ),
        "isCrossRepository": lambda pull, _: pull.part.head_repository_id != pull.repository_id,
        "isDraft": lambda pull, _: pull.part.draft,
        "mergeCommit": _merge_commit,
        "merged": lambda pull, _: pull.merged,
        "mergedAt": lambda pull, _: iso_or_none(pull.part.merged_at),
        "mergedBy": lambda pull, info: info.context.store.account(pull.part.merged_by_id),
        "permalink": lambda pull, info: info.context.web + _path(pull, info),
        "state": lambda pull, _: _pull_state(pull),
    },
    "AutoMergeRequest": {
        "authorEmail": lambda one, _: None,
        "commitBody": lambda one, _: one.pull.auto_merge_texts[1],
        "commitHeadline": lambda one, _: one.pull.auto_merge_texts[0],
        "enabledAt": lambda one, _: iso_or_none(one.pull.part.auto_merge_at),
        "enabledBy": lambda one, info: info.context.store.account(one.pull.part.auto_merge_by_id),
        "mergeMethod": lambda one, _: one.pull.part.auto_merge_method.upper(),
        "pullRequest": lambda one, _: one.pull,
    },
    "IssueComment": REACTABLE
    | {
        "author": lambda comment, info: info.context.store.account(comment.author_id),
        "authorAssociation": lambda comment, _: comment.association,
        "body": lambda comment, _: comment.body,
        "bodyText": lambda comment, _: comment.body.strip(),
        "createdAt": lambda comment, _: iso(comment.created_at),
        "databaseId": lambda comment, _: comment.id,
        "fullDatabaseId": lambda comment, _: str(comment.id),
        "id": lambda comment, _: comment.node_id,
        "issue": _subject,
        "publishedAt": lambda comment, _: iso(comment.created_at),
        "pullRequest": lambda comment, info: _of_type(comment, info, Pull),
        "repository": lambda comment, info: info.context.home(comment.repository_id),
        "resourcePath": _comment_path,
        "updatedAt": lambda comment, _: iso(comment.updated_at),
        "url": lambda comment, info: info.context.web + _comment_path(comment, info),
        "viewerDidAuthor": _viewer_wrote,
    },
    "PullRequestCommit": {
        "commit": lambda one, _: one.commit,
        "id": lambda one, _: node_id("PURC", one.pull.repository_id, one.commit.sha),
        "pullRequest": lambda one, _: one.pull,
        "resourcePath": lambda one, info: f"{_path(one.pull, info)}/commits/{one.commit.sha}",
        "url": lambda one, info: (
            f"{info.context.web}{_path(one.pull, info)}/commits/{one.commit.sha}"
        ),
    },
}
