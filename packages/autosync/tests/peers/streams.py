"""Which streams of other connectors are which tables of the mirror, by which key."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from githubsim.testing import Sim
from tests.service import ROOT

Record = Mapping[str, Any]
Key = tuple[Any, ...]


class Same(NamedTuple):
    """A table, the columns that name a row within its repository, and where a record has them: one
    key, or those that `many` finds in it, each counted once. `apart`: the connector asks for each
    commit or issue, which would outweigh all else in what is measured.
    """

    table: str
    columns: str
    keys: Callable[[Record], Key] = lambda record: ()
    where: str = "TRUE"
    only: Callable[[Record], bool] = lambda record: True
    many: Callable[[Record], Iterable[Key]] | None = None
    apart: bool = False

    def keys_of(self, record: Record) -> Iterable[Key]:
        """What rows a record stands for."""
        return self.many(record) if self.many else [self.keys(record)]

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
# A record an issue: the last event of each type that a page of its timeline has.
_TIMELINES = Same(
    "timeline_events",
    "issue_number, event",
    many=lambda record: (
        (record["issue_number"], event)
        for event, one in record.items()
        if isinstance(one, dict) and event not in _OF_OTHER_TABLES
    ),
    apart=True,
)
# Those who are told of everything that happens are in no table.
_OF_OTHER_TABLES = (
    *("commented", "committed", "reviewed", "line-commented", "commit-commented"),
    *("mentioned", "subscribed", "unsubscribed"),
)


def _files(*names: str) -> Callable[[Record], Iterable[Key]]:
    """Where a record has a diff as git writes it: the path of each file after these columns."""

    def found(record: Record) -> Iterator[Key]:
        for block in ("\n" + record["diff"]).split("\ndiff --git ")[1:]:
            yield (*(record[name] for name in names), _path(block))

    return found


def _path(block: str) -> str:
    """Of one file of a diff, whose header has it after `b/`, in quotes if git must."""
    head = block.partition("\n")[0]
    if head.endswith('"'):
        quoted = head[head.rindex(' "b/') + 4 : -1]
        return quoted.encode("latin-1").decode("unicode_escape").encode("latin-1").decode()
    if renamed := re.search(r"^rename to (.+)$", block, re.MULTILINE):
        return renamed[1]
    return head[len(head) // 2 + 1 + len("b/") :]


_COMMENTS = Same("issue_comments", "github_id", _ID)

TAP_GITHUB: dict[str, Same] = _BOTH | {
    "issue_events": _EVENTS,
    "labels": _LABELS,
    "milestones": _MILESTONES,
    "issue_comments": _COMMENTS,
    "languages": Same("repository_languages", "name", _by("language_name")),
    "pull_request_commits": Same("pull_request_commits", "sha", _by("sha")),
    "contributors": Same("contributors", "login", _by("login"), "login <> ''"),
    "readme": Same("readmes", "path, sha, size", _by("path", "sha", "size")),
    "anonymous_contributors": Same("contributors", "email", _by("email"), "login = ''"),
    "commit_diffs": Same(
        "(SELECT c.repository_id, c.sha, f.path FROM commit_files f JOIN commits c "
        "ON c.id = f.commit_id WHERE c.on_default_branch)",
        "sha, path",
        many=_files("commit_id"),
        apart=True,
    ),
    "pull_request_diffs": Same(
        "pull_request_files",
        "pull_request_number, path",
        many=_files("pull_number"),
        apart=True,
    ),
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
    "issue_timeline_events": _TIMELINES,
}
# What is no table of ours, and why. A test compares this and the above with what they have.
_SET_1 = "it needs permissions of its own (Actions, Deployments): set 1"
_SET_2 = "it needs the permission Members: set 2"
_SET_4 = "it needs the permissions of planning (Projects, Discussions): set 4"
_CLASSIC = "classic projects are closed down at GitHub"
_ALLOWED = "who may be assigned follows from who has access: set 2"
_FEED = "GitHub's feed is late by up to hours and forgets; the inbox has the events themselves"
_COUNTED = "GitHub counts it from commits, which are rows here, with author, date and sizes"
_TRAFFIC = "it needs the permission Administration: set 5"
_SCRAPED = "it is scraped from pages; they change without notice"
_PROFILES = "profiles of people are no table yet"
_ON_REPLIES = "how many reacted to a comment is not mirrored, so each would have to be asked"
LEFT_OUT: dict[str, dict[str, str]] = {
    "meltanolabs-tap-github": {
        "assignees": _ALLOWED,
        "collaborators": _SET_2,
        "community_profile": "a percentage that GitHub makes up; the files are in git",
        "dependencies": "it needs the dependency graph, which is switched on by repository",
        "dependents": _SCRAPED,
        "deployment_statuses": _SET_1,
        "deployments": _SET_1,
        "discussion_categories": _SET_4,
        "discussion_comment_replies": _SET_4,
        "discussion_comments": _SET_4,
        "discussions": _SET_4,
        "events": _FEED,
        "extra_metrics": _SCRAPED,
        "pull_request_commit_diffs": "the files of commits that no branch has are not mirrored; "
        "`pull_request_commits` has the commits, `pull_request_files` the whole",
        "readme_html": "GitHub renders it; `readmes` has the text",
        "review_comment_reactions": _ON_REPLIES,
        "stargazers_rest": "the same as `stargazers`, by another way",
        "stats_contributors": _COUNTED,
        "traffic_clones": _TRAFFIC,
        "traffic_pageviews": _TRAFFIC,
        "traffic_referral_paths": _TRAFFIC,
        "traffic_referrers": _TRAFFIC,
        "workflow_run_jobs": _SET_1,
        "workflow_runs": _SET_1,
        "workflows": _SET_1,
    },
    "airbyte-source-github": {
        "assignees": _ALLOWED,
        "collaborators": _SET_2,
        "commit_comment_reactions": _ON_REPLIES,
        "contributor_activity": _COUNTED,
        "deployments": _SET_1,
        "events": _FEED,
        "issue_comment_reactions": _ON_REPLIES,
        "organizations": _SET_2,
        "project_cards": _CLASSIC,
        "project_columns": _CLASSIC,
        "projects": _CLASSIC,
        "projects_v2": _SET_4,
        "pull_request_comment_reactions": _ON_REPLIES,
        "team_members": _SET_2,
        "team_memberships": _SET_2,
        "teams": _SET_2,
        "users": _PROFILES,
        "workflow_jobs": _SET_1,
        "workflow_runs": _SET_1,
        "workflows": _SET_1,
    },
}
CONNECTORS = {"meltanolabs-tap-github": TAP_GITHUB, "airbyte-source-github": AIRBYTE}


def access(sim: Sim) -> dict[str, Any]:
    """What a person types into a connector's settings."""
    return {"url": sim.url, "token": sim.control("token")["token"]}


def read(
    connector: str, access: Mapping[str, Any], repositories: Sequence[str], streams: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Stream → its records, as the connector reads them; AssertionError with its words."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in _asked(connector, access, repositories, list(streams)):
        found[one["stream"]].append(one["record"])
    return found


def catalogue(
    connector: str, access: Mapping[str, Any], repositories: Sequence[str]
) -> frozenset[str]:
    """The names of all streams that the connector has for repositories."""
    return frozenset(one["stream"] for one in _asked(connector, access, repositories, None))


def _asked(
    connector: str,
    access: Mapping[str, Any],
    repositories: Sequence[str],
    streams: Sequence[str] | None,
) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.clients.connectors", connector],
        cwd=ROOT / "packages" / "githubsim",
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": f".:{ROOT / 'tools'}"},
        input=json.dumps(
            {"access": access, "repositories": list(repositories), "streams": streams}
        ),
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def home(record: Record, names: Mapping[int, str]) -> str:
    """The full name of a record's repository; `names` is by id."""
    if "full_name" in record:
        return str(record["full_name"])
    if "repo_id" in record:
        return names[record["repo_id"]]
    return str(record.get("repository") or f"{record['org']}/{record['repo']}")
