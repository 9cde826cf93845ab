"""The rows of what happened around issues: events in their timeline, and reactions."""

from dataclasses import dataclass
from typing import Any

from githubsim.ids import node_id

# As node ids of events of the timeline begin.
PREFIXES = {
    "assigned": "AE",
    "auto_merge_disabled": "AMDE",
    "auto_merge_enabled": "AMEE",
    "base_ref_changed": "BRCE",
    "comment_deleted": "CDE",
    "connected": "CNE",
    "cross-referenced": "CRE",
    "disconnected": "DCE",
    "head_ref_deleted": "HRDE",
    "head_ref_force_pushed": "HRFPE",
    "pinned": "PINE",
    "referenced": "REFE",
    "unpinned": "UNPINE",
    "closed": "CE",
    "convert_to_draft": "CTDE",
    "demilestoned": "DME",
    "labeled": "LE",
    "locked": "LOE",
    "merged": "ME",
    "milestoned": "MIE",
    "ready_for_review": "RFRE",
    "renamed": "RTE",
    "reopened": "REE",
    "review_dismissed": "RDE",
    "review_request_removed": "RRRE",
    "review_requested": "RRE",
    "transferred": "TE",
    "unassigned": "UNAE",
    "unlabeled": "UNLE",
    "unlocked": "UNLOE",
}
CONTENTS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


@dataclass(frozen=True, slots=True)
class IssueEvent:
    """Something that was done to an issue or pull request; `event` is GitHub's name for it.

    `detail` holds what the event adds: `label` (name, color), `assignee_id`, `milestone` (title),
    `rename` (from, to), `lock_reason`, `commit_id`, `state_reason`, `reviewer_id`, `team_id`,
    `dismissed_review`, `from_repository_id`, `source_id` (of the issue that mentions it) and
    `will_close`, `deleted_author_id`, `previous_ref`, `before`, `ref`.
    """

    id: int
    repository_id: int
    issue_id: int
    actor_id: int | None
    event: str
    created_at: int
    detail: dict[str, Any]

    @property
    def node_id(self) -> str:
        return node_id(PREFIXES.get(self.event, "IE"), self.repository_id, self.id)


@dataclass(frozen=True, slots=True)
class Reaction:
    """`content` is one of CONTENTS; `subject` says what `subject_id` is the id of: issue (of a
    pull request its issue), comment, review, review_comment, commit_comment or release.
    """

    id: int
    repository_id: int
    subject: str
    subject_id: int
    account_id: int | None
    content: str
    created_at: int

    @property
    def node_id(self) -> str:
        return node_id("REA", self.repository_id, self.id)
