"""What the mirror has, through plain SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.chaos.child_tables import OFF, TABLES, plain

Rows = dict[Any, dict[str, Any]]
Query = Callable[[str], list[list[Any]]]

# Every column that is GitHub's.
INSTALLATIONS = (
    "account_id", "account_login", "account_type", "account_avatar_url", "repository_selection",
    "permissions", "events", "suspended_at", "created_at", "updated_at",
)  # fmt: skip
REPOSITORIES = (
    "node_id", "installation_id", "owner_login", "name", "full_name", "description", "homepage",
    "language", "topics", "visibility", "private", "fork", "archived", "disabled", "has_issues",
    "default_branch", "html_url", "clone_url", "size", "stargazers_count", "forks_count",
    "created_at", "pushed_at", "updated_at", "license_key", "license_name", "license_spdx_id",
)  # fmt: skip
_COMMON = (
    "node_id", "repository_id", "number", "title", "body", "state", "author_id", "author_login",
    "labels", "assignees", "milestone", "milestone_number", "locked", "comments_count", "html_url",
    "created_at", "closed_at", "updated_at", "author_association", "active_lock_reason",
)  # fmt: skip
ISSUES = (*_COMMON, "state_reason")
PULL_REQUESTS = (
    *_COMMON, "draft", "merged", "merged_at", "merged_by_login", "merge_commit_sha", "base_ref",
    "base_sha", "head_ref", "head_sha", "head_repository", "head_repository_id", "additions",
    "deletions", "changed_files", "commits_count", "maintainer_can_modify", "merged_by_id",
    "auto_merge_method", "auto_merge_by_id", "auto_merge_by_login", "brings_commits",
    "brings_files",
)  # fmt: skip
COMMITS = (
    "parents", "author_name", "author_email", "authored_at", "committer_name", "committer_email",
    "committed_at", "message", "on_default_branch", "additions", "deletions", "changed_files",
    "author_user_id", "author_login", "files",
)  # fmt: skip
CONTRIBUTORS = (
    "github_user_id", "login", "contributions", "first_commit_at", "last_commit_at",
)  # fmt: skip

_LIVE = "deleted_at IS NULL AND suspended_at IS NULL"
_SEEN = (
    "deleted_at IS NULL AND removed_at IS NULL AND installation_id IN "
    f"(SELECT github_id FROM installations WHERE {_LIVE})"
)
_INSIDE = f"repository_id IN (SELECT github_id FROM repositories WHERE {_SEEN})"
_OF_IT = "repository_id = pull_requests.repository_id AND pull_request_number = number"
_AS_GIT_SAYS = {
    "brings_commits": "(SELECT coalesce(json_agg(sha ORDER BY position), '[]') "
    f"FROM pull_request_commits o WHERE o.{_OF_IT})",
    "brings_files": "(SELECT coalesce(json_agg(json_build_array(o.additions, o.deletions) "
    f"ORDER BY position), '[]') FROM pull_request_files o WHERE o.{_OF_IT})",
    "authored_at": "extract(epoch FROM authored_at)::bigint",
    "committed_at": "extract(epoch FROM committed_at)::bigint",
    "message": "rtrim(message, E'\\n')",
    "files": "(SELECT coalesce(json_agg(json_build_array(additions, deletions) ORDER BY position), "
    "'[]') FROM commit_files WHERE commit_id = commits.id)",
}


def mirror(query: Query) -> dict[str, Rows]:
    """Table → key → row, of what is there and visible."""
    live = f"deleted_at IS NULL AND {_INSIDE}"
    issues = _rows(query, "issues", "github_issue_id", ISSUES, live)
    pulls = _rows(query, "pull_requests", "github_id", PULL_REQUESTS, live)
    for row in [*issues.values(), *pulls.values()]:
        row["labels"] = sorted((label["name"], label["color"]) for label in row["labels"])
    refs = query(
        "SELECT repository_id, CASE kind WHEN 'branch' THEN 'refs/heads/' ELSE 'refs/tags/' END "
        f"|| name, sha FROM refs WHERE {live}"
    )
    return {
        "installations": _rows(
            query, "installations", "github_id", INSTALLATIONS, "deleted_at IS NULL"
        ),
        "repositories": _rows(query, "repositories", "github_id", REPOSITORIES, _SEEN),
        "issues": issues,
        "pull_requests": pulls,
        "refs": {(r[0], r[1]): {"sha": r[2]} for r in refs},
        "commits": _reachable(
            _rows(query, "commits", "repository_id, sha", COMMITS, live),
            {(r[0], r[2]) for r in refs},
        ),
        "contributors": _rows(
            query, "contributors", "repository_id, identity", CONTRIBUTORS, _INSIDE
        ),
    }


def children(query: Query) -> dict[str, Rows]:
    """The same of what belongs to them, for each of TABLES that the mirror has."""
    found: dict[str, Rows] = {}
    for name, table in TABLES.items():
        if query(f"SELECT to_regclass('{name}')") == [[None]]:
            continue
        read = f"SELECT FROM resource_cursors WHERE resource = '{OFF.get(name)}'"
        if name in OFF and query(f"SELECT EXISTS ({read}) OR EXISTS (SELECT FROM {name})") == [
            [False]
        ]:
            continue
        has = {
            row[0]
            for row in query(
                "SELECT attname FROM pg_attribute "
                f"WHERE attrelid = '{name}'::regclass AND attnum > 0 AND NOT attisdropped"
            )
        }
        where = _INSIDE
        where += " AND deleted_at IS NULL" if "deleted_at" in has else ""
        # Neither drafts nor their files: an App without the right to push is not shown them.
        where += " AND NOT draft" if "draft" in has else ""
        if "release_id" in has:
            where += " AND release_id NOT IN (SELECT github_id FROM releases WHERE draft)"
        columns = (*table.columns, *(one for one in table.may if one in has))
        rows = _rows(query, name, ", ".join(table.key), columns, where)
        found[name] = {
            key: {column: plain(value) for column, value in row.items()}
            for key, row in rows.items()
        }
    return found


def _rows(query: Query, table: str, key: str, names: tuple[str, ...], where: str) -> Rows:
    columns = "".join(f", {_AS_GIT_SAYS.get(name, name)}" for name in names)
    width = key.count(",") + 1
    return {
        row[0] if width == 1 else tuple(row[:width]): dict(zip(names, row[width:], strict=True))
        for row in query(f"SELECT {key}{columns} FROM {table} WHERE {where}")
    }


def _reachable(stored: Rows, heads: set[tuple[int, str]]) -> Rows:
    """The mirror keeps commits that no ref reaches any more; only those reached are compared."""
    found: Rows = {}
    queue = [head for head in heads if head in stored]
    while queue:
        key = queue.pop()
        if key in found or key not in stored:
            continue
        found[key] = stored[key]
        queue += [(key[0], parent) for parent in stored[key]["parents"]]
    return found
