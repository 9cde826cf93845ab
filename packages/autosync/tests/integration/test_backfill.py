"""A backfill that is cut off goes on behind the last page it committed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from autosync.github import (
    AppCredentials,
    InstallationClient,
    LocalBudget,
    Priority,
)
from autosync.kinds import KINDS, SETS
from autosync.mirror.doubt import LAG
from autosync.mirror.models import (
    GitHubAppInstallation,
    Issue,
    QuotaBudget,
    Repository,
    ResourceCursor,
)
from autosync.mirror.upsert import Rule, upsert
from autosync.sync.lists import sync_list
from autosync.sync.refetch import refetch_dirty
from githubsim.testing import Sim

pytestmark = pytest.mark.django_db(transaction=True)
ISSUES = KINDS["issue"].resource


class CutOff(Exception):
    """As if the process had been killed here."""


@pytest.fixture
def sim() -> Iterator[Sim]:
    with Sim(repositories=1, commits=5, issues=350, pulls=0, install=False) as sim:
        yield sim


def begin(sim: Sim) -> tuple[InstallationClient, Repository]:
    installation = sim.control("install")
    there = sim.truth()["repositories"][0]
    credentials = AppCredentials(sim.app.id, private_key=sim.private_key, api_url=sim.url)
    client = InstallationClient(credentials, installation["id"], LocalBudget(), Priority.BACKFILL)
    GitHubAppInstallation.objects.create(pk=installation["id"], observed_at=timezone.now())
    return client, Repository.objects.create(
        pk=there["id"],
        node_id=there["node_id"],
        installation_id=installation["id"],
        full_name=there["full_name"],
        observed_at=timezone.now(),
    )


def test_only_the_page_that_was_cut_off_is_read_again(sim: Sim) -> None:
    client, repository = begin(sim)
    pages = iter([None, None, CutOff()])

    def progress() -> None:
        error = next(pages)
        if error is not None:
            raise error

    with pytest.raises(CutOff):
        sync_list(ISSUES, repository, client, progress)
    assert Issue.objects.count() == 200
    sim.ask("requests", clear=1)
    sync_list(ISSUES, repository, client, lambda: None)
    assert Issue.objects.count() == 350
    assert sim.requests()["endpoints"]["POST /graphql"] == {"200": 2}
    cursor = ResourceCursor.objects.get()
    assert (cursor.state, cursor.done, cursor.cursor) == ("complete", 350, "")


def test_many_readers_that_are_cut_off_go_on_where_each_of_them_was() -> None:
    with Sim(repositories=1, commits=5, issues=1_500, pulls=300, install=False) as sim:
        client, repository = begin(sim)
        stored = 0

        def progress() -> None:
            nonlocal stored
            stored += 1
            if stored == 9:
                raise CutOff

        with pytest.raises(CutOff):
            sync_list(ISSUES, repository, client, progress)
        cursor = ResourceCursor.objects.get()
        assert cursor.cursor.startswith("rest [["), "several readers were at it"
        assert cursor.backfilled_at is None
        first = sum(sim.requests()["endpoints"]["GET /repos/{owner}/{repo}/issues"].values())
        changed = sim.truth()["repositories"][0]["full_name"]
        sim.control("issues/open", {"repository": changed, "title": "Meanwhile"})
        sim.ask("requests", clear=1)
        sync_list(ISSUES, repository, client, lambda: None)
        cursor.refresh_from_db()
        assert (cursor.state, cursor.done, cursor.cursor) == ("complete", 1_501, "")
        asked = sim.requests()["endpoints"]
        second = sum(asked["GET /repos/{owner}/{repo}/issues"].values())
        assert asked["POST /graphql"] == {"200": 1}, "the number of all, and no list of ids"
        # What was read ahead and not stored is read again, and no more than that.
        assert first + second <= 19 + 8 + 12
        sync_list(ISSUES, repository, client, lambda: None)
        assert Issue.objects.filter(title="Meanwhile").count() == 1


def test_what_a_webhook_brought_is_not_buried_by_an_answer_that_lags(sim: Sim) -> None:
    client, repository = begin(sim)
    sync_list(ISSUES, repository, client, lambda: None)
    sim.control("weather", {"stale": 60.0})
    opened = sim.control("issues/open", {"repository": repository.full_name, "title": "New"})
    row = KINDS["issue"].from_rest(opened, repository.pk)
    assert row is not None
    upsert(ISSUES.merge, [row], observed_at=timezone.now(), rule=Rule.VERSIONED)
    new = Issue.objects.get(pk=opened["id"])
    # The list does not have it yet, and asked for by its id there is nothing either.
    sync_list(ISSUES, repository, client, lambda: None)
    Issue.objects.filter(pk=new.pk).update(dirty_at=timezone.now())
    refetch_dirty(client, repository.installation_id)
    new.refresh_from_db()
    assert new.deleted_at is None
    assert new.dirty_at is not None, "it is asked for again"
    repository.refresh_from_db()
    assert repository.audit_due_at is not None, "an audit decides once nothing lags"
    # Seen long ago, an answer without it is believed.
    Issue.objects.filter(pk=new.pk).update(observed_at=timezone.now() - timedelta(minutes=1))
    refetch_dirty(client, repository.installation_id)
    new.refresh_from_db()
    assert new.deleted_at is not None


def test_an_answer_that_may_lag_is_asked_for_once_more(sim: Sim) -> None:
    client, repository = begin(sim)
    where = {"repository": repository.full_name}
    opened = sim.control("issues/open", where | {"title": "New", "labels": ["bug"]})
    sync_list(ISSUES, repository, client, lambda: None)
    sim.control("weather", {"stale": 60.0})
    sim.control("labels/edit", where | {"name": "bug", "new_name": "defect"})
    row = Issue.objects.filter(pk=opened["id"])
    row.update(dirty_at=timezone.now())
    assert refetch_dirty(client, repository.installation_id) == 1
    assert [one["name"] for one in row.get().labels] == ["bug"], "as it was a minute ago"
    assert row.get().dirty_at is not None
    # Not each time that something else is asked for.
    assert refetch_dirty(client, repository.installation_id) == 0
    sim.control("weather", {"stale": 0.0})
    row.update(dirty_at=F("dirty_at") - LAG, observed_at=F("observed_at") - LAG)
    assert refetch_dirty(client, repository.installation_id) == 1
    assert [one["name"] for one in row.get().labels] == ["defect"]
    assert row.get().dirty_at is None


def test_what_a_repository_out_of_sight_holds_is_not_taken_for_deleted(sim: Sim) -> None:
    client, repository = begin(sim)
    sync_list(ISSUES, repository, client, lambda: None)
    one = Issue.objects.earliest("pk")
    before = timezone.now() - timedelta(minutes=1)
    Issue.objects.filter(pk=one.pk).update(dirty_at=before, observed_at=before)
    sim.control("repositories/edit", {"repository": repository.full_name, "private": True})
    sim.control("installation/remove", {"repositories": [repository.full_name]})
    refetch_dirty(client, repository.installation_id)
    one.refresh_from_db()
    assert (one.deleted_at, one.dirty_at is None) == (None, False)
    repository.refresh_from_db()
    assert repository.dirty_at is not None, "whether it is there still is asked next"
    sim.control("installation/add", {"repositories": [repository.full_name]})
    refetch_dirty(client, repository.installation_id)
    one.refresh_from_db()
    assert (one.deleted_at, one.dirty_at) == (None, None)


def test_what_was_never_seen_is_fetched_and_brings_its_repository_into_no_doubt(sim: Sim) -> None:
    client, repository = begin(sim)
    sync_list(ISSUES, repository, client, lambda: None)
    one = Issue.objects.earliest("updated_at")
    Issue.objects.filter(pk=one.pk).delete()
    sync_list(ISSUES, repository, client, lambda: None)
    assert Issue.objects.filter(pk=one.pk).exists()
    repository.refresh_from_db()
    assert repository.dirty_at is None


def _rows() -> tuple[list[dict[str, object]], list[tuple[object, ...]], list[tuple[object, ...]]]:
    """What the tables hold, but for when it was seen."""
    seen = {"observed_at", "reactions_at", "links_at"}
    issues = [
        {name: value for name, value in row.items() if name not in seen}
        for row in Issue.objects.order_by("pk").values()
    ]
    carried = [
        sorted(SETS[name].model.objects.values_list(*SETS[name].merge.key), key=str)
        for name in ("issue_label", "issue_assignee")
    ]
    return issues, carried[0], carried[1]


def test_a_list_too_dear_for_graphql_goes_on_by_rest_and_has_the_same_rows() -> None:
    with Sim(repositories=1, commits=5, issues=350, pulls=30, install=False) as sim:
        client, repository = begin(sim)
        # The hour of GraphQL is nearly spent.
        spent = QuotaBudget.objects.create(
            installation_id=client.installation_id,
            resource="graphql",
            limit=5000,
            remaining=500,
            reset_at=timezone.now() + timedelta(hours=1),
        )
        pages = iter([None, None, CutOff()])

        def progress() -> None:
            if error := next(pages):
                raise error

        with pytest.raises(CutOff):
            sync_list(ISSUES, repository, client, progress)
        assert ResourceCursor.objects.get().cursor.startswith("rest 20")
        sim.ask("requests", clear=1)
        sync_list(ISSUES, repository, client, lambda: None)
        asked = sim.requests()["endpoints"]
        assert asked["POST /graphql"] == {"200": 1}  # how many there are
        pages_of_rest = [asked[name] for name in asked if name.startswith("GET ")]
        assert pages_of_rest == [{"200": 3}]
        cursor = ResourceCursor.objects.get()
        assert (cursor.state, cursor.done, cursor.total) == ("complete", 350, 350)
        by_rest = _rows()
        for rows in (Issue.objects, ResourceCursor.objects, *(SETS[n].model.objects for n in SETS)):
            rows.all().delete()
        spent.delete()
        sync_list(ISSUES, repository, client, lambda: None)
        assert _rows() == by_rest
        assert len(by_rest[0]) == 350
        assert by_rest[1]
        assert by_rest[2]
