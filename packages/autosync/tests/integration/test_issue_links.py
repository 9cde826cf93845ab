"""Sub-issues and dependencies are read with their issues, and follow what people do to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client
from django.utils import timezone

from autosync import connect
from autosync.github import InstallationClient, Priority
from autosync.kinds import KINDS
from autosync.kinds.issue_dependency import IssueDependency
from autosync.kinds.sub_issue import SubIssue
from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.models import (
    AuditFinding,
    ChildrenRead,
    GitHubAppInstallation,
    Repository,
    ResourceCursor,
)
from autosync.models import Issue
from autosync.sync import GitHubSyncManager
from autosync.sync.audit import Auditor
from autosync.sync.audit import children as audit_children
from autosync.sync.children import sync_children
from autosync.sync.standing import standing
from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.integration.engine import apply_sent, engine, heard, installed

pytestmark = pytest.mark.django_db(transaction=True)
PARTS, WAITS = KINDS["sub_issue"], KINDS["issue_dependency"]


class World:
    """Two repositories whose webhooks arrive only when a test lets them."""

    def __init__(self, sim: Sim, receiver: Receiver) -> None:
        self.sim, self.receiver = sim, receiver
        self.home, self.other = sorted(one["full_name"] for one in sim.truth()["repositories"])
        self.whole, self.one, self.two, self.alone = (self.open(self.home) for _ in "abcd")
        self.elsewhere = self.open(self.other)

    def open(self, repository: str) -> int:
        made: int = self.sim.control("issues/open", {"repository": repository})["number"]
        return made

    def do(self, what: str, **more: Any) -> Any:
        return self.sim.control(what, {"repository": self.home, "number": self.whole, **more})

    @property
    def repository(self) -> Repository:
        return Repository.objects.get(full_name=self.home)

    @property
    def client(self) -> InstallationClient:
        pk = GitHubAppInstallation.objects.get().pk
        return connect.installation_client(pk, Priority.RECONCILE)

    def read(self) -> None:
        for kind in (PARTS, WAITS):
            sync_children(kind, self.repository, self.client, lambda: None)

    def arrive(self) -> None:
        """All webhooks sent since the last time are applied, and the next sync follows."""
        apply_sent(heard(self.sim, self.receiver, 60))
        self.read()

    def lose(self) -> None:
        assert self.sim.control("webhooks/wait", {"timeout": 60})["delivered"]
        self.receiver.clear()

    def pass_time(self) -> None:
        """What is here was seen a while ago, and nothing is on its way."""
        past = 4 * IN_FLIGHT
        Issue.objects.update(
            updated_at=F("updated_at") - past,
            observed_at=F("observed_at") - past,
            links_at=F("links_at") - past,
        )
        for model in (SubIssue, IssueDependency):
            model.objects.update(
                observed_at=F("observed_at") - past, deleted_at=F("deleted_at") - past
            )
        ChildrenRead.objects.update(clock=timezone.now() + timedelta(seconds=1), marked_at=None)

    def audited(self) -> set[str]:
        """What an audit of everything repaired."""
        self.pass_time()
        before = AuditFinding.objects.count()
        Auditor(GitHubAppInstallation.objects.get(), deep=True).run()
        found = AuditFinding.objects.order_by("pk")[before:]
        assert all(one.repaired for one in found)
        return {one.resource for one in found}

    def parts(self) -> list[tuple[int, str]]:
        """The parts of the whole, in order; GitHub says the same."""
        rows = SubIssue.live.filter(repository=self.repository, parent_number=self.whole)
        found = list(rows.order_by("position"))
        assert [one.position for one in found] == list(range(1, len(found) + 1))
        pages = self.client.pages(f"/repos/{self.home}/issues/{self.whole}/sub_issues", {})
        there = [one for page in pages for one in page.items()]
        assert [one["id"] for one in there] == [one.issue_id for one in found]
        names = dict(Repository.objects.values_list("pk", "full_name"))
        return [(one.issue_number, names[one.issue_repository_id]) for one in found]

    def waits(self) -> set[tuple[int, int]]:
        return set(IssueDependency.live.values_list("issue_number", "blocking_number"))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with (
        Receiver() as receiver,
        Sim(
            repositories=2, commits=6, issues=2, pulls=1, install=False, limits=False,
            webhook_url=receiver.url,
        ) as sim,
        engine(sim, monkeypatch),
    ):  # fmt: skip
        monkeypatch.setattr(audit_children, "IN_FLIGHT", timedelta(0))
        yield World(sim, receiver)


def test_an_import_asks_for_the_links_of_those_issues_that_have_some(world: World) -> None:
    world.do("issues/parts/add", sub=world.one)
    world.do("issues/parts/add", sub=world.elsewhere, sub_repository=world.other)
    world.do("issues/block", by=world.two)
    installed(world.sim)
    assert world.parts() == [(world.one, world.home), (world.elsewhere, world.other)]
    assert world.waits() == {(world.whole, world.two)}
    row = Issue.objects.get(repository=world.repository, number=world.whole)
    assert (row.sub_issues_count, row.blocked_by_count) == (2, 1)
    asked = ChildrenRead.objects.filter(kind__in=("sub_issue", "issue_dependency"))
    assert set(asked.values_list("parent_id", flat=True)) == {row.pk}


def test_links_of_issues_that_are_switched_off_are_not_called_unfinished(world: World) -> None:
    installed(world.sim)
    home = world.repository
    mine = ResourceCursor.objects.filter(repository=home, resource__in=(PARTS.name, WAITS.name))
    mine.filter(resource=PARTS.name).update(state=ResourceCursor.State.RUNNING)
    mine.filter(resource=WAITS.name).delete()  # as of an older mirror
    world.sim.control("repositories/edit", {"repository": home.full_name, "has_issues": False})
    manager = GitHubSyncManager(home.installation)
    manager.sync_repositories()
    manager.sync_repository(world.repository)
    assert not mine.exclude(state=ResourceCursor.State.COMPLETE).exists()
    assert not standing([home.pk])[home.pk].unfinished
    world.sim.control("repositories/edit", {"repository": home.full_name, "has_issues": True})
    manager.sync_repositories()
    manager.sync_repository(world.repository)
    assert mine.filter(state=ResourceCursor.State.COMPLETE).count() == 2


def test_links_follow_their_events_and_return(world: World, client: Client) -> None:
    installed(world.sim)
    world.lose()
    for again in (False, True):
        world.do("issues/parts/add", sub=world.one)
        world.do("issues/parts/add", sub=world.two)
        world.do("issues/parts/add", sub=world.elsewhere, sub_repository=world.other)
        world.do("issues/block", by=world.elsewhere, by_repository=world.other)
        world.arrive()
        assert [number for number, _ in world.parts()] == [
            world.one, world.two, world.elsewhere
        ], again  # fmt: skip
        assert world.waits() == {(world.whole, world.elsewhere)}
        world.pass_time()
        world.do("issues/parts/remove", sub=world.one)
        world.do("issues/unblock", by=world.elsewhere, by_repository=world.other)
        world.arrive()
        assert [number for number, _ in world.parts()] == [world.two, world.elsewhere]
        assert world.waits() == set()
        world.pass_time()
        world.do("issues/parts/remove", sub=world.two)
        world.do("issues/parts/remove", sub=world.elsewhere, sub_repository=world.other)
        world.arrive()
        assert world.parts() == []
        world.pass_time()
    world.do("issues/parts/add", sub=world.one)
    world.do("issues/block", by=world.two)
    world.arrive()
    # Its page says what it is a part of; that of the whole lists its parts.
    client.force_login(User.objects.create_user("reader"))
    home = f"/repositories/{world.repository.pk}/issues"
    assert f'{home}/{world.whole}/">#{world.whole}</a>' in _page(client, f"{home}/{world.one}/")
    whole = _page(client, f"{home}/{world.whole}/")
    assert "Sub-issues" in whole
    assert "Issue dependencies" in whole
    assert str(world.one) in _page(client, f"{home}/{world.whole}/?tab=sub-issues")


def test_an_audit_finds_what_no_webhook_told_of(world: World) -> None:
    world.do("issues/parts/add", sub=world.one)
    world.do("issues/parts/add", sub=world.two)
    world.do("issues/block", by=world.alone)
    installed(world.sim)
    world.do("issues/parts/order")
    world.lose()
    assert "sub_issue" in world.audited()
    assert [number for number, _ in world.parts()] == [world.two, world.one]
    # Of a part that is deleted, or what blocked it, only its own event speaks.
    for number in (world.two, world.alone):
        world.do("issues/delete", number=number)
    world.do("issues/block", number=world.one, by=world.whole)
    world.lose()
    assert {"sub_issue", "issue_dependency"} <= world.audited()
    assert [number for number, _ in world.parts()] == [world.one]
    assert world.waits() == {(world.one, world.whole)}
    # What belongs to an issue goes with it.
    world.do("issues/delete")
    apply_sent(heard(world.sim, world.receiver, 60))
    assert not SubIssue.live.exists()


def _page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()
