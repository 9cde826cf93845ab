"""What was done to issues and pull requests, by whom and when: their timelines."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._graphql import ASSIGNEE_FIELDS
from autosync.kinds._kind import Clock, Kind, List, Nested, OfRepository, Parent
from autosync.kinds._rules import Around
from autosync.kinds._union import Type, Union
from autosync.kinds.issue import Issue
from autosync.kinds.pull_request import PullRequest

_PULL = ("PullRequest",)
_WHERE = "number repository_id: repository { databaseId }"
_OTHER = f"{{ type: __typename ... on Issue {{ {_WHERE} }} ... on PullRequest {{ {_WHERE} }} }}"
_ASSIGNEE = {"subject": f"assignee {{ {ASSIGNEE_FIELDS} }}"}
_REVIEWER = {
    "subject": f"requestedReviewer {{ {ASSIGNEE_FIELDS} }}",
    "team": "requestedReviewer { ... on Team { slug } }",
}
_LINK = {"source": f"source {_OTHER}", "target": f"subject {_OTHER}"}
_DUPLICATE = {"canonical": f"canonical {_OTHER}"}
_BASES = {"from": "oldBase", "to": "newBase"}
_MOVED = {"commit": "afterCommit", "before": "beforeCommit { oid }"}

# By the names that REST has: https://docs.github.com/rest/using-the-rest-api/issue-event-types.
# What has a table of its own is left out: comments, commits, reviews, threads. So are those who
# subscribed or were mentioned, one for each that takes part, and columns of classic projects.
EVENTS = Union(
    {
        "AddedToMergeQueueEvent": Type("added_to_merge_queue", of=_PULL),
        "AssignedEvent": Type("assigned", _ASSIGNEE),
        "AutoMergeDisabledEvent": Type("auto_merge_disabled", {"reason": "reason"}, of=_PULL),
        "AutoMergeEnabledEvent": Type("auto_merge_enabled", of=_PULL),
        "AutomaticBaseChangeFailedEvent": Type("automatic_base_change_failed", _BASES, of=_PULL),
        "AutomaticBaseChangeSucceededEvent": Type(
            "automatic_base_change_succeeded", _BASES, of=_PULL
        ),
        "BaseRefChangedEvent": Type(
            "base_ref_changed", {"from": "previousRefName", "to": "currentRefName"}, of=_PULL
        ),
        "BaseRefDeletedEvent": Type("base_ref_deleted", {"base": "baseRefName"}, of=_PULL),
        "BaseRefForcePushedEvent": Type("base_ref_force_pushed", _MOVED, of=_PULL),
        "ClosedEvent": Type(
            "closed",
            {
                "commit": "closer { ... on Commit { oid } }",
                "pull_request": f"closer {{ ... on PullRequest {{ {_WHERE} }} }}",
                "state_reason": "stateReason",
            },
        ),
        "CommentDeletedEvent": Type(
            "comment_deleted", {"subject": f"deletedCommentAuthor {{ {ASSIGNEE_FIELDS} }}"}
        ),
        "ConnectedEvent": Type("connected", _LINK),
        "ConvertToDraftEvent": Type("convert_to_draft", of=_PULL),
        "ConvertedToDiscussionEvent": Type("converted_to_discussion"),
        "CrossReferencedEvent": Type(
            "cross-referenced", {"source": f"source {_OTHER}", "will_close": "willCloseTarget"}
        ),
        "DemilestonedEvent": Type("demilestoned", {"milestone": "milestoneTitle"}),
        "DisconnectedEvent": Type("disconnected", _LINK),
        "HeadRefDeletedEvent": Type("head_ref_deleted", {"ref": "headRefName"}, of=_PULL),
        "HeadRefForcePushedEvent": Type("head_ref_force_pushed", _MOVED, of=_PULL),
        "HeadRefRestoredEvent": Type("head_ref_restored", of=_PULL),
        "LabeledEvent": Type("labeled", {"label": "label { name }"}),
        "LockedEvent": Type("locked", {"lock_reason": "lockReason"}),
        "MarkedAsDuplicateEvent": Type("marked_as_duplicate", _DUPLICATE),
        "MergedEvent": Type("merged", {"commit": "commit", "into": "mergeRefName"}, of=_PULL),
        "MilestonedEvent": Type("milestoned", {"milestone": "milestoneTitle"}),
        "PinnedEvent": Type("pinned"),
        "ReadyForReviewEvent": Type("ready_for_review", of=_PULL),
        "ReferencedEvent": Type(
            "referenced",
            {"commit": "commit", "commit_repository_id": "commitRepository { databaseId }"},
        ),
        "RemovedFromMergeQueueEvent": Type(
            "removed_from_merge_queue", {"reason": "reason"}, of=_PULL
        ),
        "RenamedTitleEvent": Type("renamed", {"from": "previousTitle", "to": "currentTitle"}),
        "ReopenedEvent": Type("reopened", {"state_reason": "stateReason"}),
        "ReviewDismissedEvent": Type(
            "review_dismissed",
            {
                "message": "dismissalMessage",
                "previous_state": "previousReviewState",
                "review_id": "review { fullDatabaseId }",
            },
            of=_PULL,
        ),
        "ReviewRequestRemovedEvent": Type("review_request_removed", _REVIEWER, of=_PULL),
        "ReviewRequestedEvent": Type("review_requested", _REVIEWER, of=_PULL),
        "TransferredEvent": Type(
            "transferred", {"from_repository_id": "fromRepository { databaseId }"}
        ),
        "UnassignedEvent": Type("unassigned", _ASSIGNEE),
        "UnlabeledEvent": Type("unlabeled", {"label": "label { name }"}),
        "UnlockedEvent": Type("unlocked"),
        "UnmarkedAsDuplicateEvent": Type("unmarked_as_duplicate", _DUPLICATE),
        "UnpinnedEvent": Type("unpinned"),
        "UserBlockedEvent": Type("user_blocked", {"subject": f"subject {{ {ASSIGNEE_FIELDS} }}"}),
    },
    argument="itemTypes",
    count="pageCount",
    columns=frozenset({"commit", "subject"}),
    words=frozenset({"lock_reason", "previous_state", "state_reason"}),
)


class TimelineEvent(OfRepository, key=("node_id",)):
    """One thing that was done to an issue or a pull request. They share their numbers."""

    issue_number = gh.NumberOf(
        None, graph=None, about="The number of the issue or the pull request."
    )
    event = gh.TypeName(
        EVENTS,
        about="What was done, as REST calls it: labeled, closed, cross-referenced and so on.",
    )
    actor_id = gh.ActorId(
        None, graph="actor", null=True, about="Who did it; null if nobody did, or if that is gone."
    )
    actor_login = gh.ActorLogin(None, graph="actor", about="The login of who did it.")
    subject_id = gh.ActorId(
        None, graph="subject", null=True,
        about="Whom it was done to: who was assigned, or asked for a review.",
    )  # fmt: skip
    subject_login = gh.ActorLogin(None, graph="subject", about="The login of whom it was done to.")
    commit_sha = gh.Sha(
        None, graph="commit.oid", none=True,
        about="The commit that closed, merged or mentions it, or that was pushed by force.",
    )  # fmt: skip
    details = gh.Member(
        EVENTS, null=True,
        about="What only some have: label, milestone, a title from and to, source and so on.",
    )  # fmt: skip
    created_at = gh.Moment(None, graph="createdAt", null=True, about="When it was done.")

    github = Kind(
        read=Nested(
            (Issue, PullRequest),
            "timelineItems",
            type="Node",
            first=100,
            # A mention of it elsewhere moves no clock: josegonzalez/python-github-backup#168.
            unheard=True,
            union=EVENTS,
        ),
        under=Parent((Issue, PullRequest), number="issue_number"),
        # No event has the id of what it adds here: that is read with the next sync.
        events={
            "issues": Around("issue", mentions=("issue.body",)),
            "issue_comment": Around("issue", only={"deleted"}, mentions=("comment.body",)),
            "pull_request": Around("pull_request", mentions=("pull_request.body",)),
            "pull_request_review": Around(
                "pull_request", only={"dismissed"}, mentions=("review.body",)
            ),
            "pull_request_review_comment": Around(mentions=("comment.body",)),
            "push": Around(mentions=("commits.message",)),
        },
        needs={"issues": "read", "pull_requests": "read"},
        clock=Clock.ARRIVAL,
        api=List(
            "-created_at",
            filters=("issue_number", "event", "actor_login", "subject_login", "commit_sha"),
            columns=("issue_number", "event", "actor_login", "subject_login", "created_at"),
        ),
    )

    class Meta:
        indexes = [
            models.Index(fields=["repository", "issue_number"], name="timeline_event_by_issue"),
        ]

    def __str__(self) -> str:
        return f"{self.event} on #{self.issue_number}"
