"""What a client that reads everything must count, from the world's own truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Truth = Mapping[str, Mapping[str, Any]]
REST = ("commits", "branches", "tags", "issues", "pulls", "comments", "labels", "milestones")


def expected(truth: Truth, *kinds: str) -> dict[str, dict[str, int]]:
    """Per repository the counts of these kinds; `commits` are those of the default branch."""
    return {name: {kind: _count(one, kind) for kind in kinds} for name, one in truth.items()}


def total(truth: Truth, kind: str) -> int:
    """The same over all repositories."""
    return sum(_count(one, kind) for one in truth.values())


def _count(repository: Mapping[str, Any], kind: str) -> int:
    found = repository["commits_on_default" if kind == "commits" else kind]
    return int(found["total"] if isinstance(found, dict) else found)
