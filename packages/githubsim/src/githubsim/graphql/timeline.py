"""The timelines of issues and pull requests: what was done, said, reviewed and pushed, by time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from githubsim.clock import iso
from githubsim.graphql.context import CommitNode, Info
from githubsim.graphql.errors import Problem
from githubsim.graphql.markup import html_of
from githubsim.graphql.pages import CONNECTION, Page, Resolvers, of_list, when
from githubsim.store import (
    Account,
    Comment,
    Issue,
    IssueEvent,
    Label,
    Pull,
    Repository,
    Review,
    Team,
)

Parts = tuple[int | str, ...]
# The types of the events that githubsim writes down, by the names they have in REST.
EVENT_TYPES = {
    "assigned": "AssignedEvent",
    "auto_merge_disabled": "AutoMergeDisabledEvent",
    "auto_merge_enabled": "AutoMergeEnabledEvent",
    "base_ref_changed": "BaseRefChangedEvent",
    "comment_deleted": "CommentDeletedEvent",
    "connected": "ConnectedEvent",
    "cross-referenced": "CrossReferencedEvent",
    "disconnected": "DisconnectedEvent",
    "head_ref_deleted": "HeadRefDeletedEvent",
    "head_ref_force_pushed": "HeadRefForcePushedEvent",
    "pinned": "PinnedEvent",
    "referenced": "ReferencedEvent",
    "unpinned": "UnpinnedEvent",
    "closed": "ClosedEvent",
    "convert_to_draft": "ConvertToDraftEvent",
    "demilestoned": "DemilestonedEvent",
    "labeled": "LabeledEvent",
    "locked": "LockedEvent",
    "merged": "MergedEvent",
    "milestoned": "MilestonedEvent",
    "ready_for_review": "ReadyForReviewEvent",
    "renamed": "RenamedTitleEvent",
    "reopened": "ReopenedEvent",
    "review_dismissed": "ReviewDismissedEvent",
    "review_request_removed": "ReviewRequestRemovedEvent",
    "review_requested": "ReviewRequestedEvent",
    "transferred": "TransferredEvent",
    "unassigned": "UnassignedEvent",
    "unlabeled": "UnlabeledEvent",
    "unlocked": "UnlockedEvent",
}
_TYPE_OF = {Comment: "IssueComment", Review: "PullRequestReview"}
_COMMIT = "PullRequestCommit"
Commits = Callable[[Pull, Info], list[tuple[int, Any]]]


class TimelinePage(Page):
    """Beside all items, those that are left after `itemTypes` and `since`."""

    def __init__(self, page: Page, everything: int, left: int, updated_at: int) -> None:
        super().__init__(lambda: page.part, lambda: everything)
        self.left = left
        self.updated_at = updated_at


def timeline_of(commits: Commits) -> Callable[..., TimelinePage]:
    """The field `timelineItems`; `commits` gives a pull request's with their times."""

    def items(
        node: Issue | Pull,
        info: Info,
        itemTypes: Sequence[str] | None = None,
        since: str | None = None,
        skip: int | None = None,
        **args: Any,
    ) -> TimelinePage:
        found = _items(node, info, commits)
        kept = [one for one in found if itemTypes is None or _item_type(one[1]) in itemTypes]
        if since is not None:
            start = when(since)
            kept = [one for one in kept if one[0] >= start]
        # As on GitHub, the total takes no notice of the filters.
        page = of_list(info, [one[1] for one in kept[skip or 0 :]], args)
        issue = node if isinstance(node, Issue) else node.issue
        return TimelinePage(page, len(found), len(kept), issue.updated_at)

    return items


def _items(node: Issue | Pull, info: Info, commits: Commits) -> list[tuple[int, Any]]:
    store, issue = info.context.store, node if isinstance(node, Issue) else node.issue
    found: list[tuple[int, Any]] = [
        (one.created_at, one)
        for one in store.issue_events(issue.id)
        if one.event in EVENT_TYPES and _shown(one, info)
    ]
    found += [(one.created_at, one) for one in store.comments(issue.id)]
    if isinstance(node, Pull):
        found += [
            (one.submitted_at, one)
            for one in store.reviews(node.id)
            if one.submitted_at is not None
        ]
        if info.context.caller.allows("contents"):
            found += commits(node, info)
    found.sort(key=lambda one: one[0])
    return found


