"""What GitHub has, read by a client nobody here wrote, and git's own words; and what differs here.

None of AutoSync's reading code is used: REST through gidgethub, commits through `git log` on the
simulator's bare repositories, the mirror through plain SQL.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from gidgethub import BadRequest
from gidgethub.apps import get_installation_access_token
from gidgethub.httpx import GitHubAPI

from githubsim.testing import Sim

Rows = dict[Any, dict[str, Any]]
Query = Callable[[str], list[list[Any]]]

_serial = itertools.count(1)


class Difference(NamedTuple):
    """In which repository, and what."""

    repository_id: int
    what: str

    def __str__(self) -> str:
        return f"repository {self.repository_id}: {self.what}"


def differences(sim: Sim, query: Query, only: Collection[int] | None = None) -> list[Difference]:
    """Every field of every row that is not as GitHub has it; empty: equal.

    `only` looks at these repositories (ids) alone.
    """
    there = _patiently(lambda: asyncio.run(_github(sim, only)))
    here = _mirror(query)
    found: list[Difference] = []
    for table in there:
        for key in sorted(there[table].keys() | here[table].keys(), key=str):
            theirs, ours = there[table].get(key), here[table].get(key)
            repository_id = _repository_of(table, key, theirs or ours or {})
            if only is not None and repository_id not in only:
                continue
            if theirs is None or ours is None:
                what = [f"{table} {key}: {'only here' if theirs is None else 'missing'}"]
            else:
                what = [
                    f"{table} {key}: {name} is {ours[name]!r}, on GitHub {theirs[name]!r}"
                    for name in theirs
                    if theirs[name] != ours[name]
                ]
            found += [Difference(repository_id, one) for one in what]
    return found


def _patiently(read: Callable[[], dict[str, Rows]]) -> dict[str, Rows]:
    """Again in a while where GitHub's limit per minute refuses."""
    while True:
        try:
            return read()
        except BadRequest as error:
            if "secondary rate limit" not in str(error):
                raise
            time.sleep(10)


def _repository_of(table: str, key: Any, row: Mapping[str, Any]) -> int:
    if table == "repositories":
        return int(key)
    return int(key[0] if isinstance(key, tuple) else row["repository_id"])


async def _github(sim: Sim, only: Collection[int] | None) -> dict[str, Rows]:
    found: dict[str, Rows] = {
        "repositories": {}, "issues": {}, "pull_requests": {}, "refs": {}, "commits": {},
    }  # fmt: skip
    # Contents on a person's quota, a new person's each time: what AutoSync spends is measured.
    person = sim.control("accounts/create", {"login": f"judge-{next(_serial)}"})["login"]
    own = sim.control("token", {"login": person})["token"]
    async with httpx.AsyncClient(base_url=sim.url, timeout=60) as client:
        api = GitHubAPI(client, "chaos", base_url=sim.url)
        for installation in sim.ask("inventory")["installations"]:
            token = await get_installation_access_token(
                api,
                installation_id=str(installation["id"]),
                app_id=str(sim.app.id),
                private_key=sim.private_key,
            )
            mine = GitHubAPI(client, "chaos", oauth_token=token["token"], base_url=sim.url)
            pages = mine.getiter(
                "/installation/repositories?per_page=100", iterable_key="repositories"
            )
            mine = GitHubAPI(client, "chaos", oauth_token=own, base_url=sim.url)
            async for repository in pages:
                found["repositories"][repository["id"]] = _repository(repository)
                if only is None or repository["id"] in only:
                    await _lists(mine, repository, found)
                    _git(sim, repository, found)
    return found


def _repository(one: Mapping[str, Any]) -> dict[str, Any]:
    names = ("full_name", "private", "archived", "default_branch", "has_issues", "fork")
    return {name: one[name] for name in names} | {"description": one["description"] or ""}


async def _lists(api: GitHubAPI, repository: Mapping[str, Any], found: dict[str, Rows]) -> None:
    path = f"/repos/{repository['full_name']}"
    if repository["has_issues"]:
        async for one in api.getiter(f"{path}/issues?state=all&per_page=100"):
            if "pull_request" not in one:
                found["issues"][one["id"]] = _issue(one, repository["id"])
    async for listed in api.getiter(f"{path}/pulls?state=all&per_page=100"):
        one = await api.getitem(f"{path}/pulls/{listed['number']}")
        found["pull_requests"][one["id"]] = _pull(one, repository["id"])


def _common(one: Mapping[str, Any], repository_id: int) -> dict[str, Any]:
    author = (one["user"] or {}).get("login", "")
    return {
        "repository_id": repository_id,
        "number": one["number"],
        "title": one["title"],
        "body": one["body"] or "",
        "state": one["state"],
        # A deleted account is nobody, as GraphQL says.
        "author_login": "" if author == "ghost" else author,
        "labels": sorted((label["name"], label["color"]) for label in one["labels"]),
        "assignees": sorted(person["login"] for person in one["assignees"]),
        "milestone": (one["milestone"] or {}).get("title", ""),
        "locked": one["locked"],
        "comments_count": one["comments"],
        "html_url": one["html_url"],
        "created_at": _moment(one["created_at"]),
        "closed_at": _moment(one["closed_at"]),
        "updated_at": _moment(one["updated_at"]),
    }


