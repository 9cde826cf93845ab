"""The git program: what it says is read within bounds of size and time."""

from __future__ import annotations

from pathlib import Path

import pytest

from autosync.github import GitFailed, Unavailable, git_process


def test_what_git_says_is_read_whole(tmp_path: Path) -> None:
    said = git_process.run("help", "-a", cwd=tmp_path, timeout=60, about="here")
    assert "ls-remote" in said


def test_a_hostile_servers_endless_list_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_process, "MOST_OUTPUT", 1000)
    with pytest.raises(GitFailed, match="more than AutoSync reads"):
        git_process.run("help", "-a", cwd=tmp_path, timeout=60, about="here")


def test_git_that_says_nothing_is_ended_in_time(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="git took longer than"):
        git_process.run(
            "-c", "alias.wait=!sleep 60", "wait", cwd=tmp_path, timeout=0.2, about="here"
        )