def _shown(event: IssueEvent, info: Info) -> bool:
    """Of a mention in a repository that the caller may not see, nothing is shown."""
    if "source_id" not in event.detail:
        return True
    source = info.context.store.issue(event.detail["source_id"])
    return source is not None and info.context.repository(source.repository_id) is not None


def _item_type(item: Any) -> str:
    """The name of an item's type as `itemTypes` has it: LabeledEvent is LABELED_EVENT."""
    name = EVENT_TYPES[item.event] if isinstance(item, IssueEvent) else ""
    name = name or _TYPE_OF.get(type(item), _COMMIT)
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()


def event_by_id(info: Info, parts: Parts) -> IssueEvent | None:
    """An event by any of their prefixes."""
    info.context.need("issues|pull_requests")
    found = info.context.store.issue_event(int(parts[1]))
    known = found is not None and found.event in EVENT_TYPES and _shown(found, info)
    return found if known and found is not None and found.repository_id == parts[0] else None


def subject_of(event: IssueEvent, info: Info) -> Issue | Pull:
    """What it was done to."""
    issue = info.context.store.issue(event.issue_id)
    if issue is None:
        raise Problem("NOT_FOUND", "Could not resolve to an Issue.")
    return issue if issue.pull_id is None else info.context.store.pull_of(issue)


def _actor(event: IssueEvent, info: Info) -> Account | None:
    return info.context.store.account(event.actor_id)


def _assignee(event: IssueEvent, info: Info) -> Account | None:
    return info.context.store.account(event.detail.get("assignee_id"))


def _assigned_user(event: IssueEvent, info: Info) -> Account | None:
    found = _assignee(event, info)
    return found if found is not None and found.type == "User" else None


def _label(event: IssueEvent, info: Info) -> Label:
    """The label as it was called then; one that is gone is known by that alone."""
    named = event.detail["label"]
    found = info.context.store.label_by_name(event.repository_id, named["name"])
    if found is not None:
        return found
    return Label(0, event.repository_id, named["name"], named["color"], None, False)


def _reviewer(event: IssueEvent, info: Info) -> Account | Team | None:
    store, detail = info.context.store, event.detail
    return store.account(detail.get("reviewer_id")) or store.team(detail.get("team_id"))


def _dismissed(event: IssueEvent, info: Info) -> Review | None:
    return info.context.store.find_review(event.detail["dismissed_review"]["review_id"])


def _message(event: IssueEvent) -> str | None:
    found: str | None = event.detail["dismissed_review"].get("dismissal_message")
    return found


def commit_of(event: IssueEvent, info: Info, key: str = "commit_id") -> CommitNode | None:
    """The commit that it names, if git has it still."""
    sha = event.detail.get(key)
    commits = info.context.commits(info.context.home(event.repository_id))
    return None if sha is None or commits.find(sha) is None else CommitNode(sha, commits)


def _base(event: IssueEvent, info: Info) -> str:
    subject = subject_of(event, info)
    return subject.part.base_ref if isinstance(subject, Pull) else ""


def _merge_ref(event: IssueEvent, info: Info) -> Any:
    from githubsim.graphql.repositories import ref_of  # noqa: PLC0415 (it imports this file)

    home = info.context.home(event.repository_id)
    return ref_of(home, info, f"refs/heads/{_base(event, info)}")


def _from_repository(event: IssueEvent, info: Info) -> Repository | None:
    found: Repository | None = info.context.repository(event.detail.get("from_repository_id"))
    return found


def _lock_reason(event: IssueEvent) -> str | None:
    reason = event.detail.get("lock_reason")
    return reason.upper().replace(" ", "_").replace("-", "_") if reason else None