def _issue(one: Mapping[str, Any], repository_id: int) -> dict[str, Any]:
    return _common(one, repository_id) | {"state_reason": one["state_reason"] or ""}


def _pull(one: Mapping[str, Any], repository_id: int) -> dict[str, Any]:
    return _common(one, repository_id) | {
        "draft": one["draft"],
        "merged": one["merged"],
        "merged_at": _moment(one["merged_at"]),
        "base_ref": one["base"]["ref"],
        "head_ref": one["head"]["ref"],
        "head_sha": one["head"]["sha"],
        "additions": one["additions"],
        "deletions": one["deletions"],
        "changed_files": one["changed_files"],
        "commits_count": one["commits"],
    }


def _git(sim: Sim, repository: Mapping[str, Any], found: dict[str, Rows]) -> None:
    """Refs and the commits they reach, as git itself tells them."""
    home, number = sim.data / "git" / f"{repository['id']}.git", repository["id"]
    refs = git(home, "for-each-ref", "--format=%(refname)%00%(objectname)%00%(*objectname)")
    for line in refs.splitlines():
        name, sha, peeled = line.split("\0")
        if name.startswith(("refs/heads/", "refs/tags/")):
            found["refs"][number, name] = {"sha": peeled or sha}
    if not refs:
        return
    default = set()
    if (number, f"refs/heads/{repository['default_branch']}") in found["refs"]:
        default = set(git(home, "rev-list", f"refs/heads/{repository['default_branch']}").split())
    log = git(
        home, "log", "--branches", "--tags", "--format=%H%x00%P%x00%an%x00%ae%x00%ct%x00%B%x1e"
    )
    for entry in log.split("\x1e"):
        if entry.strip():
            sha, parents, name, email, seconds, message = entry.lstrip("\n").split("\0", 5)
            found["commits"][number, sha] = {
                "parents": parents.split(),
                "author_name": name,
                "author_email": email,
                "committed_at": int(seconds),
                "message": message.rstrip("\n"),
                "on_default_branch": sha in default,
            }


def git(home: Path, *words: str) -> str:
    command = ["git", "-c", "safe.directory=*", "-C", str(home), *words]
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout.decode(errors="replace")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


_VISIBLE = (
    "repository_id IN (SELECT r.github_id FROM repositories r JOIN installations i ON "
    "i.github_id = r.installation_id WHERE r.deleted_at IS NULL AND r.removed_at IS NULL "
    "AND i.deleted_at IS NULL AND i.suspended_at IS NULL)"
)
_COMMON = (
    "repository_id", "number", "title", "body", "state", "author_login", "labels", "assignees",
    "milestone", "locked", "comments_count", "html_url", "created_at", "closed_at", "updated_at",
)  # fmt: skip
_PULL = (
    "draft", "merged", "merged_at", "base_ref", "head_ref", "head_sha", "additions", "deletions",
    "changed_files", "commits_count",
)  # fmt: skip


def _mirror(query: Query) -> dict[str, Rows]:
    def rows(table: str, key: str, names: tuple[str, ...]) -> Rows:
        sql = (
            f"SELECT {key}, {', '.join(names)} FROM {table} WHERE deleted_at IS NULL AND {_VISIBLE}"
        )
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in query(sql)}

    issues = rows("issues", "github_issue_id", (*_COMMON, "state_reason"))
    pulls = rows("pull_requests", "github_id", (*_COMMON, *_PULL))
    for row in [*issues.values(), *pulls.values()]:
        row["labels"] = sorted((label["name"], label["color"]) for label in row["labels"])
    names = (
        "full_name",
        "private",
        "archived",
        "default_branch",
        "has_issues",
        "fork",
        "description",
    )
    repositories = query(
        f"SELECT github_id, {', '.join(names)} FROM repositories "
        f"WHERE {_VISIBLE.replace('repository_id IN', 'github_id IN', 1)}"
    )
    refs = query(
        "SELECT repository_id, CASE kind WHEN 'branch' THEN 'refs/heads/' ELSE 'refs/tags/' END "
        f"|| name, sha FROM refs WHERE deleted_at IS NULL AND {_VISIBLE}"
    )
    return {
        "repositories": {r[0]: dict(zip(names, r[1:], strict=True)) for r in repositories},
        "issues": issues,
        "pull_requests": pulls,
        "refs": {(r[0], r[1]): {"sha": r[2]} for r in refs},
        "commits": _reachable(query, {(r[0], r[2]) for r in refs}),
    }


def _reachable(query: Query, heads: set[tuple[int, str]]) -> Rows:
    """The mirror keeps commits that no ref reaches any more; only those reached are compared."""
    names = (
        "parents",
        "author_name",
        "author_email",
        "committed_at",
        "message",
        "on_default_branch",
    )
    stored = {
        (row[0], row[1]): dict(zip(names, row[2:], strict=True))
        for row in query(
            "SELECT repository_id, sha, parents, author_name, author_email, "
            "extract(epoch FROM committed_at)::bigint, rtrim(message, E'\\n'), on_default_branch "
            f"FROM commits WHERE deleted_at IS NULL AND {_VISIBLE}"
        )
    }
    found: Rows = {}
    queue = [head for head in heads if head in stored]
    while queue:
        key = queue.pop()
        if key in found or key not in stored:
            continue
        found[key] = stored[key]
        queue += [(key[0], parent) for parent in stored[key]["parents"]]
    return found
