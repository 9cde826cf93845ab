"""Remarks on lines and their threads: imported, followed, healed, audited, judged by an independent
reader of GitHub and of the tables after each step.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from autosync.kinds.review_comment import ReviewComment
from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.inbox import store
from autosync.mirror.models import (
    AuditFinding,
    Delivery,
    FeedEvent,
    GitHubAppInstallation,
    Repository,
    ResourceCursor,
)
from autosync.models import PullRequest
from autosync.sync import WebhookProcessor, purge
from autosync.sync.audit import Auditor, small
from autosync.sync.followups import settle_doubts
from githubsim.receiver import Received, Receiver
from githubsim.testing import Sim
from tests.chaos.here import children
from tests.chaos.there import forget_tokens, github
from tests.integration.engine import engine, installed, period

pytestmark = pytest.mark.django_db(transaction=True)
MODELS = (ReviewComment,)
TABLE_NAMES = tuple(model._meta.db_table for model in MODELS)
LONG_AGO = timedelta(days=40)


class Scene:
    """A repository with two pull requests that people talk about, mirrored. Webhooks arrive when a
    test lets them.
    """

    def __init__(self, sim: Sim, receiver: Receiver) -> None:
        self.sim, self.receiver = sim, receiver
        (home,) = sim.truth()["repositories"]
        self.where = {"repository": home["full_name"]}
        self.pull, self.other = (self.do("pulls/open", title="Do it")["number"] for _ in range(2))
        self.first = self.remark("Why?")
        self.answer = self.do("reviews/reply", comment_id=self.first, body="Because")["id"]
        self.do("reviews/comment", number=self.other, body="Well done")
        self.installation = installed(sim)
        self.home = Repository.objects.get()
        self.lose()

    def do(self, what: str, **more: Any) -> Any:
        return self.sim.control(what, {**self.where, **more})

    def remark(self, body: str) -> int:
        made: int = self.do("reviews/comment", number=self.pull, body=body)["id"]
        return made

    def push(self) -> None:
        """The line that was remarked on is no longer in the pull request."""
        one = PullRequest.objects.get(number=self.pull)
        self.do("push", branch=one.head_ref, force=True, start=one.base_sha, count=2)

    def sent(self) -> list[Received]:
        """What GitHub has sent since the last time."""
        assert self.sim.control("webhooks/wait", {"timeout": 30})["delivered"]
        found = list(self.receiver.received)
        self.receiver.clear()
        return found

    def lose(self) -> None:
        self.sent()

    def arrive(self, deliveries: list[Received] | None = None) -> None:
        for one in self.sent() if deliveries is None else deliveries:
            delivery = Delivery(
                guid=one.guid, event=one.event, action=one.payload.get("action", ""), headers={}
            )
            delivery.body = one.body
            store([delivery], Delivery.Source.WEBHOOK)
        WebhookProcessor().drain()
        settle_doubts()

    def equal(self) -> None:
        """Every field of every row is as GitHub has it."""
        there = github(self.sim, None, TABLE_NAMES)
        with connection.cursor() as cursor:

            def query(sql: str) -> list[list[Any]]:
                cursor.execute(sql)
                return [list(row) for row in cursor.fetchall()]

            here = children(query)
        for name in TABLE_NAMES:
            assert there[name], f"{name}: there is something to compare"
            assert here[name].keys() == there[name].keys(), name
            for key, row in here[name].items():
                assert row == {one: there[name][key][one] for one in row}, (name, key)

    def later(self) -> None:
        """Nothing is on its way any more, and doubts may be settled for good."""
        past = 2 * IN_FLIGHT
        for model in (*MODELS, PullRequest):
            model._default_manager.update(
                observed_at=F("observed_at") - past,
                deleted_at=F("deleted_at") - past,
                dirty_at=F("dirty_at") - past,
            )
        ReviewComment.objects.update(placed_at=F("placed_at") - past)
        # Their list shows only what changes from now on.
        lists = ResourceCursor.objects.filter(resource="review_comment")
        lists.update(watermark=timezone.now() + timedelta(seconds=1))

    def audit(self, *, deep: bool = False) -> set[tuple[str, str]]:
        """What an audit finds and repairs, by kind."""
        before = AuditFinding.objects.count()
        Auditor(GitHubAppInstallation.objects.get(), deep=deep).run()
        found = AuditFinding.objects.order_by("pk")[before:]
        assert [one for one in found if not one.repaired] == []
        return {(one.resource, one.problem) for one in found}

    def asked(self) -> dict[str, int]:
        """Requests since the last time, by endpoint without the repository's name."""
        found: dict[str, int] = {}
        for path, answers in self.sim.requests()["endpoints"].items():
            found[path] = sum(answers.values())
        self.sim.ask("requests", clear=1)
        return found


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    forget_tokens()
    with (
        Receiver() as receiver,
        Sim(
            repositories=1,
            commits=12,
            issues=1,
            pulls=2,
            install=False,
            limits=False,
            webhook_url=receiver.url,
        ) as sim,
        engine(sim, monkeypatch),
    ):
        yield Scene(sim, receiver)


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
    scene.equal()
    outdated = ReviewComment.objects.get(pk=scene.first)
    assert (outdated.line, outdated.updated_at) == (None, before.updated_at)

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
    scene.do("reviews/comment/edit", comment_id=scene.answer, body="Unheard again")
    scene.lose()
    scene.later()
    ResourceCursor.objects.update(watermark=timezone.now() - timedelta(seconds=9))
    monkeypatch.setattr(small, "IN_FLIGHT", timedelta(0))
    scene.asked()
    assert scene.audit() == {("review_comment", "stale")}
    scene.equal()
    scene.asked()
    assert scene.audit() == set()
    lists = [path for path in scene.asked() if path.endswith("/pulls/comments")]
    assert len(lists) == 1, "the price of a night: a request for a repository that has remarks"

    # What only one side has and no clock tells of is found by a deep audit.
    ReviewComment.objects.filter(pk=scene.answer).delete()
    kept = ReviewComment.live.exclude(pk=scene.answer)[0]
    kept.pk, kept.node_id = 999_999_999, "PRRC_kwDOnotthere"
    kept.save(force_insert=True)
    scene.later()
    assert scene.audit(deep=True) == {("review_comment", "missing"), ("review_comment", "surplus")}
    scene.equal()
