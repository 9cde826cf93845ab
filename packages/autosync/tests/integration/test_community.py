"""What people do around a repository: comments on commits, forks, who watches it, and activity.

One scene, judged by an independent reader of GitHub and of the tables after each step.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from autosync.kinds import KINDS
from autosync.kinds.commit_comment import CommitComment
from autosync.kinds.fork import Fork
from autosync.kinds.repository_activity import RepositoryActivity
from autosync.kinds.repository_language import RepositoryLanguage
from autosync.kinds.watcher import Watcher
from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.models import (
    AuditFinding,
    GitHubAppInstallation,
    Repository,
    ResourceCursor,
)
from autosync.sync import SyncJobRunner, purge, rest_listing
from autosync.sync.audit import Auditor, small
from autosync.sync.reconcile import GitHubSyncManager
from autosync.sync.rest_listing import sync_rest
from autosync.sync.stream import sync_stream
from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.chaos.child_tables import OFF
from tests.chaos.here import children
from tests.chaos.there import forget_tokens, github
from tests.integration.engine import apply_sent, asked, engine, heard, installed, period, query, run

pytestmark = pytest.mark.django_db(transaction=True)
MODELS = (CommitComment, Fork, Watcher)
TABLES = tuple(model._meta.db_table for model in MODELS)
PEOPLE = [f"friend-{number}" for number in range(5)]


class Scene:
    """A repository with something of each, mirrored."""

    def __init__(self, sim: Sim, receiver: Receiver) -> None:
        self.sim, self.receiver = sim, receiver
        (home,) = sim.truth()["repositories"]
        self.where = {"repository": home["full_name"]}
        for login in PEOPLE:
            sim.control("accounts/create", {"login": login})
        self.comment = self.do("commits/comment", body="Why?")["id"]
        self.do("watch", sender=PEOPLE[0])
        self.fork = self.do("repositories/fork", sender=PEOPLE[0])["full_name"]
        installed(sim)
        receiver.clear()

    def do(self, what: str, **more: Any) -> Any:
        return self.sim.control(what, {**self.where, **more})

    def deliver(self) -> None:
        """Apply what GitHub has sent since the last time."""
        apply_sent(heard(self.sim, self.receiver))

    def later(self) -> None:
        """Nothing is on its way any more."""
        past = 2 * IN_FLIGHT
        for model in MODELS:
            model._default_manager.update(
                observed_at=F("observed_at") - past, deleted_at=F("deleted_at") - past
            )

    def equal(self) -> None:
        """Every field of every row is as GitHub has it."""
        there, here = github(self.sim, None, TABLES), children(query)
        for name in TABLES:
            assert there[name], f"{name}: there is something to compare"
            assert here[name] == there[name]

    def audit(self) -> list[tuple[str, str]]:
        """What an audit finds and repairs, by kind."""
        before = AuditFinding.objects.count()
        Auditor(GitHubAppInstallation.objects.get()).run()
        found = AuditFinding.objects.order_by("pk")[before:]
        assert [one for one in found if not one.repaired] == []
        return sorted((one.resource, one.problem) for one in found)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    forget_tokens()
    with (
        Receiver() as receiver,
        Sim(
            repositories=1, commits=4, issues=1, pulls=1, install=False, limits=False,
            webhook_url=receiver.url,
        ) as sim,
        engine(sim, monkeypatch, AUTOSYNC_KINDS=",".join(f"+{name}" for name in OFF.values())),
    ):  # fmt: skip
        yield Scene(sim, receiver)


def test_what_people_do_around_a_repository_is_mirrored_until_it_is_no_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.equal()
    # Webhooks tell of new comments and forks, and of nothing else here.
    said = scene.do("commits/comment", body="And this?")["id"]
    scene.do("repositories/fork", sender=PEOPLE[1])
    scene.deliver()
    for name in ("commit_comments", "forks"):
        assert children(query)[name] == github(scene.sim, None, [name])[name]
    for login in PEOPLE[1:4]:
        scene.do("watch", sender=login)
    scene.later()
    period()
    scene.equal()

    # Who goes changes the number, which the next sync sees.
    scene.do("commits/comment/delete", comment_id=said)
    scene.do("unwatch", sender=PEOPLE[0])
    scene.sim.control("repositories/delete", {"repository": scene.fork})
    scene.receiver.clear()
    scene.later()
    period()
    scene.equal()
    gone = [model._default_manager.filter(deleted_at__isnull=False).count() for model in MODELS]
    assert gone == [1, 1, 1]

    # Who returns has the same row again.
    before = Watcher._default_manager.count()
    scene.do("watch", sender=PEOPLE[0])
    scene.later()
    period()
    scene.equal()
    assert Watcher._default_manager.count() == before
    assert scene.audit() == []

    # What changes neither a number nor a clock that is looked at, an audit finds.
    scene.do("commits/comment/edit", comment_id=scene.comment, body="Never mind.")
    scene.do("unwatch", sender=PEOPLE[1])
    scene.do("watch", sender=PEOPLE[4])
    scene.later()
    monkeypatch.setattr(small, "IN_FLIGHT", timedelta(0))  # nor at GitHub
    assert scene.audit() == [
        ("commit_comment", "stale"), ("watcher", "missing"), ("watcher", "surplus")
    ]  # fmt: skip
    scene.equal()

    # A quiet sync asks for none of it, and they go with their repository.
    scene.later()
    period()
    Repository.objects.update(last_synced_at=None)
    job = run(SyncJobRunner.start_periodic()[0])
    assert job.details["unchanged"] == 1
    Repository.objects.update(removed_at=timezone.now() - timedelta(days=40))
    purge.purge_gone()
    assert [model._default_manager.count() for model in MODELS] == [0, 0, 0]


def test_a_repository_without_forks_is_not_asked_for_them_when_it_is_imported(scene: Scene) -> None:
    home, forks = Repository.objects.get(), KINDS["fork"].resource
    client = GitHubSyncManager(home.installation).client
    client.token()
    for count, requests in ((0, 0), (1, 1)):
        ResourceCursor.objects.filter(resource="fork").delete()
        home.forks_count = count
        asked(scene.sim)
        sync_stream(forks, home, client, lambda: None)
        assert asked(scene.sim) == requests
        assert ResourceCursor.objects.get(resource="fork").backfilled_at is not None


def test_activity_is_read_down_to_what_is_known(scene: Scene) -> None:
    """A hundred a request; what was cut off leaves no gap behind it."""

    def equal() -> None:
        there = github(scene.sim, None, ["repository_activity"])["repository_activity"]
        assert there, "there is something to compare"
        assert children(query)["repository_activity"] == there

    activity, home = KINDS["repository_activity"].resource, Repository.objects.get()
    client = GitHubSyncManager(home.installation).client
    for _ in range(3):
        scene.do("push")
    scene.do("push", branch="side")
    scene.do("push", branch="side", start=scene.do("push")["after"], force=True)
    scene.do("refs/delete", ref="refs/heads/side")
    scene.do("pulls/merge", number=scene.do("pulls/open")["number"])
    period()
    equal()
    kinds = RepositoryActivity._default_manager.values_list("activity_type", flat=True)
    assert set(kinds) == {"push", "force_push", "branch_creation", "branch_deletion", "pr_merge"}

    for _ in range(101):
        scene.do("refs/set", ref="refs/heads/back-and-forth")
        scene.do("refs/delete", ref="refs/heads/back-and-forth")
    asked(scene.sim)

    stored, calls = rest_listing.store_page, itertools.count()

    def cut_off(*told: Any) -> None:
        if next(calls):
            raise KeyboardInterrupt
        stored(*told)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rest_listing, "store_page", cut_off)
        with pytest.raises(KeyboardInterrupt):
            sync_rest(activity, home, client, lambda: None)
    assert asked(scene.sim) == 3, "202 new ones, and one that is known"
    sync_rest(activity, home, client, lambda: None)
    equal()
    asked(scene.sim)
    assert sync_rest(activity, home, client, lambda: None) == 0
    assert asked(scene.sim) == 1

    # A list that came back short left a gap, which an audit finds.
    scene.later()
    RepositoryActivity._default_manager.update(observed_at=F("observed_at") - 2 * IN_FLIGHT)
    ids = RepositoryActivity._default_manager.order_by("-pk").values_list("pk", flat=True)
    RepositoryActivity._default_manager.filter(pk__in=[ids[3], ids[150]]).delete()
    assert scene.audit() == [("repository_activity", "missing")]
    equal()


def test_languages_are_read_again_after_a_push(scene: Scene) -> None:
    """Their sizes are no difference to an audit: GitHub counts them when it likes."""

    def equal() -> None:
        there = github(scene.sim, None, ["repository_languages"])["repository_languages"]
        assert there, "there is something to compare"
        assert children(query)["repository_languages"] == there

    for path in ("a.kt", "b.swift"):
        scene.do("push", commits=[{"message": "Write", "files": {path: "x" * 40}}])
    period()
    equal()
    names = set(RepositoryLanguage._default_manager.values_list("name", flat=True))
    assert names >= {"Kotlin", "Swift"}
    scene.later()
    RepositoryLanguage._default_manager.update(
        size=1,
        counted_at=F("counted_at") - 2 * IN_FLIGHT,
        observed_at=F("observed_at") - 2 * IN_FLIGHT,
    )
    assert scene.audit() == []
    scene.do("push", commits=[{"message": "Shorten", "files": {"a.kt": None, "b.swift": "x"}}])
    period()
    equal()
    gone = RepositoryLanguage._default_manager.filter(deleted_at__isnull=False)
    assert [one.name for one in gone] == ["Kotlin"]
    scene.do("push", commits=[{"message": "Again", "files": {"c.kt": "x" * 7}}])
    period()
    equal()
