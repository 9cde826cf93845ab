"""The tables of what belongs to repositories, issues and pull requests: keys and columns.

Both sides of the judge go by this list. Of a table that the mirror lacks nothing is compared, nor
of a column that it may lack.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Table(NamedTuple):
    """`key` identifies a row; `may` are columns that are compared where the table has them."""

    key: tuple[str, ...]
    columns: tuple[str, ...]
    may: tuple[str, ...] = ()


_AUTHOR = ("author_id", "author_login")
_CLOCKS = ("created_at", "updated_at")

TABLES = {
    # Drafts are for who may push: an App that only reads is told of some, and can list none.
    "releases": Table(
        ("node_id",),
        ("repository_id", "tag_name", "name", "body", "prerelease", *_AUTHOR, "html_url", *_CLOCKS,
         "published_at"),
        ("github_id", "target_commitish", "draft"),
    ),
    "release_assets": Table(
        ("node_id",),
        ("repository_id", "release_id", "name", "content_type", "size", "uploader_id",
         "uploader_login", "browser_download_url", *_CLOCKS),
        ("github_id", "label", "state", "digest", "download_count"),
    ),
    "labels": Table(
        ("node_id",), ("repository_id", "name", "color", "description"), ("github_id", "is_default")
    ),
    "milestones": Table(
        ("node_id",),
        ("repository_id", "number", "title", "description", "state", "creator_id", "creator_login",
         "html_url", "due_on", *_CLOCKS, "closed_at"),
        ("github_id",),
    ),
    "issue_comments": Table(
        ("node_id",),
        ("repository_id", "issue_number", *_AUTHOR, "author_association", "body", "html_url",
         *_CLOCKS),
        ("github_id",),
    ),
    "commit_comments": Table(
        ("node_id",),
        ("repository_id", "commit_sha", *_AUTHOR, "author_association", "body", "path", "position",
         "line", "html_url", *_CLOCKS),
        ("github_id",),
    ),
    "reviews": Table(
        ("node_id",),
        ("repository_id", "pull_number", *_AUTHOR, "author_association", "state", "body",
         "commit_sha", "html_url", "submitted_at"),
        ("github_id",),
    ),
    "review_comments": Table(
        ("node_id",),
        ("repository_id", "pull_number", *_AUTHOR, "author_association", "body", "path",
         "commit_sha", "html_url", *_CLOCKS),
        ("github_id", "review_id", "in_reply_to_id", "diff_hunk", "line", "original_line", "side",
         "start_line", "original_start_line", "start_side", "subject_type",
         "original_commit_sha"),
    ),
    "review_threads": Table(
        ("node_id",),
        ("repository_id", "pull_number", "path", "is_resolved", "is_outdated", "resolved_by_id",
         "resolved_by_login", "line", "original_line", "start_line", "original_start_line", "side",
         "start_side", "subject_type"),
    ),
    # Of pull requests too. What details hold is compared by a test of their own.
    "timeline_events": Table(
        ("node_id",),
        ("repository_id", "issue_number", "event", "actor_id", "actor_login", "subject_id",
         "subject_login", "commit_sha", "created_at"),
    ),
    "reactions": Table(
        ("node_id",), ("repository_id", "issue_number", "content", "user_id", "user_login",
         "created_at"),
    ),
    "closing_references": Table(
        ("repository_id", "pull_number", "issue_id"), ("issue_number", "issue_repository_id")
    ),
    "sub_issues": Table(
        ("repository_id", "parent_number", "issue_id"),
        ("issue_number", "issue_repository_id", "position"),
    ),
    "issue_dependencies": Table(
        ("repository_id", "issue_number", "blocking_id"),
        ("blocking_number", "blocking_repository_id"),
    ),
    "stars": Table(("repository_id", "user_id"), ("user_login", "starred_at")),
    "repository_languages": Table(("repository_id", "name"), ("size",)),
    "repository_activity": Table(
        ("github_id",),
        ("repository_id", "node_id", "activity_type", "ref", "before_sha", "after_sha", "actor_id",
         "actor_login", "created_at"),
    ),
    "annotated_tags": Table(
        ("repository_id", "sha"),
        ("tag", "message", "tagger_name", "tagger_email", "tagged_at", "object_sha", "object_type",
         "signed"),
    ),
    "readmes": Table(
        ("repository_id", "path"), ("sha", "size", "content", "is_binary", "is_truncated")
    ),
    "license_files": Table(("repository_id", "path"), ("sha", "size", "content")),
    "codeowners": Table(("repository_id", "line"), ("path", "pattern", "owners", "error")),
    "watchers": Table(("repository_id", "user_id"), ("user_login",)),
    "forks": Table(
        ("repository_id", "fork_id"),
        ("full_name", "owner_id", "owner_login", "html_url", "created_at"),
    ),
    # Of pull requests too: the two share their numbers.
    "issue_labels": Table(("repository_id", "issue_number", "label_node_id"), ()),
    "issue_assignees": Table(("repository_id", "issue_number", "user_id"), ("user_login",)),
    "requested_reviewers": Table(
        # The type is user or team; a team has a slug for a login.
        ("repository_id", "pull_number", "reviewer_type", "reviewer_id"), ("reviewer_login",)
    ),
}  # fmt: skip


# Those of kinds that are off by default: compared where the mirror has read some.
OFF = {
    "reactions": "reaction",
    "repository_activity": "repository_activity",
    "repository_languages": "repository_language",
    "watchers": "watcher",
}


def plain(value: Any) -> Any:
    """No text is no text, be it null or empty."""
    return None if value == "" else value
