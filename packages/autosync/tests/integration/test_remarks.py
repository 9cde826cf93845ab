"""Remarks on lines and their threads: imported, followed, healed, audited, judged by an independent
reader of GitHub and of the tables after each step.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from autosync.kinds import KINDS
from autosync.kinds.review_comment import ReviewComment
from autosync.kinds.review_thread import ReviewThread
from autosync.mirror.models import (
    ChildrenRead,
    FeedEvent,
    Repository,
    ResourceCursor,
)
from autosync.models import PullRequest, Review
from autosync.sync import purge
from autosync.sync.audit import children as compared
from autosync.sync.audit import silent, small
from autosync.sync.children import sync_children
from githubsim.receiver import Received
from tests.integration.engine import period
from tests.integration.pull_scene import MODELS, Scene, talked_about

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AGO = timedelta(days=40)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with talked_about(monkeypatch) as scene:
        yield scene


def test_remarks_are_imported_followed_and_go_with_their_pull_request(scene: Scene) -> None:
    scene.equal()
    cursor = ResourceCursor.objects.get(resource="review_comment")
    assert cursor.state == "complete"
    first, answer = ReviewComment.objects.filter(pull_number=scene.pull).order_by("pk")
    assert (first.side, first.subject_type, first.in_reply_to_id) == ("right", "line", None)
    assert answer.in_reply_to_id == first.pk

    made = scene.remark("And this?")
    scene.do("reviews/comment/edit", comment_id=scene.answer, body="Therefore")
    scene.arrive()
    assert ReviewComment.objects.get(pk=made).body == "And this?"
    assert ReviewComment.objects.get(pk=scene.answer).body == "Therefore"
    line = FeedEvent.objects.filter(kind="review_comment", action="created").latest("pk")
    assert (line.object_key, line.title) == (str(scene.pull), first.path)
    scene.do("reviews/comment/delete", comment_id=made)
    scene.arrive()
    gone = ReviewComment.objects.get(pk=made)
    assert (gone.deleted_at is None, gone.gone_because) == (False, "deleted")
    scene.equal()

    # Gone with the pull request, back with it, purged with the repository.
    PullRequest.objects.filter(number=scene.pull).update(deleted_at=timezone.now())
    scene.later()
    Repository.objects.update(sync_state="pending")
    period()
    scene.equal()
    for model in MODELS:
        model._default_manager.filter(deleted_at__isnull=False).update(
            deleted_at=timezone.now() - LONG_AGO
        )
    purge.purge_gone(30)
    assert not ReviewComment.objects.filter(pk=made).exists()
    Repository.objects.update(removed_at=timezone.now() - LONG_AGO)
    purge.purge_gone(30)
    assert not ReviewComment.objects.exists()


def test_a_push_makes_remarks_outdated_though_none_of_their_clocks_moves(scene: Scene) -> None:
    before = ReviewComment.objects.get(pk=scene.first)
    assert before.line is not None
    scene.push()
    scene.arrive()
    outdated = ReviewComment.objects.get(pk=scene.first)
    assert (outdated.line, outdated.updated_at) == (None, before.updated_at)

    scene.later()
    period()
    scene.equal()

    # The webhook is lost: the pull request has moved, so its remarks are asked for, in one query.
    fresh = scene.remark("And now?")
    scene.arrive()
    scene.later()
    period()
    scene.later()
    scene.push()
    scene.lose()
    scene.asked()
    period()
    scene.equal()
    assert ReviewComment.objects.get(pk=fresh).line is None
    assert not [path for path in scene.asked() if "/pulls/comments/" in path]


def test_an_event_that_comes_after_a_later_push_does_not_bring_its_lines_back(
    scene: Scene,
) -> None:
    scene.do("reviews/comment/edit", comment_id=scene.first, body="Why, again?")
    (edited,) = scene.sent()
    scene.push()
    scene.arrive()
    # All of it was minutes ago.
    past = timezone.now() - timedelta(minutes=1)
    payload = edited.payload
    payload["comment"]["updated_at"] = past.isoformat()
    ReviewComment.objects.update(updated_at=past - timedelta(minutes=1), body="Why?")
    scene.later()
    assert payload["comment"]["line"] is not None
    scene.arrive([Received(edited.headers, json.dumps(payload).encode())])
    late = ReviewComment.objects.get(pk=scene.first)
    assert (late.body, late.line) == ("Why, again?", None)


def test_lost_webhooks_about_remarks_are_healed_by_the_list_and_by_the_audit(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The pull request has moved: created, deleted, and what was edited meanwhile.
    scene.later()
    ResourceCursor.objects.update(watermark=timezone.now() - timedelta(seconds=1))
    scene.remark("Unheard")
    scene.do("reviews/comment/edit", comment_id=scene.answer, body="Unheard too")
    scene.lose()
    period()
    scene.equal()
    scene.do("reviews/comment/delete", comment_id=scene.first)
    scene.lose()
    scene.later()
    period()
    scene.equal()
    (answer,) = ReviewComment.objects.filter(pk=scene.answer)
    assert answer.in_reply_to_id is None, "it is the first of its thread now"

    # An edit moves no clock but its own: no sync has news of it, the nightly audit does.
    for asked in ("by their ids", "of many by their list"):
        if asked == "of many by their list":
            monkeypatch.setattr(silent, "MANY", 0)
        scene.do("reviews/comment/edit", comment_id=scene.answer, body=f"Unheard {asked}")
        scene.lose()
        scene.later()
        ResourceCursor.objects.update(watermark=timezone.now() + timedelta(minutes=1))
        lists = ResourceCursor.objects.filter(resource="review_comment")
        lists.update(watermark=timezone.now() - timedelta(seconds=9))
        for module in (small, silent):
            monkeypatch.setattr(module, "IN_FLIGHT", timedelta(0))
        assert scene.audit() == {("review_comment", "stale")}
        scene.equal()
        scene.later()
        ResourceCursor.objects.update(watermark=timezone.now() + timedelta(minutes=1))
        scene.asked()
        assert scene.audit() == set()
        asked_for = [path for path in scene.asked() if path.endswith("/pulls/comments")]
        assert len(asked_for) == (asked != "by their ids"), "a request, or a share of a point"

    # What only one side has and no clock tells of is found by a deep audit.
    ReviewComment.objects.filter(pk=scene.answer).delete()
    kept = ReviewComment.live.exclude(pk=scene.answer)[0]
    kept.pk, kept.node_id = 999_999_999, "PRRC_kwDOnotthere"
    kept.save(force_insert=True)
    scene.later()
    assert scene.audit(deep=True) == {("review_comment", "missing"), ("review_comment", "surplus")}
    scene.equal()


def test_threads_are_imported_follow_their_webhooks_and_are_joined_with_their_remarks(
    scene: Scene,
) -> None:
    assert ResourceCursor.objects.get(resource="review_thread").state == "complete"
    thread = ReviewThread.objects.get(pull_number=scene.pull)
    first = ReviewComment.objects.get(pk=thread.first_comment_id)
    assert (first.pk, first.in_reply_to_id) == (scene.first, None)
    assert (thread.path, thread.line, thread.side) == (first.path, first.line, first.side)

    scene.do("reviews/resolve", comment_id=scene.first)
    scene.arrive()
    thread.refresh_from_db()
    assert (thread.is_resolved, thread.first_comment_id) == (True, scene.first)
    assert thread.resolved_by_login
    scene.equal()
    scene.do("reviews/resolve", comment_id=scene.first, resolved=False)
    reopened = scene.sent()
    scene.do("reviews/resolve", comment_id=scene.first)
    scene.arrive()
    scene.arrive(reopened)  # overtaken: the next sync asks
    assert not ReviewThread.objects.get(pk=thread.pk).is_resolved
    scene.later()
    period()
    assert ReviewThread.objects.get(pk=thread.pk).is_resolved
    scene.equal()

    # Its oldest reply is the first then; with the last remark the thread goes.
    scene.do("reviews/comment/delete", comment_id=scene.first)
    scene.arrive()
    scene.later()
    period()
    assert ReviewThread.objects.get(pk=thread.pk).first_comment_id == scene.answer
    scene.do("reviews/comment/delete", comment_id=scene.answer)
    scene.arrive()
    scene.later()
    period()
    gone = ReviewThread.objects.get(pk=thread.pk)
    assert (gone.deleted_at is None, gone.gone_because) == (False, "deleted")
    scene.equal()


def test_a_thread_that_was_settled_without_a_word_is_found_by_the_nightly_audit(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.settled()
    scene.do("reviews/resolve", comment_id=scene.first)
    scene.lose()
    scene.later()
    period()
    assert not ReviewThread.objects.get(pull_number=scene.pull).is_resolved, "no clock has moved"
    for module in (compared, silent):
        monkeypatch.setattr(module, "IN_FLIGHT", timedelta(0))
    assert scene.audit() == {("review_thread", "stale")}
    scene.equal()
    assert scene.audit() == set()


def test_all_children_of_many_pull_requests_come_in_one_query(scene: Scene) -> None:
    scene.settled()
    ChildrenRead.objects.all().delete()
    for model in (Review, ReviewThread):
        model.objects.all().delete()
    scene.asked()
    sync_children(KINDS["review"], scene.home, scene.client, lambda: None)
    # And one more for the first remarks of the threads that there are.
    assert scene.asked()["POST /graphql"] == 2
    assert not KINDS["review_thread"].family.waiting(scene.home.pk)
    sync_children(KINDS["review_thread"], scene.home, scene.client, lambda: None)
    assert "POST /graphql" not in scene.asked()
    scene.equal()
