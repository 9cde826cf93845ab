"""Reviews of pull requests with their comments and threads, and requests for reviews."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from githubsim.clock import iso, iso_or_none
from githubsim.graphql.context import CommitNode, Info
from githubsim.graphql.errors import Problem
from githubsim.graphql.pages import Bounds, Page, Part, Resolvers, of_list
from githubsim.graphql.people import reviewer
from githubsim.graphql.reactions import REACTABLE
from githubsim.store import Account, Pull, Review, ReviewComment, ReviewRequest
from githubsim.store.reviews import OPINIONS

Parts = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Thread:
    """The comments on one place of a diff, oldest first; never empty."""

    comments: Sequence[ReviewComment]

    @property
    def first(self) -> ReviewComment:
        return self.comments[0]

    @property
    def repository_id(self) -> int:
        return self.first.repository_id


def _reviews(pull: Pull, info: Info, **args: Any) -> Page:
    states, author = args.get("states"), args.get("author")
    found = _visible(pull, info)
    if states:
        found = [one for one in found if one.state in states]
    if author is not None:
        account = info.context.store.account_by_login(author)
        wanted = -1 if account is None else account.id
        found = [one for one in found if one.author_id == wanted]
    return of_list(info, found, args)


def _visible(pull: Pull, info: Info) -> list[Review]:
    return info.context.store.reviews(pull.id, info.context.caller.acting_id)


def _latest(pull: Pull, info: Info, **args: Any) -> Page:
    newest = {one.author_id: one for one in _visible(pull, info) if not one.pending}
    return of_list(info, list(newest.values()), args)


def _decision(pull: Pull, info: Info) -> str | None:
    """What the newest opinions of all reviewers come to; None where there are none."""
    newest = {
        one.author_id: one.state
        for one in _visible(pull, info)
        if one.state in (*OPINIONS, "DISMISSED")
    }
    states = set(newest.values())
    return next((one for one in ("CHANGES_REQUESTED", "APPROVED") if one in states), None)


def _requests(pull: Pull, info: Info, **args: Any) -> Page:
    return of_list(info, info.context.store.review_requests(pull.id), args)


def _threads(pull: Pull, info: Info, **args: Any) -> Page:
    threads: dict[int, list[ReviewComment]] = {}
    for one in info.context.store.review_comments(pull.id):
        threads.setdefault(one.thread_id, []).append(one)
    return of_list(info, [Thread(comments) for comments in threads.values()], args)


def _comments_of_review(review: Review, info: Info, **args: Any) -> Page:
    bounds = Bounds.of(info, args)
    found = info.context.store.comments_of_review(review.id)
    if bounds.size is None:
        return Page(lambda: Part((), False, False), lambda: len(found))
    return of_list(info, found, args)


def _comments_of_thread(thread: Thread, info: Info, skip: int | None = None, **args: Any) -> Page:
    return of_list(info, thread.comments[skip or 0 :], args)


def _pull(node: Review | ReviewComment | ReviewRequest, info: Info) -> Pull:
    found = info.context.store.pull(node.pull_id)
    if found is None:
        raise Problem("NOT_FOUND", "Could not resolve to a PullRequest.")
    return found


def _path(node: Review | ReviewComment, info: Info) -> str:
    home = info.context.full_name(info.context.home(node.repository_id))
    mark = "pullrequestreview-" if isinstance(node, Review) else "discussion_r"
    return f"/{home}/pull/{_pull(node, info).number}#{mark}{node.id}"


def _commit(node: Review | ReviewComment, info: Info, sha: str) -> CommitNode | None:
    commits = info.context.commits(info.context.home(node.repository_id))
    commits.want(sha)
    return None if commits.find(sha) is None else CommitNode(sha, commits)


def _author(node: Review | ReviewComment, info: Info) -> Account | None:
    return info.context.store.account(node.author_id)


def _viewer_wrote(node: Review | ReviewComment, info: Info) -> bool:
    return node.author_id is not None and node.author_id == info.context.caller.acting_id


def _review_of(comment: ReviewComment, info: Info) -> Review | None:
    return info.context.store.find_review(comment.review_id)


def _comment_state(comment: ReviewComment, info: Info) -> str:
    review = _review_of(comment, info)
    return "PENDING" if review is not None and review.pending else "SUBMITTED"


def _reply_to(comment: ReviewComment, info: Info) -> ReviewComment | None:
    first = comment.reply_to_id
    return None if first is None else info.context.store.find_review_comment(first)


# Nodes by their ids.


def review_by_id(info: Info, parts: Parts) -> Review | None:
    """`PRR_…`; a pending one for its author only."""
    info.context.need("pull_requests")
    found = info.context.store.find_review(int(parts[1]))
    if found is None or found.repository_id != parts[0]:
        return None
    return None if found.pending and not _viewer_wrote(found, info) else found


def comment_by_id(info: Info, parts: Parts) -> ReviewComment | None:
    """`PRRC_…`."""
    info.context.need("pull_requests")
    found = info.context.store.find_review_comment(int(parts[1]))
    if found is None or found.repository_id != parts[0]:
        return None
    pending = _comment_state(found, info) == "PENDING"
    return None if pending and not _viewer_wrote(found, info) else found


def thread_by_id(info: Info, parts: Parts) -> Thread | None:
    """`PRRT_…`."""
    info.context.need("pull_requests")
    found = info.context.store.thread_by_number(int(parts[1]))
    return Thread(found) if found and found[0].repository_id == parts[0] else None


def resolve_thread(info: Info, thread: Thread, resolved: bool) -> Thread:
    """What the mutations resolveReviewThread and unresolveReviewThread do."""
    context = info.context
    context.store.resolve_thread(
        thread.first.id, resolved=resolved, sender_id=context.caller.acting_id or 0
    )
    return Thread(context.store.thread(thread.first.id))


PULL: Resolvers = {
    "canBeRebased": lambda pull, _: pull.issue.state == "open",
    "latestReviews": _latest,
    "maintainerCanModify": lambda pull, _: False,
    "mergeStateStatus": lambda pull, _: (
        "UNKNOWN" if pull.issue.state == "closed" else "DRAFT" if pull.part.draft else "CLEAN"
    ),
    "mergeable": lambda pull, _: "UNKNOWN" if pull.issue.state == "closed" else "MERGEABLE",
    "reviewDecision": _decision,
    "reviewRequests": _requests,
    "reviewThreads": _threads,
    "reviews": _reviews,
}
_BOTH: Resolvers = REACTABLE | {
    "author": _author,
    "authorAssociation": lambda node, _: node.association,
    "body": lambda node, _: node.body,
    "bodyText": lambda node, _: node.body.strip(),
    "createdAt": lambda node, _: iso(node.created_at),
    "databaseId": lambda node, _: node.id,
    "fullDatabaseId": lambda node, _: str(node.id),
    "id": lambda node, _: node.node_id,
    "pullRequest": _pull,
    "repository": lambda node, info: info.context.home(node.repository_id),
    "resourcePath": _path,
    "updatedAt": lambda node, _: iso(node.updated_at),
    "url": lambda node, info: info.context.web + _path(node, info),
    "viewerDidAuthor": _viewer_wrote,
}
TYPES: dict[str, Resolvers] = {
    "PullRequestReview": _BOTH
    | {
        "authorCanPushToRepository": lambda one, _: one.association in ("MEMBER", "OWNER"),
        "comments": _comments_of_review,
        "commit": lambda one, info: _commit(one, info, one.commit_sha),
        "publishedAt": lambda one, _: iso_or_none(one.submitted_at),
        "state": lambda one, _: one.state,
        "submittedAt": lambda one, _: iso_or_none(one.submitted_at),
    },
    "PullRequestReviewComment": _BOTH
    | {
        "commit": lambda one, info: _commit(one, info, one.commit_sha),
        "diffHunk": lambda one, _: one.diff_hunk,
        "draftedAt": lambda one, _: iso(one.created_at),
        "line": lambda one, _: one.now_line,
        "originalCommit": lambda one, info: _commit(one, info, one.original_commit_sha),
        "originalLine": lambda one, _: one.line,
        "originalPosition": lambda one, _: one.position,
        "originalStartLine": lambda one, _: one.start_line,
        "outdated": lambda one, _: one.outdated,
        "path": lambda one, _: one.path,
        "position": lambda one, _: one.now_position,
        "publishedAt": lambda one, _: iso(one.created_at),
        "pullRequestReview": _review_of,
        "replyTo": _reply_to,
        "startLine": lambda one, _: one.now_start_line,
        "state": _comment_state,
        "subjectType": lambda one, _: one.subject_type.upper(),
    },
    "PullRequestReviewThread": {
        "comments": _comments_of_thread,
        "diffSide": lambda one, _: one.first.side,
        "id": lambda one, _: one.first.thread_node_id,
        "isCollapsed": lambda one, _: one.first.resolved_by_id is not None or one.first.outdated,
        "isOutdated": lambda one, _: one.first.outdated,
        "isResolved": lambda one, _: one.first.resolved_by_id is not None,
        "line": lambda one, _: one.first.now_line,
        "originalLine": lambda one, _: one.first.line,
        "originalStartLine": lambda one, _: one.first.start_line,
        "path": lambda one, _: one.first.path,
        "pullRequest": lambda one, info: _pull(one.first, info),
        "repository": lambda one, info: info.context.home(one.repository_id),
        "resolvedBy": lambda one, info: info.context.store.account(one.first.resolved_by_id),
        "startDiffSide": lambda one, _: one.first.start_side,
        "startLine": lambda one, _: one.first.now_start_line,
        "subjectType": lambda one, _: one.first.subject_type.upper(),
    },
    "ReviewRequest": {
        "asCodeOwner": lambda one, _: False,
        "databaseId": lambda one, _: one.id,
        "id": lambda one, _: one.node_id,
        "pullRequest": _pull,
        "requestedReviewer": reviewer,
    },
}
