"""Stars: a list of edges, newest first, of pairs that come, go and return.

Judged by an independent reader of GitHub and of the table after each step.
"""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from autosync.github import InstallationClient
from autosync.insight import ailing, sql_views
from autosync.kinds import KINDS
from autosync.kinds.star import Star
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
from autosync.sync import WebhookProcessor, purge
from autosync.sync.audit import Auditor, streams
from autosync.sync.reconcile import GitHubSyncManager
from autosync.sync.stream import sync_stream
from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.chaos.here import children
from tests.chaos.there import forget_tokens, github
from tests.integration.api_rows import client_with
from tests.integration.engine import delivery_of, engine, heard, installed, period, query

pytestmark = pytest.mark.django_db(transaction=True)
FANS = [f"fan-{number}" for number in range(5)]
STARS = KINDS["star"].resource


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def world(receiver: Receiver) -> Iterator[Sim]:
    with Sim(
        repositories=1,
        commits=2,
        issues=1,
        pulls=1,
        install=False,
        limits=False,
        webhook_url=receiver.url,
    ) as sim:
        for fan in FANS:
            sim.control("accounts/create", {"login": fan})
        yield sim


@pytest.fixture
def scene(world: Sim, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    forget_tokens()
    with engine(world, monkeypatch):
        scene = Scene(world, receiver)
        yield scene
        world.control("weather", {"empty_lists": 0.0})
        scene.silently("unstar", *FANS)
    world.control("uninstall")


class Scene:
    """A repository with stars, mirrored."""

    def __init__(self, sim: Sim, receiver: Receiver) -> None:
        self.sim, self.receiver = sim, receiver
        (home,) = sim.truth()["repositories"]
        self.where = {"repository": home["full_name"]}
        self.silently("star", "fan-0")
        self.silently("star", "fan-1")
        self.installation = installed(sim)
        self.home = Repository.objects.get()
        self.hear()

    def do(self, what: str, fan: str) -> None:
        self.sim.control(what, {**self.where, "sender": fan})

    def silently(self, what: str, *fans: str) -> None:
        """As `do`, but no webhook tells of it."""
        self.sim.control("webhooks", {"on": False})
        for fan in fans:
            self.do(what, fan)
        self.sim.control("webhooks", {"on": True})

    def hear(self) -> list[Delivery]:
        """What GitHub has sent since the last time."""
        return [delivery_of(one) for one in heard(self.sim, self.receiver)]

    def deliver(self) -> None:
        store(self.hear(), Delivery.Source.WEBHOOK)
        WebhookProcessor().drain()

    def equal(self) -> None:
        """Every star is as GitHub has it."""
        there, here = github(self.sim, None, ["stars"])["stars"], children(query)["stars"]
        assert there, "there is something to compare"
        assert here == there

    def later(self) -> None:
        """Nothing is on its way any more."""
        past = 2 * IN_FLIGHT
        Star.objects.update(
            observed_at=F("observed_at") - past,
            deleted_at=F("deleted_at") - past,
        )

    def audit(self) -> list[tuple[str, str]]:
        """What an audit finds and repairs, by kind."""
        before = AuditFinding.objects.count()
        Auditor(GitHubAppInstallation.objects.get()).run()
        found = AuditFinding.objects.order_by("pk")[before:]
        assert [one for one in found if not one.repaired] == []
        return sorted((one.resource, one.problem) for one in found)

    def cursor(self) -> ResourceCursor:
        return ResourceCursor.objects.get(resource="star")

    @property
    def manager(self) -> GitHubSyncManager:
        return GitHubSyncManager(GitHubAppInstallation.objects.get())


def test_stars_are_imported_followed_healed_audited_and_purged(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.equal()
    assert scene.cursor().state == "complete"

    # Webhooks: one comes, goes and returns.
    scene.do("star", "fan-2")
    scene.deliver()
    scene.equal()
    assert FeedEvent.objects.filter(kind="star").values_list("action", "title").get() == (
        "created", "fan-2",
    )  # fmt: skip
    scene.do("unstar", "fan-2")
    scene.deliver()
    scene.equal()
    gone = Star.objects.get(user_login="fan-2")
    assert (gone.deleted_at is None, gone.gone_because) == (False, "deleted")
    scene.do("star", "fan-2")
    scene.deliver()
    scene.equal()
    back = Star.objects.get(user_login="fan-2")
    assert (back.pk, back.deleted_at, back.gone_because) == (gone.pk, None, "")

    # Lost webhooks: the number differs, and is told for nothing.
    scene.later()
    scene.silently("star", "fan-3")
    period()
    scene.equal()
    scene.later()
    scene.silently("unstar", "fan-0")
    period()
    scene.equal()

    # Those that leave the number as it was are found by the audit; so is a login that changed.
    scene.silently("unstar", "fan-1")
    scene.silently("star", "fan-4")
    Star.objects.filter(user_login="fan-3").update(user_login="old-name")
    scene.later()
    home = Repository.objects.get()
    assert scene.manager.look([home]).unchanged == {home.pk}
    monkeypatch.setattr(streams, "IN_FLIGHT", timedelta(0))  # nor at GitHub
    assert scene.audit() == [("star", "missing"), ("star", "stale"), ("star", "surplus")]
    scene.equal()
    scene.later()
    assert scene.audit() == []

    # As users see it.
    sql_views.bring_up_to_date()
    assert len(query("SELECT user_login, repository FROM github.stars")) == Star.live.count()
    one = Star.live.latest("starred_at")
    api = client_with("read")
    pages = [api.get("/api/stars/", {"limit": 1}).json()]
    pages.append(api.get("/api/stars/", {"limit": 1, "cursor": pages[0]["next"]}).json())
    assert [page["items"][0]["id"] for page in pages] == list(
        Star.live.order_by("-starred_at", "-pk").values_list("pk", flat=True)[:2]
    )
    assert api.get(f"/api/stars/{one.pk}/").json()["user_login"] == one.user_login

    # Purged alone, and with the repository.
    Star.objects.filter(deleted_at__isnull=False).update(
        deleted_at=timezone.now() - timedelta(days=40)
    )
    purge.purge_gone(30)
    assert not Star.objects.filter(deleted_at__isnull=False).exists()
    Repository.objects.update(removed_at=timezone.now() - timedelta(days=40))
    purge.purge_gone(30)
    assert not Star.objects.exists()


class CutOff(Exception):
    """As if the process had been killed here."""


def test_an_import_that_is_cut_off_goes_on_and_what_is_known_is_not_read_again(
    scene: Scene,
) -> None:
    fans = [f"many-{number}" for number in range(230)]
    for fan in fans:
        scene.sim.control("accounts/create", {"login": fan})
    scene.silently("star", *fans)
    Star.objects.all().delete()
    scene.cursor().delete()
    pages = iter([None, CutOff()])

    def progress() -> None:
        error = next(pages)
        if error is not None:
            raise error

    with pytest.raises(CutOff):
        sync_stream(STARS, scene.home, scene.manager.client, progress)
    assert Star.objects.count() == 100
    assert scene.cursor().state == "running"
    period()
    scene.equal()
    assert scene.cursor().state == "complete"

    # Of 200 and more stars one that is new costs the first page.
    scene.later()
    scene.silently("star", "fan-4")
    with asked(scene) as queries:
        period()
    assert queries == ["DESC"]
    scene.equal()

    # One that is gone costs the list, and one of its pages once more.
    scene.later()
    scene.silently("unstar", "many-100", "many-101")
    with asked(scene) as queries:
        period()
    assert queries == ["DESC"] * 5
    scene.equal()
    scene.silently("unstar", *fans)


def test_a_list_that_comes_back_empty_takes_nothing_away(scene: Scene) -> None:
    scene.later()
    scene.silently("unstar", "fan-0")
    scene.sim.control("weather", {"empty_lists": 1.0})
    before = Star.live.count()
    period()
    assert Star.live.count() == before
    home = Repository.objects.get()
    assert "star" in scene.manager.look([home]).to_read[home.pk]
    scene.sim.control("weather", {"empty_lists": 0.0})
    scene.later()
    period()
    scene.equal()


def test_of_a_list_that_an_app_may_not_see_events_tell(scene: Scene) -> None:
    held = {"installation_id": scene.installation.pk, "permissions": {"contents": "read"}}
    scene.sim.control("installation/permissions", held)
    scene.deliver()
    scene.manager.client.refuse_token(scene.manager.client.token())  # made with more
    scene.silently("star", "fan-2")
    scene.later()
    period()
    before = set(Star.live.values_list("user_login", flat=True))
    assert "fan-0" in before, "what was read before stays"
    assert "fan-2" not in before
    cursor = scene.cursor()
    assert (cursor.unavailable, cursor.error) == ("events_only", "")
    assert "not accessible" in cursor.unavailable_reason
    assert list(ailing.findings()) == [], "nobody need do anything"
    Repository.objects.get(sync_state="synced", failures=0)

    # It is asked for once a day; events go on.
    home = Repository.objects.get()
    assert scene.manager.look([home]).unchanged == {home.pk}
    scene.do("star", "fan-3")
    scene.do("unstar", "fan-1")
    scene.deliver()
    assert set(Star.live.values_list("user_login", flat=True)) == before - {"fan-1"} | {"fan-3"}
    Auditor(scene.installation, deep=True).run()
    ResourceCursor.objects.update(touched_at=timezone.now() - timedelta(days=2))
    assert scene.manager.look([home]).to_read == {home.pk: {"star"}}

    # Once it is granted all is read.
    scene.sim.control("installation/permissions", held | {"permissions": {"contents": "write"}})
    scene.deliver()
    ResourceCursor.objects.update(touched_at=timezone.now() - timedelta(minutes=1))
    assert scene.manager.look([home]).to_read == {home.pk: {"star"}}
    scene.later()
    period()
    scene.equal()
    assert scene.cursor().unavailable == ""


def test_events_end_right_in_the_order_of_their_arrival_and_else_an_audit_looks(
    scene: Scene,
) -> None:
    scene.do("star", "fan-2")
    first, watched, *_ = scene.hear()
    assert watched.event == "watch"
    scene.do("unstar", "fan-2")
    (second,) = scene.hear()
    scene.do("star", "fan-2")
    third, _ = scene.hear()
    for order in itertools.permutations([first, second, third]):
        Star.objects.filter(user_login="fan-2").delete()
        for one in order:
            Repository.objects.update(audit_due_at=None)
            apply(one)
        last = order[-1] is not second
        assert Star.live.filter(user_login="fan-2").exists() is last
        assert Repository.objects.get().audit_due_at is not None

    # A delivery that comes an hour late speaks of an hour ago.
    Star.objects.filter(user_login="fan-2").delete()
    old = json.loads(bytes(first.body))
    old["starred_at"] = (timezone.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    apply(second)
    Repository.objects.update(audit_due_at=None)
    late = Delivery(event="star", action="created", headers={})
    late.body = json.dumps(old).encode()
    apply(late)
    assert not Star.live.filter(user_login="fan-2").exists()
    assert not Star.objects.filter(user_login="fan-2", dirty_at__isnull=False).exists()


def apply(delivery: Delivery) -> None:
    """Apply it as if it came now for the first time."""
    one = Delivery(guid=str(uuid.uuid4()), event=delivery.event, action=delivery.action, headers={})
    one.body = delivery.body
    store([one], Delivery.Source.WEBHOOK)
    WebhookProcessor().drain()


@contextmanager
def asked(scene: Scene) -> Iterator[list[str]]:
    """The directions in which the list of stars is asked for in the block, query by query."""
    found: list[str] = []
    original = InstallationClient.graphql

    def graphql(self: InstallationClient, query: str, *rest: Any, **more: Any) -> Any:
        if "page: stargazers" in query and "$first" in query:
            found.append("DESC" if "DESC" in query else "ASC")
        return original(self, query, *rest, **more)

    InstallationClient.graphql = graphql  # type: ignore[method-assign]
    try:
        yield found
    finally:
        InstallationClient.graphql = original  # type: ignore[method-assign]
