"""What GitHub has: REST through gidgethub, commits as git itself tells them."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import time
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from gidgethub.apps import get_installation_access_token, get_jwt
from gidgethub.httpx import GitHubAPI

from githubsim.testing import Sim
from tests.chaos.here import Rows
from tests.chaos.there_children import Children
from tests.chaos.there_files import files

Account = tuple[int | None, str]

_serial = itertools.count(1)
# Installation → token and when it was made: the judge looks again and again, and what the App may
# ask in an hour is AutoSync's.
_tokens: dict[tuple[str, int], tuple[str, float]] = {}
_KEPT = 1800.0
_LICENSE = ("key", "name", "spdx_id")
# %x1e: a record, %x00: a field.
_LOG = "--format=%x1e%H%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B"
_COUNTED = ("--numstat", "--diff-merges=first-parent", "--format=%x1e%H")


def github(
    sim: Sim, only: Collection[int] | None, children: Collection[str] = ()
) -> dict[str, Rows]:
    """Table → key → row; of repositories that are not in `only` the row itself alone.

    `children` are the tables wanted of what belongs to them.
    """
    return asyncio.run(_github(sim, only, children))


async def _github(
    sim: Sim, only: Collection[int] | None, children: Collection[str]
) -> dict[str, Rows]:
    found: dict[str, Rows] = {
        "installations": {}, "repositories": {}, "issues": {}, "pull_requests": {}, "refs": {},
        "commits": {}, "contributors": {},
    }  # fmt: skip
    # Contents on a person's quota, a new person's each time: what AutoSync spends is measured.
    person = sim.control("accounts/create", {"login": f"judge-{next(_serial)}"})["login"]
    own = sim.control("token", {"login": person})["token"]
    # Nothing to verify on plain HTTP, and reading all certificates takes a tenth of a small look.
    async with httpx.AsyncClient(base_url=sim.url, timeout=60, verify=False) as client:
        api = GitHubAPI(client, "chaos", base_url=sim.url)
        jwt = get_jwt(app_id=str(sim.app.id), private_key=sim.private_key)
        async for installation in api.getiter("/app/installations?per_page=100", jwt=jwt):
            found["installations"][installation["id"]] = _installation(installation)
            if installation["suspended_at"]:
                continue
            token = await _token(api, sim, installation["id"])
            mine = GitHubAPI(client, "chaos", oauth_token=token, base_url=sim.url)
            pages = mine.getiter(
                "/installation/repositories?per_page=100", iterable_key="repositories"
            )
            seen = mine
            mine = GitHubAPI(client, "chaos", oauth_token=own, base_url=sim.url)
            inside = Children(mine, seen, client, own, children, found)
            async for repository in pages:
                row = _repository(repository) | {"installation_id": installation["id"]}
                found["repositories"][repository["id"]] = row
                if only is None or repository["id"] in only:
                    await _lists(mine, repository, found, inside)
                    await inside.of_repository(repository)
                    await files(mine, client, own, repository, children, found)
                    await _history(mine, sim, repository, found)
    return found


async def _token(api: GitHubAPI, sim: Sim, installation_id: int) -> str:
    token, made_at = _tokens.get((sim.url, installation_id), ("", 0.0))
    if not token or time.monotonic() - made_at > _KEPT:
        made = await get_installation_access_token(
            api,
            installation_id=str(installation_id),
            app_id=str(sim.app.id),
            private_key=sim.private_key,
        )
        token = made["token"]
        _tokens[sim.url, installation_id] = token, time.monotonic()
    return token


def forget_tokens() -> None:
    """The next look makes new ones: GitHub did not take these any more."""
    _tokens.clear()


def _installation(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "account_id": one["account"]["id"],
        "account_login": one["account"]["login"],
        "account_type": one["account"]["type"],
        "account_avatar_url": one["account"]["avatar_url"],
        "repository_selection": one["repository_selection"],
        "permissions": one["permissions"],
        "events": sorted(one["events"]),
        "suspended_at": _moment(one["suspended_at"]),
        "created_at": _moment(one["created_at"]),
        "updated_at": _moment(one["updated_at"]),
    }


def _repository(one: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "node_id", "name", "full_name", "visibility", "private", "fork", "archived", "disabled",
        "has_issues", "default_branch", "html_url", "clone_url", "size", "stargazers_count",
        "forks_count",
    )  # fmt: skip
    return (
        {name: one[name] for name in names}
        | {name: one[name] or "" for name in ("description", "homepage", "language")}
        | {name: _moment(one[name]) for name in ("created_at", "pushed_at", "updated_at")}
        | {"owner_login": one["owner"]["login"], "topics": sorted(one["topics"])}
        | {f"license_{name}": (one["license"] or {}).get(name) or "" for name in _LICENSE}
    )


async def _lists(
    api: GitHubAPI, repository: Mapping[str, Any], found: dict[str, Rows], inside: Children
) -> None:
    path = f"/repos/{repository['full_name']}"
    if repository["has_issues"]:
        async for one in api.getiter(f"{path}/issues?state=all&per_page=100"):
            if "pull_request" not in one:
                found["issues"][one["id"]] = _issue(one, repository["id"])
    async for listed in api.getiter(f"{path}/pulls?state=all&per_page=100"):
        one = await api.getitem(f"{path}/pulls/{listed['number']}")
        found["pull_requests"][one["id"]] = _pull(one, repository["id"])
        await inside.of_pull(one, repository)


def _account(person: Mapping[str, Any] | None) -> Account:
    """A deleted account is nobody, as GraphQL says; REST shows `ghost`."""
    if person is None or person["login"] == "ghost":
        return None, ""
    return person["id"], person["login"]


def _common(one: Mapping[str, Any], repository_id: int) -> dict[str, Any]:
    author_id, author_login = _account(one["user"])
    return {
        "node_id": one["node_id"],
        "repository_id": repository_id,
        "number": one["number"],
        "title": one["title"],
        "body": one["body"] or "",
        "state": one["state"],
        "author_id": author_id,
        "author_login": author_login,
        "labels": sorted((label["name"], label["color"]) for label in one["labels"]),
        "assignees": sorted(person["login"] for person in one["assignees"]),
        "milestone": (one["milestone"] or {}).get("title", ""),
        "milestone_number": (one["milestone"] or {}).get("number"),
        "locked": one["locked"],
        "comments_count": one["comments"],
        "html_url": one["html_url"],
        "created_at": _moment(one["created_at"]),
        "closed_at": _moment(one["closed_at"]),
        "updated_at": _moment(one["updated_at"]),
        "author_association": one["author_association"].lower(),
        "active_lock_reason": one["active_lock_reason"],
    }


def _issue(one: Mapping[str, Any], repository_id: int) -> dict[str, Any]:
    return _common(one, repository_id) | {"state_reason": one["state_reason"] or ""}


def _pull(one: Mapping[str, Any], repository_id: int) -> dict[str, Any]:
    names = (
        "draft", "merged", "additions", "deletions", "changed_files", "maintainer_can_modify",
    )  # fmt: skip
    waiting = one["auto_merge"] or {}
    by = _account(waiting.get("enabled_by"))
    return (
        _common(one, repository_id)
        | {name: one[name] for name in names}
        | {
            "merged_at": _moment(one["merged_at"]),
            "merged_by_login": _account(one["merged_by"])[1],
            "merged_by_id": _account(one["merged_by"])[0],
            "auto_merge_method": waiting.get("merge_method"),
            "auto_merge_by_id": by[0],
            "auto_merge_by_login": by[1],
            # Before the merge REST shows a test merge, which GraphQL does not.
            "merge_commit_sha": one["merge_commit_sha"] if one["merged"] else "",
            "base_ref": one["base"]["ref"],
            "base_sha": one["base"]["sha"],
            "head_ref": one["head"]["ref"],
            "head_sha": one["head"]["sha"],
            "head_repository": (one["head"]["repo"] or {}).get("full_name", ""),
            "head_repository_id": (one["head"]["repo"] or {}).get("id"),
            "commits_count": one["commits"],
        }
    )


async def _history(
    api: GitHubAPI, sim: Sim, repository: Mapping[str, Any], found: dict[str, Rows]
) -> None:
    """Refs and the commits they reach from git; whose account wrote them from REST."""
    home, number = sim.data / "git" / f"{repository['id']}.git", repository["id"]
    refs = git(home, "for-each-ref", "--format=%(refname)%00%(objectname)%00%(*objectname)")
    heads = set()
    for line in filter(None, refs.split("\n")):
        name, sha, peeled = line.split("\0")
        if name.startswith(("refs/heads/", "refs/tags/")):
            found["refs"][number, name] = {"sha": peeled or sha}
            heads.add(peeled or sha)
    _brought(
        home, [one for one in found["pull_requests"].values() if one["repository_id"] == number]
    )
    if not heads:
        return
    default = set()
    if (number, f"refs/heads/{repository['default_branch']}") in found["refs"]:
        default = set(git(home, "rev-list", f"refs/heads/{repository['default_branch']}").split())
    path = f"/repos/{repository['full_name']}/commits"
    accounts = await _accounts(api, path, heads)
    sizes = _sizes(git(home, "log", "--branches", "--tags", *_COUNTED))
    for entry in git(home, "log", "--branches", "--tags", _LOG).split("\x1e"):
        if not entry.strip():
            continue
        sha, parents, name, email, authored, committer, theirs, committed, message = entry.split(
            "\0", 8
        )
        if sha not in accounts:
            accounts[sha] = _account((await api.getitem(f"{path}/{sha}"))["author"])
        author_id, author_login = accounts[sha]
        found["commits"][number, sha] = sizes[sha] | {
            "parents": parents.split(),
            "author_name": name,
            "author_email": email,
            "authored_at": int(authored),
            "committer_name": committer,
            "committer_email": theirs,
            "committed_at": int(committed),
            "message": message.rstrip("\n"),
            "on_default_branch": sha in default,
            "author_user_id": author_id,
            "author_login": author_login,
        }
    mine = (found["commits"][number, sha] for sha in default)
    found["contributors"] |= {(number, who): row for who, row in _contributors(mine).items()}


def _brought(home: Path, pulls: Iterable[dict[str, Any]]) -> None:
    """What pull requests bring: commits that the base has not, and the three-dot diff."""
    for one in pulls:
        one["brings_commits"], one["brings_files"] = _range(home, one["base_sha"], one["head_sha"])


@cache
def _range(home: Path, base: str, head: str) -> tuple[list[str], list[list[int | None]]]:
    """Two commits never change."""
    commits = git(home, "rev-list", "--topo-order", "--reverse", head, f"^{base}").split()
    try:
        lines = git(home, "diff", "-M", "--numstat", f"{base}...{head}").splitlines()
    except subprocess.CalledProcessError:  # nothing in common
        lines = []
    cells = [line.split("\t", 2) for line in lines]
    return commits, [[None if n == "-" else int(n) for n in cell[:2]] for cell in cells]


async def _accounts(api: GitHubAPI, path: str, heads: Iterable[str]) -> dict[str, Account]:
    """Commit → the account its e-mail belongs to; of most commits, where histories meet again."""
    found: dict[str, Account] = {}
    for head in sorted(heads):
        if head in found:
            continue
        async for one in api.getiter(f"{path}?sha={head}&per_page=100"):
            if one["sha"] in found:
                break
            found[one["sha"]] = _account(one["author"])
    return found


def _sizes(log: str) -> dict[str, dict[str, Any]]:
    """Commit → lines added and deleted, files changed and lines of each; a merge against its first
    parent.
    """
    found = {}
    for entry in log.split("\x1e")[1:]:
        sha, *files = [line for line in entry.split("\n") if line]
        cells = [file.split("\t", 2) for file in files]
        found[sha] = {
            "additions": sum(int(cell[0]) for cell in cells if cell[0] != "-"),
            "deletions": sum(int(cell[1]) for cell in cells if cell[1] != "-"),
            "changed_files": len(cells),
            "files": [[None if n == "-" else int(n) for n in cell[:2]] for cell in cells],
        }
    return found


def _contributors(commits: Iterable[Mapping[str, Any]]) -> Rows:
    """Who is behind the commits: by account, else by e-mail."""
    found: Rows = {}
    for one in commits:
        user, at = one["author_user_id"], datetime.fromtimestamp(one["authored_at"], UTC)
        who = f"email:{one['author_email'].lower()}" if user is None else f"user:{user}"
        row = found.setdefault(
            who,
            {
                "github_user_id": user,
                "login": one["author_login"],
                "contributions": 0,
                "first_commit_at": at,
                "last_commit_at": at,
            },
        )
        row["contributions"] += 1
        row["first_commit_at"] = min(row["first_commit_at"], at)
        row["last_commit_at"] = max(row["last_commit_at"], at)
    return found


def git(home: Path, *words: str) -> str:
    command = ["git", "-c", "safe.directory=*", "-C", str(home), *words]
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout.decode(errors="replace")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
