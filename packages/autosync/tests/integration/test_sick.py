"""One sick repository, list or installation never holds up another, and is tried again apart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from autosync.errors import ConfigurationError
from autosync.github import Unavailable
from autosync.insight import ailing
from autosync.mirror.models import (
    Audit,
    GitHubAppInstallation,
    Repository,
    SyncJob,
    SyncJobRepository,
)
from autosync.sync import GitHubSyncManager, SyncJobRunner, sick
from autosync.sync.audit import Auditor
from autosync.sync.resume import retry_sick_repositories
from githubsim.testing import Sim
from tests.integration.api_rows import repository as row
from tests.integration.engine import engine, installed, period, run

pytestmark = pytest.mark.django_db(transaction=True)
FAILED = SyncJob.Status.COMPLETED_WITH_ERRORS
WELL = {"git_silent": False, "lists_fail": False, "refused": ""}


@pytest.fixture(scope="module")
def world() -> Iterator[Sim]:
    with Sim(repositories=3, commits=30, issues=30, pulls=9, install=False) as sim:
        yield sim


@pytest.fixture(autouse=True)
def _forget_tasks() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")


@pytest.fixture
def sim(world: Sim, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    with engine(world, monkeypatch):
        installed(world)
        yield world
    world.control("weather", {"outage": 0})
    for one in world.ask("inventory")["repositories"]:
        world.control("repositories/ail", {"repository": one["id"], **WELL})
    world.control("uninstall")


def patient() -> Repository:
    return max(Repository.objects.all(), key=lambda one: one.issues.count())


def tasks(queue: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT queueing_lock FROM procrastinate_jobs WHERE queue_name = %s AND "
            "status = 'todo' AND queueing_lock LIKE 'repository:%%'",
            [queue],
        )
        return [name for (name,) in cursor.fetchall()]


@pytest.mark.parametrize(
    ("ailment", "words"), [("git_silent", "does not answer"), ("lists_fail", "GraphQL gave up")]
)
def test_a_sick_repository_is_named_and_the_others_are_synced(
    sim: Sim, ailment: str, words: str
) -> None:
    one = patient()
    sim.control("repositories/ail", {"repository": one.pk, ailment: True})
    for other in Repository.objects.exclude(pk=one.pk):
        sim.control("push", {"repository": other.pk})
    # Its git and its lists do not wait for each other.
    if ailment == "git_silent":
        sim.control("issues/open", {"repository": one.pk, "title": "Seen all the same"})
    else:
        sim.control("push", {"repository": one.pk})
    before = (one.issues.count(), one.commits.count())
    first = period()
    assert first.status == FAILED
    assert one.full_name in first.error_message
    assert words in first.error_message
    assert first.repositories_processed == 3
    one.refresh_from_db()
    assert one.failures == sick.ATTEMPTS
    assert (one.issues.count(), one.commits.count()) != before
    assert one.failing_since is not None
    (finding,) = ailing.findings()
    assert one.full_name in finding.reason
    assert words in finding.reason
    assert finding.since == one.failing_since
    assert "tried again at" in finding.remedy
    # The next period does not wait for it, and an audit leaves it out and says so.
    second = period()
    parts = dict(second.repositories.values_list("repository", "status"))
    assert parts.pop(one.pk) == SyncJobRepository.Status.FAILED
    assert set(parts.values()) == {SyncJobRepository.Status.COMPLETED}
    assert "Its own next try is at" in second.error_message
    Auditor(one.installation).run()
    audit = Audit.objects.latest("pk")
    assert (audit.repositories, audit.error) == (2, "")
    assert one.full_name in audit.left_out
    # Well again: its own try does all of it.
    sim.control("repositories/ail", {"repository": one.pk, ailment: False})
    Repository.objects.filter(pk=one.pk).update(retry_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")
    retry_sick_repositories()
    assert tasks("sick") == [f"repository:{one.pk}"]
    SyncJobRunner().run_repository(one.pk)
    one.refresh_from_db()
    assert (one.failures, one.failing_since, one.retry_at) == (0, None, None)
    assert one.sync_state == Repository.SyncState.SYNCED
    assert list(ailing.findings()) == []


def test_without_git_all_that_git_reads_says_so_once_and_no_repository_is_sick(
    sim: Sim, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    one = patient()
    for what in ("push", "pulls/open"):
        sim.control(what, {"repository": one.pk})
    sim.control("issues/open", {"repository": one.pk, "title": "Seen all the same"})
    before = one.commits.count()
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        job = period()
        with pytest.raises(ConfigurationError, match="Install git"):
            GitHubSyncManager(one.installation).sync_git(one)
    assert job.status == SyncJob.Status.FAILED  # there were commits to read everywhere
    errors = job.repositories.values_list("error", flat=True)
    assert [error.count("Install git") for error in errors] == [1, 1, 1]
    assert "PartsFailed" not in job.error_message
    logged = [line for line in caplog.messages if "Install git" in line]
    assert len(logged) == 4  # one by each sync of a repository
    parts = set(one.cursors.exclude(error="").values_list("resource", flat=True))
    assert parts == {"commit", "pull_request_commit"}
    one.refresh_from_db()
    assert (one.failures, one.retry_at, one.commits.count()) == (0, None, before)
    assert one.issues.filter(title="Seen all the same").exists()
    assert period().status == SyncJob.Status.COMPLETED
    assert one.commits.count() > before


def test_pauses_grow_to_an_hour() -> None:
    pauses = [sick.pause_after(number).total_seconds() / 60 for number in range(3, 12)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_delivery_or_a_person_brings_the_next_try_forward() -> None:
    now = timezone.now()
    later = now + timedelta(minutes=30)
    waiting = row("acme/waiting", failures=9, failing_since=now, retry_at=later)
    tried = row("acme/tried", failures=9, failing_since=now, retry_at=now + timedelta(hours=1))
    sick.retry_soon({waiting.pk, tried.pk})
    waiting.refresh_from_db()
    tried.refresh_from_db()
    assert waiting.retry_at is not None
    assert waiting.retry_at <= timezone.now()
    assert tried.retry_at == now + timedelta(hours=1), "it was tried a moment ago"
    job = SyncJobRunner.start_manual(tried)
    SyncJobRunner().run(job)
    assert tasks("sync") == [f"repository:{tried.pk}"]


def test_an_outage_is_no_repositorys_fault(sim: Sim) -> None:
    sim.control("weather", {"outage": 3600})
    job, _ = SyncJobRunner.start_periodic(force=True)
    with pytest.raises(Unavailable):
        SyncJobRunner().run(job)
    job.refresh_from_db()
    assert not job.is_finished
    one = patient()
    SyncJobRunner().start_manual(one)
    waiting = SyncJobRunner.start_manual(one)
    SyncJobRunner().run(waiting)
    with pytest.raises(sick.GitHubAway):
        SyncJobRunner().run_repository(one.pk)
    one.refresh_from_db()
    assert (one.failures, one.retry_at) == (0, None)
    sim.control("weather", {"outage": 0})
    assert run(waiting).status == SyncJob.Status.COMPLETED


def test_a_late_period_is_not_joined_and_ends(sim: Sim) -> None:
    one = patient()
    late, _ = SyncJobRunner.start_periodic(force=True)
    SyncJobRunner().run(late)
    SyncJob.objects.filter(pk=late.pk).update(created_at=timezone.now() - timedelta(hours=1))
    joined, new = SyncJobRunner.start_periodic(force=True)
    assert (joined, new) == (late, False), "two have not had their turn: it is only slow"
    late.repositories.update(status=SyncJobRepository.Status.COMPLETED)
    late.repositories.filter(repository=one.pk).update(
        status=SyncJobRepository.Status.RUNNING, error="Quota must wait until 12:00"
    )
    fresh, new = SyncJobRunner.start_periodic(force=True)
    assert new
    SyncJobRunner().end_overdue()
    late.refresh_from_db()
    assert late.is_finished
    assert f"{one.full_name}: Quota must wait" in late.error_message
    assert run(fresh).status == SyncJob.Status.COMPLETED


def test_an_installation_whose_list_fails_holds_up_no_other(sim: Sim) -> None:
    person = next(one for one in sim.truth(accounts=1)["accounts"] if one["type"] == "User")
    made = sim.control("repositories/create", {"owner": person["login"], "name": "own"})
    other = sim.control("install", {"account": person["login"]})["id"]
    try:
        period()
        first = GitHubAppInstallation.live.exclude(pk=other).get()
        sim.control("repositories/ail", {"installation_id": first.pk, "refused": "saml"})
        sim.control("issues/open", {"repository": made["id"], "title": "On time"})
        job = period()
        assert job.status == FAILED
        assert str(first) in job.error_message
        assert Repository.objects.get(pk=made["id"]).issues.count() == 1
        assert Repository.visible().filter(installation=first).count() == 3
    finally:
        sim.control("repositories/ail", {"installation_id": first.pk, "refused": ""})
        sim.control("uninstall", {"installation_id": other})
