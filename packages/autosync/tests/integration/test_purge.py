"""What is gone on GitHub is kept for a while, then deleted for good; what came back is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from autosync import config
from autosync.kinds import KINDS
from autosync.kinds.issue_comment import IssueComment
from autosync.mirror.models import (
    Commit,
    GitHubAppInstallation,
    Issue,
    PullRequest,
    Repository,
    ResourceCursor,
)
from autosync.mirror.tombstones import tombstone
from autosync.mirror.upsert import Rule, upsert
from autosync.sync import purge
from autosync.sync.gone import delete
from tests.integration.api_rows import T0, commit, installation, issue, pull_request, repository

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


def test_what_is_deleted_loses_its_text_at_once_and_is_complete_when_it_returns() -> None:
    here = repository()
    one = issue(here, title="Secret", body="Words", author_login="ada", updated_at=T0)
    merge = KINDS["issue"].merge
    assert tombstone(merge, [one.pk], timezone.now()) == {(one.pk,)}
    one.refresh_from_db()
    assert (one.title, one.body, one.author_login, one.number) == ("", "", "ada", one.number)
    row = {name: getattr(one, name) for name in merge.content}
    answer = {**row, "title": "Public", "body": "Words again"}
    # A late event restores nothing, and brings no text to what is deleted.
    upsert(merge, [answer], observed_at=T0, rule=Rule.VERSIONED)
    one.refresh_from_db()
    assert (one.title, one.deleted_at is None) == ("", False)
    upsert(
        merge, [answer], observed_at=timezone.now() + timedelta(minutes=1), rule=Rule.AUTHORITATIVE
    )
    one.refresh_from_db()
    assert (one.title, one.body, one.deleted_at) == ("Public", "Words again", None)
    assert (one.lacking, one.dirty_at) == (None, None)


def test_what_goes_with_its_parent_loses_its_text_too_and_any_sight_of_it_fills_it_in() -> None:
    here = repository()
    parent = issue(here, updated_at=T0)
    comment = KINDS["issue_comment"].merge
    words = {
        "github_id": 5, "repository_id": here.pk, "issue_number": parent.number, "body": "Words",
        "author_login": "ada", "node_id": "C_5", "updated_at": T0, "created_at": T0,
    }  # fmt: skip
    upsert(comment, [words], observed_at=T0, rule=Rule.VERSIONED)
    delete(KINDS["issue"].merge, [parent.pk], T0 + timedelta(hours=1))
    gone = IssueComment.objects.get()
    assert (gone.body, gone.gone_because, gone.author_login) == ("", "parent", "ada")
    # Seen meanwhile, as it was before, it is still gone: the next look takes the text again.
    late = {**words, "body": "Later words", "updated_at": T0 + timedelta(minutes=1)}
    upsert(comment, [late], observed_at=T0 + timedelta(minutes=1), rule=Rule.VERSIONED)
    assert IssueComment.objects.get().body == "Later words"
    assert purge.erase_deleted() == 1
    assert IssueComment.objects.get().body == ""
    # With its issue in another place it is there again, and whole, without a doubt.
    upsert(comment, [late], observed_at=T0 + timedelta(hours=2), rule=Rule.VERSIONED)
    back = IssueComment.objects.get()
    assert (back.body, back.deleted_at, back.dirty_at) == ("Later words", None, None)
    assert "body" not in back.lacking


def test_the_text_is_kept_for_as_long_as_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.load(), "autosync_keep_deleted", 30)
    here = repository()
    kept, over = issue(here, body="Words"), issue(here, body="Words")
    merge = KINDS["issue"].merge
    tombstone(merge, [kept.pk], timezone.now() - timedelta(days=29))
    tombstone(merge, [over.pk], timezone.now() - timedelta(days=31))
    assert set(Issue.objects.values_list("body", flat=True)) == {"Words"}
    assert purge.erase_deleted() == 1
    assert purge.erase_deleted() == 0
    assert [Issue.objects.get(pk=one.pk).body for one in (kept, over)] == ["Words", ""]
    assert Issue.objects.filter(deleted_at__isnull=False).count() == 2


def test_a_deleted_repository_is_emptied_and_stays_as_a_tombstone() -> None:
    now = timezone.now()
    full("acme/deleted", deleted_at=now, description="What it was about", imported_at=now)
    full("acme/removed", removed_at=now, description="What it is about")
    assert purge.erase_deleted() == 4
    deleted, removed = Repository.objects.order_by("full_name")
    assert (deleted.description, deleted.imported_at) == ("", None)
    assert removed.description == "What it is about"
    assert set(Issue.objects.values_list("repository_id", flat=True)) == {removed.pk}
    assert Commit.objects.count() == 1
    assert purge.erase_deleted() == 0
