"""Switched off or not granted is not empty and no failure; empty lists are asked about again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from autosync.kinds import listed_resources
from autosync.mirror.models import (
    Commit,
    GitHubAppInstallation,
    Issue,
    PullRequest,
    Repository,
    ResourceCursor,
    SyncJob,
)
from autosync.sync.audit import Auditor
from autosync.sync.audit.shares import NIGHTS
from autosync.sync.reconcile import GitHubSyncManager
from autosync.sync.refusals import unavailable
from githubsim.testing import Sim
from tests.integration.engine import engine, installed, period, run

pytestmark = pytest.mark.django_db(transaction=True)
ALL = {"commit", *(one.name for one in listed_resources())}
WELL = {"refused": "", "pulls_off": ""}


@pytest.fixture(scope="module")
def world() -> Iterator[Sim]:
    with Sim(repositories=2, commits=24, issues=24, pulls=10, install=False) as sim:
        yield sim


@pytest.fixture
def sim(world: Sim, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    with engine(world, monkeypatch):
        installed(world)
        yield world
    world.control("weather", {"empty_lists": 0.0, "short_lists": 0.0})
    world.control("uninstall")


def those_with_everything() -> list[Repository]:
    return sorted(
        Repository.objects.all(),
        key=lambda one: min(one.issues.count(), one.pull_requests.count()),
        reverse=True,
    )


def one_with_everything() -> Repository:
    return those_with_everything()[0]


def alive() -> dict[str, int]:
    models: tuple[Any, ...] = (Issue, PullRequest, Commit)
    return {m._meta.db_table: m.objects.filter(deleted_at__isnull=True).count() for m in models}


def ail(sim: Sim, repository: Repository, **fields: str) -> None:
    sim.control("repositories/ail", {"repository": repository.pk, **fields})


def switch(sim: Sim, repository: Repository, **fields: bool) -> None:
    sim.control("repositories/edit", {"repository": repository.pk, **fields})


def test_an_audit_that_compares_names_asks_for_nothing_more(sim: Sim) -> None:
    """Labels and milestones are in the lists that every audit reads. First of all: what changed a
    moment ago is read again.
    """
    asked = []
    for names in (False, False, True):
        sim.ask("requests", clear=1)
        Auditor(GitHubAppInstallation.live.get(), names=names).run()
        asked.append(sim.requests()["endpoints"])
    assert asked[1] == asked[2]
    tonight = timezone.now().date().toordinal() % NIGHTS
    shares = [
        model
        for model in (Issue, PullRequest)
        if any(pk % NIGHTS == tonight for pk in model.objects.values_list("pk", flat=True))
    ]
    always = 3  # the news, the small kinds, the silent ones
    assert asked[2]["POST /graphql"] == {"200": always + len(shares)}


@pytest.mark.parametrize(
    ("how", "kinds", "code"),
    [
        ("pulls empty", {"pull_request", "review_comment"}, "off"),
        ("pulls forbidden", {"pull_request", "review_comment"}, "permission refused off"),
        ("pulls not_found", {"pull_request", "review_comment"}, "refused off"),
        ("issues", {"issue"}, "off"),
        ("both", {"issue", "pull_request", "review_comment"}, "off"),
        ("blocked", ALL, "blocked"),
        ("saml", ALL, "saml"),
        ("ip_allow_list", ALL, "ip_allow_list"),
        ("permission", {"issue"}, "permission"),
    ],
)
def test_what_github_does_not_show_is_kept_named_and_read_again(
    sim: Sim, how: str, kinds: set[str], code: str
) -> None:
    """Met unawares in one repository, and in another after the listing said it."""
    unawares, listed = those_with_everything()[:2]
    installation = unawares.installation
    before = alive()
    take_away(sim, unawares, how)
    try:
        # Before any listing says that something is switched off.
        GitHubSyncManager(installation).sync_repository(unawares)
        withheld(unawares, kinds, code)
        take_away(sim, listed, how)
        job = period()
        assert job.status == SyncJob.Status.COMPLETED, job.error_message
        assert alive() == before
        Auditor(installation, names=True).run()
        assert alive() == before
        for repository in (unawares, listed):
            withheld(repository, kinds, code)
            repository.refresh_from_db()
            assert repository.sync_state == Repository.SyncState.SYNCED
            assert repository.failures == 0
    finally:
        for repository in (unawares, listed):
            ail(sim, repository, **WELL)
            switch(sim, repository, has_issues=True)
            sim.control("repositories/block", {"repository": repository.pk, "reason": None})
        sim.control("installation/permissions", {"permissions": {"issues": "write"}})
    # Meanwhile something happened.
    opened, pulled = [], []
    for where in ({"repository": one.pk, "title": "Meanwhile"} for one in (unawares, listed)):
        opened.append(sim.control("issues/open", where)["id"])
        pulled.append(sim.control("pulls/open", where)["id"])
        sim.control("push", {"repository": where["repository"]})
    assert period().status == SyncJob.Status.COMPLETED
    both = [unawares.pk, listed.pk]
    assert unavailable(both) == {pk: set() for pk in both}
    assert Issue.objects.filter(pk__in=opened).count() == 2
    assert PullRequest.objects.filter(pk__in=pulled).count() == 2
    assert Commit.objects.filter(detailed_at__isnull=True).count() == 0


def take_away(sim: Sim, repository: Repository, how: str) -> None:
    """What GitHub shows of it no longer; of permissions, of all the installation has."""
    kind, _, candidate = how.partition(" ")
    if kind == "pulls" or kind == "both":
        ail(sim, repository, pulls_off=candidate or "empty")
    if kind in ("issues", "both"):
        switch(sim, repository, has_issues=False)
    if kind in ("saml", "ip_allow_list"):
        ail(sim, repository, refused=kind)
    if kind == "blocked":
        sim.control("repositories/block", {"repository": repository.pk})
    if kind == "permission":
        sim.control("installation/permissions", {"permissions": {"issues": None}})
        GitHubSyncManager(repository.installation).client.refuse_token(
            GitHubSyncManager(repository.installation).client.token()
        )


def withheld(repository: Repository, kinds: set[str], code: str) -> None:
    """These kinds of it are marked, with the reason and since when."""
    assert unavailable([repository.pk])[repository.pk] == kinds
    cursors = ResourceCursor.objects.filter(repository=repository).exclude(unavailable="")
    assert {one.unavailable for one in cursors} <= set(code.split())
    assert all(one.unavailable_since and one.unavailable_reason for one in cursors)


def test_what_was_deleted_is_still_found(sim: Sim) -> None:
    repository = one_with_everything()
    numbers = list(repository.issues.order_by("pk").values_list("number", flat=True))
    for number in numbers[:2]:
        sim.control("issues/delete", {"repository": repository.pk, "number": number})
    # What was seen just now may be missing in a list that lags.
    Issue.objects.update(observed_at=timezone.now() - timedelta(minutes=5))
    period()
    gone = repository.issues.filter(deleted_at__isnull=False).values_list("number", flat=True)
    assert sorted(gone) == sorted(numbers[:2])


@pytest.mark.parametrize("weather", ["empty_lists", "short_lists"])
def test_lists_that_lack_what_is_there_hide_and_delete_nothing(sim: Sim, weather: str) -> None:
    before = alive()
    Repository.objects.update(last_synced_at=timezone.now() - timedelta(hours=1))
    sim.control("weather", {weather: 1.0})
    assert [one.pk for one in GitHubSyncManager.discover()] == [GitHubAppInstallation.live.get().pk]
    period()
    Auditor(GitHubAppInstallation.live.get(), names=True).run()
    assert Repository.visible().count() == 2
    assert alive() == before
    sim.control("weather", {weather: 0.0})
    period()
    assert Repository.visible().count() == 2
    assert GitHubAppInstallation.live.get().repositories_listed_at is not None


def test_a_repository_that_is_really_gone_from_the_list_is_hidden(sim: Sim) -> None:
    repository = one_with_everything()
    sim.control("installation/remove", {"repositories": [repository.full_name]})
    try:
        period()
        assert not Repository.visible().filter(pk=repository.pk).exists()
        assert Repository.visible().count() == 1
    finally:
        sim.control("installation/add", {"repositories": [repository.full_name]})


def test_what_an_audit_is_the_first_to_list_is_imported(sim: Sim) -> None:
    """The deliveries about it that come later find it known, and import nothing."""
    installation = GitHubAppInstallation.live.get()
    owner = one_with_everything().owner_login
    created = sim.control("repositories/create", {"owner": owner, "name": "unheard-of"})
    try:
        Auditor(installation).run()
        job = SyncJob.objects.latest("pk")
        assert job.details["repositories"] == [created["id"]]
        run(job)
        assert Repository.objects.get(pk=created["id"]).imported_at is not None
    finally:
        sim.control("repositories/delete", {"repository": created["id"]})


def test_an_installation_that_is_really_gone_is_deleted(sim: Sim) -> None:
    (installation,) = GitHubSyncManager.discover()
    sim.control("uninstall")
    assert GitHubSyncManager.discover() == []
    installation.refresh_from_db()
    assert installation.deleted_at is not None
    sim.control("install")
