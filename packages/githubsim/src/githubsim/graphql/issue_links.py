"""Sub-issues and dependencies of issues; of those elsewhere the ones that the caller may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from githubsim.graphql.context import Info
from githubsim.graphql.pages import Page, Resolvers, of_list
from githubsim.store import Issue


def _shown(found: Sequence[Issue], info: Info) -> list[Issue]:
    return [one for one in found if info.context.repository(one.repository_id) is not None]


def _parent(issue: Issue, info: Info) -> Issue | None:
    found = info.context.store.parent_of(issue.id)
    return found if found is not None and _shown([found], info) else None


def _sub_issues(issue: Issue, info: Info, **args: Any) -> Page:
    return of_list(info, _shown(info.context.store.sub_issues(issue.id), info), args)


def _summary(issue: Issue, info: Info) -> tuple[int, int]:
    counts: tuple[int, int] = info.context.store.count_sub_issues(issue.id)
    return counts


def _ordered(found: list[Issue], info: Info, args: dict[str, Any]) -> Page:
    """Those added last come first, unless another order is asked for."""
    order = args.get("orderBy") or {}
    shown = _shown(found, info)
    if order.get("field") == "CREATED_AT":
        shown.sort(key=lambda one: (one.created_at, one.id))
    if order.get("direction") != "ASC":
        shown.reverse()
    return of_list(info, shown, args)


def _blocked_by(issue: Issue, info: Info, **args: Any) -> Page:
    return _ordered(info.context.store.blocked_by(issue.id), info, args)


def _blocking(issue: Issue, info: Info, **args: Any) -> Page:
    return _ordered(info.context.store.blocking(issue.id), info, args)


ISSUE: Resolvers = {
    "blockedBy": _blocked_by,
    "blocking": _blocking,
    "issueDependenciesSummary": lambda issue, info: info.context.store.count_dependencies(issue.id),
    "parent": _parent,
    "subIssues": _sub_issues,
    "subIssuesSummary": _summary,
}
TYPES: dict[str, Resolvers] = {
    "IssueDependenciesSummary": {
        "blockedBy": lambda counts, _: counts["blocked_by"],
        "blocking": lambda counts, _: counts["blocking"],
        "totalBlockedBy": lambda counts, _: counts["total_blocked_by"],
        "totalBlocking": lambda counts, _: counts["total_blocking"],
    },
    "SubIssuesSummary": {
        "completed": lambda counts, _: counts[1],
        "percentCompleted": lambda counts, _: 100 * counts[1] // counts[0] if counts[0] else 0,
        "total": lambda counts, _: counts[0],
    },
}
