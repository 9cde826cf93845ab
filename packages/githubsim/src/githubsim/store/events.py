"""Every webhook that there is: the names and actions of all that the store can tell."""

_ISSUE = (
    "assigned",
    "closed",
    "demilestoned",
    "edited",
    "labeled",
    "locked",
    "milestoned",
    "opened",
    "reopened",
    "unassigned",
    "unlabeled",
    "unlocked",
)
EVENTS: dict[str, tuple[str | None, ...]] = {
    "commit_comment": ("created",),
    "create": (None,),
    "delete": (None,),
    "fork": (None,),
    "installation": ("created", "deleted", "new_permissions_accepted", "suspend", "unsuspend"),
    "installation_repositories": ("added", "removed"),
    "issue_comment": ("created", "deleted", "edited"),
    "issue_dependencies": (
        "blocked_by_added",
        "blocked_by_removed",
        "blocking_added",
        "blocking_removed",
    ),
    "issues": (*_ISSUE, "deleted", "transferred"),
    "label": ("created", "deleted", "edited"),
    "member": ("added", "edited", "removed"),
    "membership": ("added", "removed"),
    "milestone": ("closed", "created", "deleted", "edited", "opened"),
    "organization": ("member_added", "member_removed"),
    "ping": (None,),
    "pull_request": (
        *_ISSUE,
        "auto_merge_disabled",
        "auto_merge_enabled",
        "converted_to_draft",
        "ready_for_review",
        "review_request_removed",
        "review_requested",
        "synchronize",
    ),
    "pull_request_review": ("dismissed", "edited", "submitted"),
    "pull_request_review_comment": ("created", "deleted", "edited"),
    "pull_request_review_thread": ("resolved", "unresolved"),
    "push": (None,),
    "release": (
        "created",
        "deleted",
        "edited",
        "prereleased",
        "published",
        "released",
        "unpublished",
    ),
    "repository": (
        "archived",
        "created",
        "deleted",
        "edited",
        "privatized",
        "publicized",
        "renamed",
        "transferred",
        "unarchived",
    ),
    "star": ("created", "deleted"),
    "sub_issues": (
        "parent_issue_added",
        "parent_issue_removed",
        "sub_issue_added",
        "sub_issue_removed",
    ),
    "team": ("added_to_repository", "created", "deleted", "edited", "removed_from_repository"),
    "team_add": (None,),
    "watch": ("started",),
}


def need_known(name: str, action: str | None) -> None:
    """LookupError for an event that is not in the table: its payload would be nobody's to check."""
    if action not in EVENTS.get(name, ()):
        raise LookupError(f"{name}.{action} is not among the events of githubsim.store.events")
