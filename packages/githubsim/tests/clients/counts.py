"""What a client that reads everything must count, from the world's own truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Truth = Mapping[str, Mapping[str, Any]]
REST = (
    "commits",
    "branches",
    "tags",
    "releases",
    "issues",
    "pulls",
    "comments",
    "reviews",
    "review_comments",
    "labels",
    "milestones",
)
GRAPHQL = tuple(kind for kind in REST if kind not in ("releases", "reviews", "review_comments"))


def expected(truth: Truth, *kinds: str) -> dict[str, dict[str, int]]:
    """Per repository the counts of these kinds; `commits` are those of the default branch."""
    return {name: {kind: _count(one, kind) for kind in kinds} for name, one in truth.items()}


def _count(repository: Mapping[str, Any], kind: str) -> int:
    # What a world does not count it does not have.
    found = repository.get("commits_on_default" if kind == "commits" else kind, 0)
    return int(found["total"] if isinstance(found, dict) else found)
