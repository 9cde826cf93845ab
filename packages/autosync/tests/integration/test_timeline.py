"""Timelines are read with their issues and pull requests, and follow what others say of these."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from autosync import config, connect
from autosync.github import InstallationClient, Priority, dialect
from autosync.kinds import KINDS
from autosync.kinds._rules import mentioned
from autosync.kinds.closing_reference import ClosingReference
from autosync.kinds.review import Review
from autosync.kinds.timeline_event import TimelineEvent
from autosync.mirror.doubt import IN_FLIGHT, LAG
from autosync.mirror.models import (
    Audit,
    AuditFinding,
    ChildrenRead,
    GitHubAppInstallation,
    QuotaBudget,
    Repository,
)
from autosync.models import Issue, PullRequest
from autosync.sync import ahead
from autosync.sync.audit import Auditor, shares
from autosync.sync.audit import children as audit_children
from autosync.sync.children import sync_children, waiting
from autosync.sync.reconcile import GitHubSyncManager
from autosync.sync.refusals import unavailable
from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.integration.engine import apply_sent, engine, heard, installed

pytestmark = pytest.mark.django_db(transaction=True)
TIMELINE, CLOSING = KINDS["timeline_event"], KINDS["closing_reference"]


class World:
    """A simulated GitHub whose webhooks arrive only when a test lets them."""

    def __init__(self, sim: Sim, receiver: Receiver) -> None:
        self.sim, self.receiver = sim, receiver
        (home,) = sim.truth()["repositories"]
        self.where = {"repository": home["full_name"]}
        for login in ("ann", "bob"):
            sim.control("accounts/create", {"login": login})
        self.issue = self.make("issues/open")
        self.other = self.make("issues/open")
        self.pull = self.make("pulls/open")
        self.live()

    def make(self, what: str, **more: Any) -> int:
        made: int = self.do(what, **more)["number"]
        return made

    def do(self, what: str, **more: Any) -> Any:
        return self.sim.control(what, {**self.where, **more})

    def live(self) -> None:
        """Something of everything that people do."""
        issue, pull = {"number": self.issue}, {"number": self.pull}
        self.do("issues/label", **issue, labels=["bug"])
        self.do("issues/assign", **issue, assignees=["ann"])
        self.do("issues/edit", **issue, title="Another title")
        self.do("issues/close", **issue, reason="not_planned")
        self.do("issues/lock", **issue, reason="too heated")
        self.do("reviews/request", **pull, reviewers=["bob"], teams=["platform"])
        self.do("pulls/draft", **pull)
        self.do("pulls/merge", **pull)

    @property
    def client(self) -> InstallationClient:
        return connect.installation_client(self.installation.pk, Priority.RECONCILE)

    def arrive(self) -> None:
        """All webhooks sent since the last time are applied."""
        apply_sent(heard(self.sim, self.receiver, 60))

    def lose(self) -> None:
        assert self.sim.control("webhooks/wait", {"timeout": 60})["delivered"]
        self.receiver.clear()

    def sync(self) -> None:
        sync_children(TIMELINE, Repository.objects.get(), self.client, lambda: None)

    def closes(self) -> dict[int, set[int]]:
        """Pull request → issues that it closes; GitHub and the mirror say the same."""
        query = (
            "query($ids: [ID!]!) { nodes(ids: $ids) { ... on PullRequest { number "
            "closingIssuesReferences(first: 9) { nodes { number fullDatabaseId } } } } }"
        )
        sync_children(CLOSING, Repository.objects.get(), self.client, lambda: None)
        ids = list(PullRequest.objects.values_list("node_id", flat=True))
        there: dict[int, set[int]] = {}
        for one in self.client.graphql(query, {"ids": ids}).data["nodes"]:
            for issue in one["closingIssuesReferences"]["nodes"]:
                row = ClosingReference.live.get(
                    pull_number=one["number"], issue_id=int(issue["fullDatabaseId"])
                )
                assert row.issue_number == issue["number"]
                there.setdefault(one["number"], set()).add(issue["number"])
        assert ClosingReference.live.count() == sum(map(len, there.values()))
        return there

    def quiet(self) -> None:
        """Nobody has spoken of anything for a while."""
        ChildrenRead.objects.update(marked_at=F("marked_at") - 2 * ahead.QUIET)
        for model in (Issue, PullRequest):
            model._default_manager.update(updated_at=F("updated_at") - 2 * ahead.QUIET)

    def asked(self) -> int:
        """Queries of GraphQL since the last time."""
        asked = self.sim.requests()["endpoints"].get("POST /graphql", {}).get("200", 0)
        self.sim.ask("requests", clear=1)
        return int(asked)

    def audit(self, **how: bool) -> tuple[int, int, int]:
        """What of timelines differed, what of this was repaired, what only waited."""
        audit = Auditor(GitHubAppInstallation.objects.get(), **how).run()
        found = AuditFinding.objects.filter(audit=audit, resource=TIMELINE.name)
        return found.count(), found.filter(repaired=True).count(), audit.waited

    def there(self, number: int) -> dict[str, dict[str, Any]]:
        """Node id → the event, as REST shows it; but for mentions, which have none there."""
        path = f"/repos/{self.where['repository']}/issues/{number}/timeline"
        items = [one for page in self.client.pages(path, {"per_page": 100}) for one in page.items()]
        known = {"commented", "reviewed", "committed", "cross-referenced"}
        return {one["node_id"]: one for one in items if one["event"] not in known}

    def settled(self, *, moved_by: timedelta = timedelta(seconds=5)) -> None:
        """Everything was read since it moved, a while ago: clocks are of `moved_by` ago, or older.

        Clocks are of whole seconds: what moves one at once is to be later than that.
        """
        past = 4 * IN_FLIGHT
        TimelineEvent.objects.update(observed_at=F("observed_at") - past)
        for model in (Issue, PullRequest):
            model._default_manager.update(
                updated_at=F("updated_at") - past, observed_at=F("observed_at") - past
            )
        now = timezone.now()
        ChildrenRead.objects.update(clock=now - moved_by, marked_at=None, read_at=now + 2 * LAG)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with (
        Receiver() as receiver,
        Sim(
            repositories=1, commits=12, issues=2, pulls=1, install=False, limits=False,
            webhook_url=receiver.url,
        ) as sim,
        engine(sim, monkeypatch),
    ):  # fmt: skip
        # What is made here is some seconds old, and not on its way any more.
        monkeypatch.setattr(audit_children, "IN_FLIGHT", timedelta(0))
        made = World(sim, receiver)
        made.installation = installed(sim)
        made.lose()
        yield made


def events(number: int) -> list[str]:
    rows = TimelineEvent.live.filter(issue_number=number).order_by("created_at", "node_id")
    return sorted(rows.values_list("event", flat=True))


def test_timelines_are_imported_for_a_point_per_hundred_and_follow_what_is_done(
    world: World,
) -> None:
    details = {
        "labeled": lambda one: {"label": one["label"]["name"]},
        "renamed": lambda one: one["rename"],
        "closed": lambda one: (
            {"state_reason": one["state_reason"]} if one.get("state_reason") else None
        ),
        "locked": lambda one: {"lock_reason": one["lock_reason"].replace(" ", "_")},
        "merged": lambda one: {"into": "main"},
    }
    for number in (world.issue, world.pull):
        there = world.there(number)
        rows = {one.node_id: one for one in TimelineEvent.live.filter(issue_number=number)}
        assert rows.keys() == there.keys()
        assert len(rows) > 3
        for node_id, one in there.items():
            row, whom = rows[node_id], one.get("assignee") or one.get("requested_reviewer")
            assert (row.event, row.actor_login) == (one["event"], one["actor"]["login"])
            assert row.subject_id == (whom["id"] if whom else None)
            assert row.commit_sha == (one["commit_id"] or "")
            if one["event"] in details:
                assert row.details == details[one["event"]](one), one["event"]
    team = TimelineEvent.live.filter(event="review_requested").exclude(details=None).get()
    assert (team.subject_login, team.details) == ("", {"team": "platform"})
    # Both kinds of parents are read a hundred at a time.
    world.settled()
    ChildrenRead.objects.filter(kind__startswith="timeline_event").delete()
    world.sim.ask("requests", clear=1)
    world.sync()
    assert world.sim.requests()["endpoints"]["POST /graphql"] == {"200": 2}
    # What a webhook tells of is read with the next sync.
    world.settled()
    assert waiting([Repository.objects.get().pk]) == {Repository.objects.get().pk: set()}
    world.do("pulls/auto-merge", number=world.make("pulls/open"))
    world.do("issues/reopen", number=world.issue)
    world.arrive()
    assert "timeline_event" in waiting([Repository.objects.get().pk])[Repository.objects.get().pk]
    world.sync()
    assert "reopened" in events(world.issue)
    assert TimelineEvent.live.filter(event="auto_merge_enabled").count() == 1
    # What another text or a commit names is read too; no clock of it moved.
    world.settled()
    before = Issue.objects.get(number=world.other).updated_at
    world.do("issues/comment", number=world.issue, body=f"Like #{world.other}")
    world.do("push", branch="main", commits=[{"message": f"Help with #{world.other}"}])
    world.arrive()
    world.sync()
    assert events(world.other) == ["cross-referenced", "referenced"]
    mention = TimelineEvent.live.get(event="cross-referenced")
    home = Repository.objects.get()
    source = {"type": "Issue", "number": world.issue, "repository_id": home.pk}
    assert mention.details == {"source": source, "will_close": False}
    named = TimelineEvent.live.get(event="referenced")
    assert named.details == {"commit_repository_id": home.pk}
    assert len(named.commit_sha) == 40
    assert Issue.objects.get(number=world.other).updated_at == before
    # It goes with its issue, and what people wrote at once.
    rows = TimelineEvent.objects.filter(issue_number=world.issue)
    assert rows.filter(details__isnull=False).exists()
    world.do("issues/delete", number=world.issue)
    world.arrive()
    assert events(world.issue) == []
    assert set(rows.values_list("gone_because", flat=True)) == {"parent"}
    assert not rows.filter(details__isnull=False).exists()


def test_what_a_pull_request_closes_follows_its_text_and_links_by_hand(world: World) -> None:
    pull = world.make("pulls/open", body=f"Fixes #{world.issue}, like #{world.other}")
    world.arrive()
    assert world.closes() == {pull: {world.issue}}
    world.settled()
    world.do("pulls/edit", number=pull, body=f"Closes #{world.other}")
    world.arrive()
    pass_time()
    assert world.closes() == {pull: {world.other}}
    # By hand: nothing tells of it, and it may return.
    for linked in (True, False, True):
        world.do("pulls/link", number=pull, issue=world.issue, linked=linked)
        world.lose()
        world.settled()
        pass_time()
        before = AuditFinding.objects.count()
        Auditor(GitHubAppInstallation.objects.get(), deep=True).run()
        found = AuditFinding.objects.order_by("pk")[before:]
        assert "closing_reference" in {one.resource for one in found if one.repaired}
        both = {world.other, world.issue} if linked else {world.other}
        assert world.closes() == {pull: both}


def pass_time() -> None:
    """What is here was seen a while ago, so that an answer without it is believed."""
    ClosingReference.objects.update(
        observed_at=F("observed_at") - 4 * IN_FLIGHT, deleted_at=F("deleted_at") - 4 * IN_FLIGHT
    )


def test_what_no_webhook_told_of_is_found_by_an_audit_within_a_week(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.do("issues/comment", number=world.other, body="A comment is no event of it")
    world.do("issues/comment", number=world.issue, body=f"Like #{world.other}")
    world.lose()
    world.settled()
    found = set[tuple[str, str]]()
    tonight = timezone.now()
    for night in range(shares.NIGHTS):
        monkeypatch.setattr(shares, "_today", lambda at=tonight + timedelta(days=night): at.date())
        world.settled(moved_by=timedelta(0))  # that comment moved a clock a moment ago
        before = AuditFinding.objects.count()
        Auditor(GitHubAppInstallation.objects.get()).run()
        fresh = AuditFinding.objects.order_by("pk")[before:]
        assert all(one.repaired for one in fresh)
        found |= {(one.resource, one.problem) for one in fresh}
    assert ("timeline_event", "missing") in found
    assert events(world.other) == ["cross-referenced"]
    # It goes with the issue that made it, unheard.
    world.do("issues/delete", number=world.issue)
    world.lose()
    world.settled()
    Auditor(GitHubAppInstallation.objects.get(), deep=True).run()
    assert events(world.other) == []


def test_an_audit_tells_what_waits_to_be_read_from_what_differs(world: World) -> None:
    world.settled()
    world.do("issues/label", number=world.issue, labels=["question"])
    world.do("issues/comment", number=world.issue, body=f"See #{world.other}")
    world.arrive()
    lost = TimelineEvent.live.filter(issue_number=world.pull)[:1].get()
    lost.delete()
    # Marked: unlabelled, labelled, and mentioned elsewhere. Only the lost one is a fault.
    assert world.audit(deep=True, repair=False) == (1, 0, 3)
    assert "cross-referenced" not in events(world.other)
    assert world.audit(deep=True) == (1, 1, 3)
    found = AuditFinding.objects.filter(resource=TIMELINE.name)
    assert {one.object_key for one in found} == {lost.node_id}
    assert "cross-referenced" in events(world.other)
    assert TimelineEvent.live.filter(node_id=lost.node_id).exists()
    assert world.audit(deep=True) == (0, 0, 0)
    # Nothing tells of this one: whoever reads it is the first to know.
    world.settled()
    now = timezone.now()
    for model in (Issue, PullRequest):
        model._default_manager.update(updated_at=now)
    ChildrenRead.objects.update(clock=now, read_at=now)
    world.do("issues/comment", number=world.pull, body=f"As #{world.other}")
    world.lose()
    assert world.audit(deep=True) == (0, 0, 1)
    assert events(world.other).count("cross-referenced") == 2
    # A clock that moved unheard is a webhook that was lost.
    world.settled()
    world.do("issues/label", number=world.pull, labels=["bug"])
    world.lose()
    differs, repaired, waited = world.audit(deep=True)
    assert (differs > 0, repaired, waited) == (True, differs, 0)


def test_timelines_are_read_ahead_of_the_next_sync_at_a_bounded_price(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pk = world.installation.pk
    world.settled()
    world.do("issues/reopen", number=world.issue)
    world.do("issues/label", number=world.pull, labels=["question"])
    world.arrive()
    world.asked()
    assert ahead.read_ahead(pk) == 0, "more is to come, mostly"
    world.quiet()
    assert ahead.read_ahead(pk) >= 2
    assert world.asked() == 2, "one query a kind of parents"
    assert {*events(world.issue), *events(world.pull)} >= {"reopened", "labeled"}
    home = Repository.objects.get().pk
    assert waiting([home]) == {home: set()}
    assert ahead.read_ahead(pk) == world.asked() == 0, "nothing waits"
    # Somebody labels all the time: ten points an hour, and at once what half an hour has left.
    marked = ChildrenRead.objects.filter(kind="timeline_event/issue")
    rounds = 0
    for _ in range(12):
        marked.update(marked_at=timezone.now() - 2 * ahead.QUIET)
        ahead.read_ahead(pk)
        rounds += world.asked()
    assert 2 + rounds <= 6
    QuotaBudget.objects.update(ahead_until=F("ahead_until") - timedelta(minutes=6))
    ahead.read_ahead(pk)
    assert world.asked() == 1
    # Whoever wants none of it waits for the sync.
    marked.update(marked_at=timezone.now() - 2 * ahead.QUIET)
    QuotaBudget.objects.update(ahead_until=None)
    monkeypatch.setattr(config.load(), "autosync_timeline_points", 0)
    assert ahead.read_ahead(pk) == world.asked() == 0
    assert waiting([home]) == {home: {"timeline_event"}}


def test_what_is_not_read_ahead_is_left_to_the_next_sync(world: World) -> None:
    pk, home = world.installation.pk, Repository.objects.get().pk
    world.settled()
    gone = world.make("issues/open")
    world.do("issues/label", number=gone, labels=["bug"])
    world.do("pulls/edit", number=world.pull, body="Closes it")
    world.arrive()
    world.do("issues/delete", number=gone)
    world.lose()
    world.quiet()
    world.sim.control("withhold", {"fields": ["closingIssuesReferences"]})
    try:
        ahead.read_ahead(pk)
        assert not ChildrenRead.objects.filter(marked_at__isnull=False, clock=None).exists()
        world.asked()
        assert ahead.read_ahead(pk) == world.asked() == 0, "nobody asks in vain again"
        assert waiting([home])[home] == {"timeline_event", "closing_reference"}
    finally:
        world.sim.control("withhold", {"fields": []})


def test_a_kind_that_is_refused_takes_none_of_its_companions_along(world: World) -> None:
    home = Repository.objects.get()
    world.settled()
    world.do("pulls/edit", number=world.pull, title="Another", body=f"Closes #{world.issue}")
    world.do("reviews/submit", number=world.pull, state="COMMENTED", body="Hm")
    world.lose()
    ChildrenRead.objects.update(clock=None)  # no clock tells that the issue is named now
    world.sim.control("withhold", {"fields": ["closingIssuesReferences"]})
    manager = GitHubSyncManager(world.installation)
    try:
        manager.sync_repository(home)
        assert unavailable([home.pk])[home.pk] == {"closing_reference"}
        assert "renamed" in events(world.pull)
        assert Review.live.filter(body="Hm").exists()
        # From now on it is asked for alone, and nobody is asked in vain for it.
        world.settled()
        world.do("issues/label", number=world.pull, labels=["bug"])
        world.lose()
        world.asked()
        queries: list[str] = []
        send = InstallationClient.graphql

        def noted(self: InstallationClient, query: str, *a: Any, **more: Any) -> Any:
            queries.append(query)
            return send(self, query, *a, **more)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(InstallationClient, "graphql", noted)
            manager.sync_repository(home)
        closing = [one for one in queries if "closingIssuesReferences" in one]
        assert len(closing) == 1
        assert "timelineItems" not in closing[0]
        assert "labeled" in events(world.pull)
        # Nor is an audit stopped by it.
        world.settled()
        ChildrenRead.objects.filter(kind__startswith=CLOSING.name).update(clock=None)
        assert world.audit(deep=True) == (0, 0, 0)
        audit = Audit.objects.latest("pk")
        assert audit.repositories == 1
        assert "closing_reference" in audit.left_out
    finally:
        world.sim.control("withhold", {"fields": []})
    manager.sync_repository(home)
    assert unavailable([home.pk]) == {home.pk: set()}
    assert ClosingReference.live.filter(pull_number=world.pull).count() == 1


def test_a_server_without_some_of_the_types_shows_the_others(world: World) -> None:
    """As an Enterprise Server from before they were added."""
    lacks = ["PinnedEvent", "AutoMergeEnabledEvent", "LockedEvent", "ClosedEvent.stateReason"]
    world.sim.control("older-server", {"lacks": lacks})
    try:
        TimelineEvent.objects.all().delete()
        ChildrenRead.objects.all().delete()
        world.asked()
        world.sync()
        assert world.asked() == 4, "each kind of parents is asked once in vain"
        rows = TimelineEvent.live.filter(issue_number=world.issue)
        names = {one["event"] for one in world.there(world.issue).values()} - {"locked"}
        assert {one.event for one in rows} == names
        assert rows.get(event="closed").details is None
        ChildrenRead.objects.all().delete()
        world.asked()
        world.sync()
        assert world.asked() == 2
    finally:
        world.sim.control("older-server", {"lacks": []})
        dialect._refused.clear()


def test_texts_name_numbers_as_github_links_them() -> None:
    text = (
        "see #12, o/r#3, x/y#4 and https://github.com/O/R/issues/5 GH-6 a#7 &#39; foo/#8 (#9) "
        "https://github.com/o/r/pull/10/files https://github.com/x/y/issues/11"
    )
    assert mentioned(text, "o/r") == [12, 3, 5, 6, 9, 10]
