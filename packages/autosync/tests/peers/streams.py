"""Which streams of other connectors are which tables of the mirror, by which key."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from githubsim.testing import Sim
from tests.service import ROOT

Record = Mapping[str, Any]
Key = tuple[Any, ...]


class Same(NamedTuple):
    """A table, the columns that name a row within its repository, and where a record has them."""

    table: str
    columns: str
    keys: Callable[[Record], Key]
    where: str = "TRUE"
    only: Callable[[Record], bool] = lambda record: True

    def stands_in(self, tables: Collection[str]) -> bool:
        """Whether it is one of the mirror's tables."""
        return self.table in tables or self.table.startswith("(")


def _by(*names: str) -> Callable[[Record], Key]:
    return lambda record: tuple(record[name] for name in names)


_ID = _by("id")
_BOTH = {
    "repositories": Same("repositories", "github_id", _ID),
    "branches": Same("refs", "name", _by("name"), "kind = 'branch' AND deleted_at IS NULL"),
    "tags": Same("refs", "name", _by("name"), "kind = 'tag' AND deleted_at IS NULL"),
    "commits": Same("commits", "sha", _by("sha"), "on_default_branch"),
    # GitHub's issues: pull requests are among them.
    "issues": Same(
        "(SELECT repository_id, number FROM issues UNION ALL "
        "SELECT repository_id, number FROM pull_requests)",
        "number",
        _by("number"),
    ),
    "pull_requests": Same("pull_requests", "github_id", _ID),
    "reviews": Same("reviews", "github_id", _ID),
    "review_comments": Same("review_comments", "github_id", _ID),
    "releases": Same("releases", "github_id", _ID),
    "stargazers": Same("stars", "user_id", _by("user_id")),
    "commit_comments": Same("commit_comments", "github_id", _ID),
}
_LABELS = Same("labels", "node_id", _by("node_id"))
_MILESTONES = Same("milestones", "node_id", _by("node_id"))
# GitHub's list of events has not who is mentioned elsewhere; those who are told of everything
# that happens are in no table.
_EVENTS = Same(
    "timeline_events",
    "node_id",
    _by("node_id"),
    "event <> 'cross-referenced'",
    lambda record: record["event"] not in ("mentioned", "subscribed", "unsubscribed"),
)
_COMMENTS = Same("issue_comments", "github_id", _ID)

TAP_GITHUB: dict[str, Same] = _BOTH | {
    "issue_events": _EVENTS,
    "labels": _LABELS,
    "milestones": _MILESTONES,
    "issue_comments": _COMMENTS,
    "languages": Same("repository_languages", "name", _by("language_name")),
    "pull_request_commits": Same("pull_request_commits", "sha", _by("sha")),
    "contributors": Same("contributors", "login", _by("login"), "login <> ''"),
}
AIRBYTE: dict[str, Same] = _BOTH | {
    "issue_events": _EVENTS,
    # Of issues alone: those of pull requests are in none of its streams.
    "issue_reactions": Same(
        "reactions",
        "node_id",
        _by("node_id"),
        "(repository_id, issue_number) IN (SELECT repository_id, number FROM issues)",
    ),
    "issue_labels": _LABELS,
    "issue_milestones": _MILESTONES,
    "comments": _COMMENTS,
    "pull_request_commits": Same(
        "pull_request_commits",
        "pull_request_number, sha",
        _by("pull_number", "sha"),
    ),
    "pull_request_stats": Same("pull_requests", "github_id", _ID),
}
CONNECTORS = {"meltanolabs-tap-github": TAP_GITHUB, "airbyte-source-github": AIRBYTE}


def access(sim: Sim) -> dict[str, Any]:
    """What a person types into a connector's settings."""
    return {"url": sim.url, "token": sim.control("token")["token"]}


def read(
    connector: str, access: Mapping[str, Any], repositories: Sequence[str], streams: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Stream → its records, as the connector reads them; AssertionError with its words."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.clients.connectors", connector],
        cwd=ROOT / "packages" / "githubsim",
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": f".:{ROOT / 'tools'}"},
        input=json.dumps(
            {"access": access, "repositories": list(repositories), "streams": list(streams)}
        ),
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in done.stdout.splitlines():
        one = json.loads(line)
        found[one["stream"]].append(one["record"])
    return found


def home(record: Record, names: Mapping[int, str]) -> str:
    """The full name of a record's repository; `names` is by id."""
    if "full_name" in record:
        return str(record["full_name"])
    if "repo_id" in record:
        return names[record["repo_id"]]
    return str(record.get("repository") or f"{record['org']}/{record['repo']}")
