"""What GraphQL's errors beside status 200 mean: a hiccup, a count it has not, or a refusal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

# The words of GraphQL's ordinary hiccup, which has no type (octokit/plugin-retry.js#395,
# atlassian/github-for-jira#779).
_HICCUP = "something went wrong while executing your query"
# Seen of commits whose changes are too many to count (change-metrics/monocle#1093,
# liatrio/liatrio-otel-collector#186). The field may not be null, so its commit is null instead.
_NO_COUNT = re.compile(r"\b(additions|deletions|changed ?files) count .*\bunavailable", re.I)
# Types that say why GitHub will not answer; asking for less changes nothing.
_REFUSALS = frozenset(
    {"FORBIDDEN", "UNAUTHENTICATED", "UNAUTHORIZED", "INSUFFICIENT_SCOPES", "NOT_FOUND"}
)

Error = Mapping[str, Any]


def is_uncountable(error: Error) -> bool:
    """Whether GitHub says that it cannot count the changes of a commit."""
    return _NO_COUNT.search(str(error.get("message"))) is not None


def is_hiccup(document: Mapping[str, Any], errors: Sequence[Error]) -> bool:
    """Whether GitHub failed, rather than refused: neither data nor an error, its own words for it,
    or an error of a kind unknown here after it had begun (a rejected query has no `data` at all).
    """
    data = document.get("data")
    if not errors:
        return not isinstance(data, dict)
    if any(_HICCUP in str(error.get("message")).lower() for error in errors):
        return True
    if not isinstance(data, dict):
        refused = any(e.get("type") in _REFUSALS or e.get("extensions") for e in errors)
        return "data" in document and not refused
    return any(error.get("type") not in _REFUSALS for error in errors)
