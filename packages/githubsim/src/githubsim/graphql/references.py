"""More of what timelines show: mentions, and what befalls branches of pull requests."""

from __future__ import annotations

from typing import Any

from githubsim.clock import iso
from githubsim.graphql.context import Info
from githubsim.graphql.errors import Problem
from githubsim.graphql.pages import Resolvers
from githubsim.graphql.timeline import ANY, LOCATED, commit_of, subject_of
from githubsim.store import Account, Issue, IssueEvent, Pull, Repository


def _source(event: IssueEvent, info: Info) -> Issue | Pull:
    issue = info.context.store.issue(event.detail["source_id"])
    if issue is None:
        raise Problem("NOT_FOUND", "Could not resolve to an Issue.")
    return issue if issue.pull_id is None else info.context.store.pull_of(issue)


def _crosses(event: IssueEvent, info: Info) -> bool:
    return _source(event, info).repository_id != event.repository_id


def _home(event: IssueEvent, info: Info) -> Repository:
    home: Repository = info.context.home(event.repository_id)
    return home


def _branch(event: IssueEvent, info: Info) -> Any:
    from githubsim.graphql.repositories import ref_of  # noqa: PLC0415 (it imports this file)

    pull = subject_of(event, info)
    name = pull.part.head_ref if isinstance(pull, Pull) else ""
    return ref_of(_home(event, info), info, f"refs/heads/{name}")


def _wrote(event: IssueEvent, info: Info) -> Account | None:
    return info.context.store.account(event.detail["deleted_author_id"])


def _user(event: IssueEvent, info: Info) -> Account | None:
    found = info.context.store.account(event.actor_id)
    return found if found is not None and found.type == "User" else None


_LINK = ANY | {"isCrossRepository": _crosses, "source": _source, "subject": subject_of}
_PINNED = ANY | {"issue": subject_of}
TYPES: dict[str, Resolvers] = {
    "AutoMergeDisabledEvent": ANY
    | {
        "disabler": _user,
        "pullRequest": subject_of,
        "reason": lambda event, _: event.detail.get("reason"),
        "reasonCode": lambda event, _: None,
    },
    "AutoMergeEnabledEvent": ANY | {"enabler": _user, "pullRequest": subject_of},
    "BaseRefChangedEvent": ANY
    | {
        "currentRefName": lambda event, _: event.detail["ref"],
        "databaseId": lambda event, _: event.id,
        "previousRefName": lambda event, _: event.detail["previous_ref"],
        "pullRequest": subject_of,
    },
    "CommentDeletedEvent": ANY
    | {"databaseId": lambda event, _: event.id, "deletedCommentAuthor": _wrote},
    "ConnectedEvent": _LINK,
    "CrossReferencedEvent": ANY
    | LOCATED
    | {
        "isCrossRepository": _crosses,
        "referencedAt": lambda event, _: iso(event.created_at),
        "source": _source,
        "target": subject_of,
        "willCloseTarget": lambda event, _: event.detail["will_close"],
    },
    "DisconnectedEvent": _LINK,
    "HeadRefDeletedEvent": ANY
    | {
        "headRef": lambda event, _: None,
        "headRefName": lambda event, _: event.detail["ref"],
        "pullRequest": subject_of,
    },
    "HeadRefForcePushedEvent": ANY
    | {
        "afterCommit": lambda event, info: commit_of(event, info),
        "beforeCommit": lambda event, info: commit_of(event, info, "before"),
        "pullRequest": subject_of,
        "ref": _branch,
    },
    "PinnedEvent": _PINNED,
    "ReferencedEvent": ANY
    | {
        "commit": lambda event, info: commit_of(event, info),
        "commitRepository": _home,
        "isCrossRepository": lambda event, _: False,
        "isDirectReference": lambda event, _: True,
        "subject": subject_of,
    },
    "UnpinnedEvent": _PINNED,
}
# GitHub has these too; nothing in a simulated world makes one.
NEVER = {
    "AddedToMergeQueueEvent",
    "AutomaticBaseChangeFailedEvent",
    "AutomaticBaseChangeSucceededEvent",
    "BaseRefDeletedEvent",
    "BaseRefForcePushedEvent",
    "ConvertedToDiscussionEvent",
    "HeadRefRestoredEvent",
    "MarkedAsDuplicateEvent",
    "RemovedFromMergeQueueEvent",
    "UnmarkedAsDuplicateEvent",
    "UserBlockedEvent",
}