def _closed_because(event: IssueEvent, info: Info) -> str | None:
    reason = (event.detail.get("state_reason") or "").upper()
    return reason or None


def _reopened_because(event: IssueEvent, info: Info) -> str | None:
    return "REOPENED" if isinstance(subject_of(event, info), Issue) else None


def _path(event: IssueEvent, info: Info) -> str:
    home, subject = info.context.home(event.repository_id), subject_of(event, info)
    kind = "issues" if isinstance(subject, Issue) else "pull"
    page = f"/{quote(info.context.full_name(home))}/{kind}/{subject.number}"
    return f"{page}#event-{event.id}"


ANY: Resolvers = {
    "actor": _actor,
    "createdAt": lambda event, _: iso(event.created_at),
    "id": lambda event, _: event.node_id,
}
LOCATED: Resolvers = {
    "resourcePath": _path,
    "url": lambda event, info: info.context.web + _path(event, info),
}
_ASSIGNING = ANY | {
    "assignable": subject_of,
    "assignee": _assignee,
    "user": _assigned_user,
}
_LABELLING = ANY | {"label": _label, "labelable": subject_of}
_SORTING = ANY | {
    "milestoneTitle": lambda event, _: event.detail["milestone"]["title"],
    "subject": subject_of,
}
_ASKING = ANY | {"pullRequest": subject_of, "requestedReviewer": _reviewer}
_DRAFTING = ANY | LOCATED | {"pullRequest": subject_of}
_CONNECTION = CONNECTION | {
    "filteredCount": lambda page, _: page.left,
    "pageCount": lambda page, _: len(page.part.edges),
    "updatedAt": lambda page, _: iso(page.updated_at),
}
TYPES: dict[str, Resolvers] = {
    "AssignedEvent": _ASSIGNING,
    "ClosedEvent": ANY
    | LOCATED
    | {
        "closable": subject_of,
        # Nothing here closes an issue but people.
        "closer": lambda event, _: None,
        "stateReason": _closed_because,
    },
    "ConvertToDraftEvent": _DRAFTING,
    "DemilestonedEvent": _SORTING,
    "IssueTimelineItemsConnection": _CONNECTION,
    "LabeledEvent": _LABELLING,
    "LockedEvent": ANY
    | {"lockReason": lambda event, _: _lock_reason(event), "lockable": subject_of},
    "MergedEvent": ANY
    | LOCATED
    | {
        "commit": lambda event, info: commit_of(event, info),
        "mergeRef": _merge_ref,
        "mergeRefName": _base,
        "pullRequest": subject_of,
    },
    "MilestonedEvent": _SORTING,
    "PullRequestTimelineItemsConnection": _CONNECTION,
    "ReadyForReviewEvent": _DRAFTING,
    "RenamedTitleEvent": ANY
    | {
        "currentTitle": lambda event, _: event.detail["rename"]["to"],
        "previousTitle": lambda event, _: event.detail["rename"]["from"],
        "subject": subject_of,
    },
    "ReopenedEvent": ANY | {"closable": subject_of, "stateReason": _reopened_because},
    "ReviewDismissedEvent": ANY
    | LOCATED
    | {
        "databaseId": lambda event, _: event.id,
        "dismissalMessage": lambda event, _: _message(event),
        "dismissalMessageHTML": lambda event, _: html_of(_message(event)),
        "previousReviewState": lambda event, _: event.detail["dismissed_review"]["state"].upper(),
        "pullRequest": subject_of,
        "pullRequestCommit": lambda event, _: None,
        "review": _dismissed,
    },
    "ReviewRequestRemovedEvent": _ASKING,
    "ReviewRequestedEvent": _ASKING,
    "TransferredEvent": ANY | {"fromRepository": _from_repository, "issue": subject_of},
    "UnassignedEvent": _ASSIGNING,
    "UnlabeledEvent": _LABELLING,
    "UnlockedEvent": ANY | {"lockable": subject_of},
}
