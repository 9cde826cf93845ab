"""What is gone on GitHub is kept for a while, then deleted for good; what came back is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from autosync.mirror.models import (
    Commit,
    GitHubAppInstallation,
    Issue,
    PullRequest,
    Repository,
    ResourceCursor,
)
from autosync.sync import purge
from tests.integration.api_rows import commit, installation, issue, pull_request, repository

pytestmark = pytest.mark.django_db


def full(name: str, **but: object) -> Repository:
    made = repository(name, **but)
    commit(made)
    issue(made)
    pull_request(made)
    return made


def test_a_repository_gone_for_long_is_deleted_with_all_it_had() -> None:
    kept = full("acme/kept")
    full("acme/removed", removed_at=timezone.now() - timedelta(days=31))
    full("acme/deleted", deleted_at=timezone.now() - timedelta(days=31))
    full("acme/recent", removed_at=timezone.now() - timedelta(days=29))
    assert purge.purge_gone(30) == 8
    assert set(Repository.objects.values_list("full_name", flat=True)) == {
        "acme/kept", "acme/recent",
    }  # fmt: skip
    for model in (Commit, Issue, PullRequest):
        assert model.objects.count() == 2
    assert Commit.objects.filter(repository=kept).exists()


def test_an_uninstalled_app_leaves_nothing_in_the_end() -> None:
    gone = installation(deleted_at=timezone.now() - timedelta(days=31))
    full("acme/rocket", installation=gone)
    purge.purge_gone(30)
    assert not Repository.objects.exists()
    assert not Issue.objects.exists()
    assert not GitHubAppInstallation.objects.filter(pk=gone.pk).exists()


def test_at_once_if_so_wished() -> None:
    full("acme/removed", removed_at=timezone.now() - timedelta(seconds=1))
    purge.purge_gone(0)
    assert not Repository.objects.exists()


def test_a_tombstone_outlives_the_deliveries_that_could_raise_the_dead() -> None:
    here = repository()
    fresh = issue(here, deleted_at=timezone.now() - timedelta(days=2))
    old = issue(here, deleted_at=timezone.now() - timedelta(days=5))
    purge.purge_gone(0)
    assert set(Issue.objects.values_list("pk", flat=True)) == {fresh.pk}
    assert old.pk != fresh.pk


def test_many_rows_go_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "BATCH", 2)
    gone = repository(removed_at=timezone.now() - timedelta(days=31))
    for _ in range(5):
        issue(gone)
    assert purge.purge_gone(30) == 6
    assert purge.purge_gone(30) == 0


def test_half_purged_by_a_killed_worker_and_back_it_is_imported_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half = full("acme/half", removed_at=timezone.now() - timedelta(days=31))
    Repository.objects.filter(pk=half.pk).update(imported_at=timezone.now())
    ResourceCursor.objects.create(repository=half, resource="commit", state="complete")

    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(purge, "_delete", killed)
    with pytest.raises(KeyboardInterrupt):
        purge.purge_gone(30)
    half.refresh_from_db()
    assert half.imported_at is None
    assert not half.cursors.exists()
