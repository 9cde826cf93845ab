"""The least that any reader needs of a world, computed from it and from GitHub's limits.

It knows nothing of how AutoSync plans: https://docs.github.com/rest/using-the-rest-api/
rate-limits-for-the-rest-api#about-secondary-rate-limits
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PAGE = 100
# Seconds of CPU in 60 seconds, of which GraphQL may take so many; requests at once.
CPU, CPU_GRAPHQL, AT_ONCE = 90.0, 60.0, 100


@dataclass(frozen=True, slots=True)
class Least:
    """Requests to the API, and seconds."""

    requests: int
    response_seconds: float
    seconds: float


def of_world(
    repositories: Sequence[Mapping[str, Any]],
    *,
    latency: float,
    per_node: float,
    limits: bool,
) -> Least:
    """Each issue and each pull request once, a hundred to a request; commits come by git.

    Before them the repositories are listed, a hundred to a request, and their counts are asked for
    in one query per hundred: nobody knows beforehand where a page begins.
    """
    listing = math.ceil(len(repositories) / PAGE)
    pages = sum(
        math.ceil(one[kind]["total"] / PAGE) for one in repositories for kind in ("issues", "pulls")
    )
    nodes = sum(one[kind]["total"] for one in repositories for kind in ("issues", "pulls"))
    requests = 2 * listing + pages
    spent = requests * latency + (nodes + 2 * len(repositories)) * per_node
    # Three steps, one after the other: the list, the counts, the pages, all at once.
    steps = 2 * (latency + PAGE * per_node) + math.ceil(pages / AT_ONCE) * (
        latency + PAGE * per_node
    )
    if not limits:
        return Least(requests, spent, steps)
    return Least(requests, spent, max(steps, _at(spent)))


def _at(spent: float) -> float:
    """When so much response time may have been used: 90 s at once, then 90 s for each minute."""
    return 60.0 * (math.ceil(spent / CPU) - 1) if spent > CPU else 0.0
