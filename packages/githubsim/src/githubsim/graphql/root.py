"""Where queries begin: nodes by id, owners and repositories by name, and the mutations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from githubsim.clock import iso
from githubsim.graphql import commit_comments, people, reactions, releases, reviews, timeline
from githubsim.graphql.accounts import find_repository
from githubsim.graphql.commits import of_sha
from githubsim.graphql.context import CommitNode, Context, Info, ObjectNode
from githubsim.graphql.errors import Problem, forbidden, unresolved
from githubsim.graphql.issues import PullCommit
from githubsim.graphql.pages import MOST, Resolvers
from githubsim.graphql.repositories import RefNode, ref_of
from githubsim.ids import BadNodeId, parse_node_id
from githubsim.store import (
    Account,
    Comment,
    CommitComment,
    Issue,
    IssueEvent,
    Label,
    Milestone,
    Pull,
    Reaction,
    Release,
    ReleaseAsset,
    Repository,
    Review,
    ReviewComment,
    ReviewRequest,
    Team,
)
from githubsim.store.history_rows import PREFIXES

Parts = tuple[int | str, ...]


def type_name(value: Any) -> str:
    """The GraphQL type of an object, for interfaces and unions."""
    if isinstance(value, Account):
        return value.type
    if isinstance(value, ObjectNode):
        return value.kind
    if isinstance(value, IssueEvent):
        return timeline.EVENT_TYPES[value.event]
    return _NAMES[type(value)]


_NAMES: dict[type[Any], str] = {
    Comment: "IssueComment",
    CommitComment: "CommitComment",
    CommitNode: "Commit",
    Issue: "Issue",
    Label: "Label",
    Milestone: "Milestone",
    Pull: "PullRequest",
    PullCommit: "PullRequestCommit",
    RefNode: "Ref",
    Reaction: "Reaction",
    Release: "Release",
    ReleaseAsset: "ReleaseAsset",
    Repository: "Repository",
    Review: "PullRequestReview",
    ReviewComment: "PullRequestReviewComment",
    ReviewRequest: "ReviewRequest",
    Team: "Team",
    reviews.Thread: "PullRequestReviewThread",
}


def _node(_: None, info: Info, id: str) -> Any:
    (found,) = _find(info, [id])
    if isinstance(found, Problem):
        raise found
    return found


def _nodes(_: None, info: Info, ids: Sequence[str]) -> list[Any]:
    if len(ids) > MOST:
        raise Problem(
            "ARGUMENT_LIMIT",
            f"You may not provide more than {MOST} node ids; you provided {len(ids)}.",
        )
    return _find(info, ids)


def _find(info: Info, ids: Sequence[str]) -> list[Any]:
    """What the ids name, in their order; a Problem where one names nothing the caller may see."""
    context: Context = info.context
    found: list[Any] = []
    for text in ids:
        try:
            prefix, parts = parse_node_id(text)
            one = _FINDERS[prefix](info, parts)
            home = _home(one)
            hidden = home is not None and context.repository(home) is None
        except (BadNodeId, KeyError, TypeError, ValueError, IndexError):
            one, hidden = None, False
        except Problem as problem:
            found.append(problem)
            continue
        if one is None or hidden:
            found.append(unresolved(text))
        else:
            found.append(one)
    return found


def _home(one: Any) -> int | None:
    if isinstance(one, (CommitNode, ObjectNode, RefNode)):
        return one.repository.id
    if isinstance(one, Repository):
        return one.id
    return getattr(one, "repository_id", None)


def _number(part: int | str) -> int:
    if not isinstance(part, int):
        raise TypeError(part)
    return part


def _issue(info: Info, parts: Parts) -> Issue | None:
    info.context.need("issues")
    repository, issue = parts
    found = info.context.store.issue(_number(issue))
    good = found is not None and found.repository_id == repository and found.pull_id is None
    return found if good else None


def _pull(info: Info, parts: Parts) -> Pull | None:
    info.context.need("pull_requests")
    repository, pull = parts
    found = info.context.store.pull(_number(pull))
    return found if found is not None and found.repository_id == repository else None


def _comment(info: Info, parts: Parts) -> Comment | None:
    info.context.need("issues|pull_requests")
    return _at_home(info.context.store.issue_comment(_number(parts[1])), parts)


def _label(info: Info, parts: Parts) -> Label | None:
    return _at_home(info.context.store.label(_number(parts[1])), parts)


def _milestone(info: Info, parts: Parts) -> Milestone | None:
    return _at_home(info.context.store.milestone(_number(parts[1])), parts)


Housed = TypeVar("Housed", Comment, Label, Milestone, Reaction)


def _at_home(found: Housed | None, parts: Parts) -> Housed | None:
    return found if found is not None and found.repository_id == parts[0] else None


def _git_object(info: Info, parts: Parts) -> Any:
    repository = info.context.repository(_number(parts[0]))
    if repository is None:
        return None
    info.context.need("contents")
    return of_sha(repository, info, str(parts[1]))


def _ref(info: Info, parts: Parts) -> RefNode | None:
    repository = info.context.repository(_number(parts[0]))
    return None if repository is None else ref_of(repository, info, str(parts[1]))


def _account(info: Info, parts: Parts) -> Account | None:
    return info.context.store.account(_number(parts[0]))


def _reaction(info: Info, parts: Parts) -> Reaction | None:
    info.context.need("issues|pull_requests")
    return _at_home(info.context.store.find_reaction(_number(parts[1])), parts)


_FINDERS: dict[str, Callable[[Info, Parts], Any]] = {
    "B": _git_object,
    "BOT": _account,
    "C": _git_object,
    "CC": commit_comments.comment_by_id,
    "I": _issue,
    "IC": _comment,
    "LA": _label,
    "M": _account,
    "MI": _milestone,
    "O": _account,
    "PR": _pull,
    "PRR": reviews.review_by_id,
    "PRRC": reviews.comment_by_id,
    "PRRT": reviews.thread_by_id,
    "R": lambda info, parts: info.context.repository(_number(parts[0])),
    "RA": releases.asset_by_id,
    "RE": releases.release_by_id,
    "REA": _reaction,
    "REF": _ref,
    "T": lambda info, parts: (
        # Trees and teams have the same prefix; a tree's second part is its sha.
        _git_object(info, parts) if isinstance(parts[1], str) else people.team_by_id(info, parts)
    ),
    "TA": _git_object,
    "U": _account,
} | dict.fromkeys(PREFIXES.values(), timeline.event_by_id)


def _repository(
    _: None, info: Info, owner: str, name: str, followRenames: bool = True
) -> Repository:
    found = find_repository(info.context, owner, name, followRenames)
    if found is None:
        raise Problem(
            "NOT_FOUND", f"Could not resolve to a Repository with the name '{owner}/{name}'."
        )
    return found


def _by_login(words: str, *types: str) -> Callable[..., Account]:
    def find(_: None, info: Info, login: str) -> Account:
        found = info.context.store.account_by_login(login)
        if found is None or found.type not in types:
            raise Problem("NOT_FOUND", f"Could not resolve to {words} with the login of '{login}'.")
        return found

    return find


def _viewer(_: None, info: Info) -> Account:
    acting = info.context.store.account(info.context.caller.acting_id)
    if acting is None:
        raise forbidden()
    return acting


def _rate_limit(_: None, info: Info, dryRun: bool = False) -> Context:
    context: Context = info.context
    return context


def _to_write(info: Info, issue_id: str) -> Issue:
    """The issue that a mutation is about, if the caller may change it."""
    found = _node(None, info, issue_id)
    if not isinstance(found, Issue):
        raise unresolved(issue_id)
    if not info.context.caller.covers(info.context.home(found.repository_id)):
        raise forbidden()
    info.context.need("issues", "write")
    return found


def _delete_issue(_: None, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    context = info.context
    issue = _to_write(info, input["issueId"])
    context.store.delete_issue(issue.id, sender_id=context.caller.acting_id)
    return {
        "clientMutationId": input.get("clientMutationId"),
        "repository": context.home(issue.repository_id),
    }


def _transfer_issue(_: None, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    context = info.context
    issue = _to_write(info, input["issueId"])
    target = _node(None, info, input["repositoryId"])
    if not isinstance(target, Repository):
        raise unresolved(input["repositoryId"])
    source = context.home(issue.repository_id)
    # GitHub moves issues within one owner only.
    if target.owner_id != source.owner_id or target.id == source.id or not target.has_issues:
        raise Problem("UNPROCESSABLE", "Issues cannot be transferred to this repository.")
    moved = context.store.transfer_issue(issue.id, target.id, sender_id=context.caller.acting_id)
    return {"clientMutationId": input.get("clientMutationId"), "issue": moved}


def _resolving(resolved: bool) -> Callable[..., dict[str, Any]]:
    def change(_: None, info: Info, input: dict[str, Any]) -> dict[str, Any]:
        thread = _node(None, info, input["threadId"])
        if not isinstance(thread, reviews.Thread):
            raise unresolved(input["threadId"])
        if not info.context.caller.covers(info.context.home(thread.repository_id)):
            raise forbidden()
        info.context.need("pull_requests", "write")
        new = reviews.resolve_thread(info, thread, resolved)
        return {"clientMutationId": input.get("clientMutationId"), "thread": new}

    return change


def _reacting(add: bool) -> Callable[..., dict[str, Any]]:
    def change(_: None, info: Info, input: dict[str, Any]) -> dict[str, Any]:
        subject = _node(None, info, input["subjectId"])
        payload = reactions.reacted(info, subject, input["content"], add)
        return {"clientMutationId": input.get("clientMutationId")} | payload

    return change


TYPES: dict[str, Resolvers] = {
    "Query": {
        "id": lambda _, info: "Q_kwAA",
        "node": _node,
        "nodes": _nodes,
        "organization": _by_login("an Organization", "Organization"),
        "rateLimit": _rate_limit,
        "repository": _repository,
        "repositoryOwner": _by_login("a RepositoryOwner", "User", "Organization"),
        "user": _by_login("a User", "User"),
        "viewer": _viewer,
    },
    "Mutation": {
        "addReaction": _reacting(True),
        "deleteIssue": _delete_issue,
        "removeReaction": _reacting(False),
        "resolveReviewThread": _resolving(True),
        "transferIssue": _transfer_issue,
        "unresolveReviewThread": _resolving(False),
    },
    "RateLimit": {
        "cost": lambda context, _: context.cost,
        "limit": lambda context, _: context.window.limit,
        "nodeCount": lambda context, _: context.node_count,
        "remaining": lambda context, _: context.window.remaining,
        "resetAt": lambda context, _: iso(context.window.reset),
        "used": lambda context, _: context.window.used,
    },
}
