"""Plain git: clones of every kind and size have every commit, and what is pushed is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from githubsim.testing import Sim
from tests.clients.counts import Truth
from tests.clients.tools import run

_AUTHOR = ("-c", "user.name=Mona", "-c", "user.email=mona@mail.example")


@pytest.mark.parametrize("part", [[], ["--filter=blob:none"], ["--filter=tree:0"]])
def test_clones_have_every_commit_and_ref(
    part: list[str], access: dict[str, Any], truth: Truth, tmp_path: Path
) -> None:
    for name, known in truth.items():
        copy = tmp_path / known["node_id"]
        _git("clone", "--quiet", "--mirror", *part, _address(access, name), copy, at=tmp_path)
        lines = _git("for-each-ref", "--format=%(refname) %(objectname)", at=copy).splitlines()
        refs = dict(one.split(" ") for one in lines)
        # Its mirror has the heads of pull requests too, of closed ones as well.
        heads = {one for one in refs if one.startswith("refs/pull/")}
        assert len(heads) == known["pulls"]["total"]
        assert {one: sha for one, sha in refs.items() if one not in heads} == known["refs"]
        assert int(_git("rev-list", "--count", "--all", at=copy)) == known["commits"]


def test_a_partial_clone_checks_out_what_it_left_behind(
    access: dict[str, Any], truth: Truth, tmp_path: Path
) -> None:
    name = max(truth, key=lambda one: truth[one]["commits"])
    for part in ("blob:none", "tree:0"):
        copy = tmp_path / part
        _git("clone", "--quiet", f"--filter={part}", _address(access, name), copy, at=tmp_path)
        assert _git("status", "--porcelain", at=copy) == ""
        assert _git("ls-files", at=copy)


def test_a_push_arrives_and_is_fetched_by_others(tmp_path: Path) -> None:
    with Sim(repositories=1, commits=10, issues=0, pulls=0, install=False) as github:
        github.control("install")
        (before,) = github.truth()["repositories"]
        access = {"url": github.url, "token": github.control("token")["token"]}
        address = _address(access, before["full_name"])
        for person in ("mona", "hubot"):
            _git("clone", "--quiet", address, tmp_path / person, at=tmp_path)
        mona, hubot = tmp_path / "mona", tmp_path / "hubot"
        (mona / "new.txt").write_text("new\n")
        _git("add", ".", at=mona)
        _git(*_AUTHOR, "commit", "--quiet", "--message", "Add a file", at=mona)
        _git("tag", "v9", at=mona)
        _git("push", "--quiet", "origin", "HEAD", "HEAD:refs/heads/topic", "v9", at=mona)
        (after,) = github.truth()["repositories"]
        head = _git("rev-parse", "HEAD", at=mona)
        assert after["refs"] == before["refs"] | {
            f"refs/heads/{before['default_branch']}": head,
            "refs/heads/topic": head,
            "refs/tags/v9": head,
        }
        assert after["commits"] == before["commits"] + 1
        _git("pull", "--quiet", "--ff-only", at=hubot)
        assert _git("rev-parse", "HEAD", at=hubot) == head
        _git("push", "--quiet", "origin", "--delete", "topic", at=hubot)
        _git("fetch", "--quiet", "--prune", at=mona)
        assert "topic" not in _git("branch", "--remotes", at=mona)


def _git(*words: str | Path, at: Path) -> str:
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}
    return run(["git", *words], cwd=at, env=quiet).strip()


def _address(access: dict[str, Any], name: str) -> str:
    scheme, _, host = access["url"].partition("://")
    return f"{scheme}://x-access-token:{access['token']}@{host}/{name}.git"
