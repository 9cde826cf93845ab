"""Perceval, the collector of GrimoireLab: it takes every GitHub for an Enterprise Server."""

from __future__ import annotations

from typing import Any

from tests.clients.counts import Truth
from tests.clients.tools import reader


def test_reads_issues_pulls_repositories_and_git(access: dict[str, Any], truth: Truth) -> None:
    found = reader("perceval", access | {"repositories": list(truth)})
    for name, known in truth.items():
        of_pulls = found[name].pop("commits_of_pulls")
        assert (of_pulls > 0) == (known["pulls"]["total"] > 0)
        assert found[name] == {
            "id": known["id"],
            "commits": known["commits"],
            "issues": known["issues"]["total"],
            "pulls": known["pulls"]["total"],
            "pulls_by_issues": known["pulls"]["total"],
            "comments": known["comments"],
            "reviews": known.get("reviews", 0),
            "review_comments": known.get("review_comments", 0),
            "people_unknown": 0,
        }
