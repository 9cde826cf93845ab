"""The folder of git caches keeps to its size, and what is removed comes back as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autosync import config
from autosync.github import GitReader, git_process
from autosync.github.git_cache import GitCache
from autosync.mirror.models import Commit, FeedEvent, Repository
from autosync.sync import git_caches
from autosync.sync.commits import sync_commits
from autosync.sync.locks import exclusive
from githubsim.testing import Sim
from tests.integration.api_rows import repository
from tests.integration.test_backfill import begin
from tests.integration.test_github_git import Remote

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(config.load(), "autosync_data_dir", tmp_path / "data")
    return tmp_path / "data" / "git"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path / "remote.git")


def cached(folder: Path, remote: Remote, used: int, **but: object) -> Repository:
    """A repository with a cache last used at `used`."""
    made = repository(f"acme/r{used}", **but)
    reader(folder, remote, made).sync()
    os.utime(folder / f"{made.pk}.git.lock", (used, used))
    return made


def reader(folder: Path, remote: Remote, of: Repository) -> GitReader:
    return GitReader(folder / f"{of.pk}.git", remote.url, lambda: "")


def here(folder: Path) -> set[int]:
    return {int(path.name.partition(".")[0]) for path in folder.glob("*.git")}


def test_what_was_not_used_for_longest_goes_first(folder: Path, remote: Remote) -> None:
    remote.commit("one", "two")
    old, newest, middle = (cached(folder, remote, used) for used in (100, 300, 200))
    size = GitCache(folder).size(old.pk)
    assert git_caches.keep_bounded(3 * size + size // 2) == []
    assert git_caches.keep_bounded(size + size // 2) == [old.pk, middle.pk]
    assert here(folder) == {newest.pk}
    assert {path.name for path in folder.iterdir()} == {
        f"{newest.pk}.git", f"{newest.pk}.git.lock",
    }  # fmt: skip
    assert git_caches.keep_bounded(0) == []


def test_a_cache_in_use_stays(folder: Path, remote: Remote) -> None:
    remote.commit("one")
    fetched = cached(folder, remote, 100)
    with git_process.locked(folder / f"{fetched.pk}.git.lock", 0, ""):
        assert git_caches.keep_bounded(1) == []
    assert git_caches.keep_bounded(1) == [fetched.pk]


@pytest.mark.django_db(transaction=True)
def test_a_cache_that_is_read_by_another_worker_stays(folder: Path, remote: Remote) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    def tidy() -> list[int]:
        try:
            return git_caches.keep_bounded(1)
        finally:
            connections.close_all()

    remote.commit("one")
    read = cached(folder, remote, 100)
    with ThreadPoolExecutor(1) as other:
        with exclusive("git", read.pk, wait=True):
            assert other.submit(tidy).result() == []
        assert other.submit(tidy).result() == [read.pk]


def test_of_repositories_that_are_gone_nothing_stays(folder: Path, remote: Remote) -> None:
    remote.commit("one")
    gone = cached(folder, remote, 100)
    kept = cached(folder, remote, 200)
    (folder / f"{gone.pk}.git.new").mkdir()
    (folder / f"{gone.pk}.git.suspect").touch()
    (folder / f"{kept.pk}.git.new").mkdir()
    Repository.objects.filter(pk=gone.pk).delete()
    assert git_caches.keep_bounded() == [gone.pk]
    assert {path.name for path in folder.iterdir()} == {
        f"{kept.pk}.git", f"{kept.pk}.git.lock",
    }  # fmt: skip


def test_who_waits_for_the_lock_of_a_removed_cache_gets_the_new_one(folder: Path) -> None:
    lock = folder / "1.git.lock"
    with git_process.locked(lock, 0, "") as first:
        lock.unlink()
        with git_process.locked(lock, 0, "") as second:
            assert os.path.samestat(os.fstat(second), lock.stat())
            assert not os.path.samestat(os.fstat(first), os.fstat(second))


def test_after_a_removal_a_forced_push_is_followed_and_nothing_is_doubled(folder: Path) -> None:
    with Sim(repositories=1, commits=3, issues=0, pulls=0, install=False) as sim:
        client, mirrored = begin(sim)
        name = mirrored.full_name
        Repository.objects.filter(pk=mirrored.pk).update(default_branch="main")
        base = sim.ask("inventory", repository=mirrored.pk)["refs"]["refs/heads/main"]
        lost = [{"message": "lost one"}, {"message": "lost two"}]
        sim.control("push", {"repository": name, "branch": "main", "commits": lost})
        sync_commits(mirrored, client, lambda: None)
        Repository.objects.filter(pk=mirrored.pk).update(imported_at="2024-01-01T00:00Z")
        mirrored.refresh_from_db()
        FeedEvent.objects.all().delete()
        assert git_caches.keep_bounded(1) == [mirrored.pk]

        other = {"branch": "main", "force": True, "start": base, "commits": [{"message": "other"}]}
        sim.control("push", {"repository": name, **other})
        sync_commits(mirrored, client, lambda: None)

    pushed = Commit.objects.filter(message__in=["lost one", "lost two", "other"])
    assert sorted((c.message, c.on_default_branch, c.orphaned_at is not None) for c in pushed) == [
        ("lost one", False, True),
        ("lost two", False, True),
        ("other", True, False),
    ]
    assert Commit.objects.get(sha=base).on_default_branch
    assert [line.title for line in FeedEvent.objects.filter(kind="commit")] == ["other"]
