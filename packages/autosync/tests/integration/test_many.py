"""Many small repositories are imported together: the same rows as one by one, for less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from autosync import config
from autosync.github.price import price
from autosync.kinds import TABLES as KINDS
from autosync.mirror.models import (
    Repository,
    ResourceCursor,
    SyncJob,
    SyncJobRepository,
)
from autosync.sync import SyncJobRunner, many, packed, plan
from autosync.sync.plan import TO_DO
from autosync.sync.queue import imported_together
from autosync.sync.resume import resume_jobs
from autosync.sync.sweep import pick_up_what_was_left
from githubsim.testing import Sim
from tests.chaos.child_tables import TABLES
from tests.chaos.here import children
from tests.chaos.there import forget_tokens, github
from tests.integration.engine import asked, engine, period, query, run

pytestmark = pytest.mark.django_db(transaction=True)
REPOSITORIES = 12


def talk(sim: Sim, where: dict[str, Any]) -> None:
    """Something of every kind."""
    issue = where | {"number": sim.control("issues/open", where | {"labels": ["bug"]})["number"]}
    sim.control("issues/assign", issue | {"assignees": ["ann"]})
    sim.control("issues/comment", issue)
    sim.control("issues/comment", issue | {"body": "Like #1"})
    sim.control("milestones/create", where | {"title": "Soon"})
    closes = {"body": f"Closes #{issue['number']}"}
    pull = where | {"number": sim.control("pulls/open", where | closes)["number"]}
    sim.control("reviews/request", pull | {"reviewers": ["bob"]})
    sim.control("reviews/submit", pull | {"comments": 1, "sender": "ann"})
    sim.control("releases/create", where | {"tag": "v1", "assets": ["a.zip"]})
    for call in ("star", "repositories/fork"):
        sim.control(call, where | {"sender": "ann"})
    sim.control("commits/comment", where | {"sender": "ann"})


@pytest.fixture(scope="module")
def world() -> Iterator[Sim]:
    with Sim(repositories=REPOSITORIES, commits=60, issues=60, pulls=24, install=False) as sim:
        for login in ("ann", "bob"):
            sim.control("accounts/create", {"login": login})
        for home in sim.truth()["repositories"][:3]:
            talk(sim, {"repository": home["full_name"]})
        owner = sim.truth()["repositories"][0]["full_name"].partition("/")[0]
        sim.control("repositories/create", {"owner": owner, "name": "nothing-in-it"})
        yield sim


@pytest.fixture
def sim(world: Sim, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    with engine(world, monkeypatch):
        forget_tokens()
        yield world
    world.control("uninstall")
    connection.cursor().execute("DELETE FROM procrastinate_jobs")


def here() -> dict[str, Any]:
    return children(query)


def columns() -> dict[str, list[tuple[Any, ...]]]:
    """Table → every column of GitHub's of its rows."""
    found = {}
    for name, kind in KINDS.items():
        names = [one.name for one in kind.columns if not one.apart]
        rows = kind.model._default_manager.values_list(kind.model.scope, *names)
        found[name] = sorted(rows, key=repr)
    return found


def forget_all() -> None:
    """As if nothing had ever been read."""
    ours = ("repositories", "resource_cursors", "children_read", "sync_jobs", "installations")
    names = {*(kind.merge.table for kind in KINDS.values()), *ours}
    connection.cursor().execute(f"TRUNCATE {', '.join(sorted(names))} CASCADE")


def there(sim: Sim) -> dict[str, Any]:
    forget_tokens()
    found = github(sim, None, TABLES)
    return {name: found[name] for name in here()}


def planned(sim: Sim) -> SyncJob:
    """The import of all repositories, of which no task has begun."""
    pk = sim.control("install")["id"]
    job, _ = SyncJobRunner.start_import(pk)
    SyncJobRunner().run(job)
    return job


def together() -> set[int]:
    """Do the tasks that import together; returns which repositories they left to others."""
    ids = imported_together()
    connection.cursor().execute("DELETE FROM procrastinate_jobs WHERE task_name LIKE '%%sync_many'")
    many.sync_many(sorted(ids))
    left = SyncJobRepository.objects.filter(repository__in=ids, status__in=TO_DO)
    return set(left.values_list("repository_id", flat=True))


def test_a_query_about_many_is_filled_until_it_costs_five_points(sim: Sim) -> None:
    planned(sim)
    rows = list(Repository.objects.all())
    counts = {one.pk: {"issue": 40, "pull_request": 10} for one in rows}
    packs = list(packed._packs(rows, counts))
    assert sum(len(pack) for pack, _ in packs) == len(rows)
    for pack, some in packs:
        found = price(packed._query(some), packed._variables(pack, some, counts))
        assert len(pack) == 1 or found.requests <= packed.MOST_REQUESTS
    assert 1 < len(packs) < len(rows)


def test_repositories_that_are_read_together_have_the_rows_that_they_have_one_by_one(
    sim: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = planned(sim)
    sim.ask("requests", clear=1)
    assert not together()
    for_all = asked(sim)
    job.refresh_from_db()
    assert job.status == SyncJob.Status.COMPLETED, job.error_message
    shown = ResourceCursor.objects.filter(unavailable="")
    assert not shown.exclude(state=ResourceCursor.State.COMPLETE).exists()
    caches = config.load().data_dir / "git"
    empty = Repository.objects.get(name="nothing-in-it")
    assert not (caches / f"{empty.pk}.git").exists(), "no git is started for it"
    found = here()
    assert found == there(sim)
    assert period().status == SyncJob.Status.COMPLETED
    read = columns()
    assert all(read[name] for name in ("label", "issue_comment", "timeline_event", "commit_file"))
    forget_all()
    monkeypatch.setattr(plan, "MANY", 1000)
    alone = planned(sim)
    assert not imported_together()
    sim.ask("requests", clear=1)
    run(alone)
    assert here() == found
    assert columns() == read
    assert asked(sim) > 2 * for_all


def test_what_one_repository_withholds_keeps_nothing_from_the_others(sim: Sim) -> None:
    """Blocked, renamed, deleted, too heavy: what is wrong with one is its own."""
    job = planned(sim)
    blocked, renamed, closed, *others = Repository.objects.order_by("pk")
    sim.control("repositories/block", {"repository": blocked.pk, "reason": "tos"})
    sim.control("repositories/edit", {"repository": renamed.pk, "name": "another-name"})
    sim.control("repositories/ail", {"repository": closed.pk, "refused": "saml"})
    try:
        left = together()
        assert not {one.pk for one in (renamed, *others)} & left
        run(job)
        imported = Repository.objects.filter(imported_at__isnull=False)
        assert {one.pk for one in (renamed, *others)} <= set(imported.values_list("pk", flat=True))
        renamed.refresh_from_db()
        assert renamed.full_name.endswith("/another-name")
        for one in (blocked, closed):
            kept = ResourceCursor.objects.filter(repository=one).exclude(unavailable="")
            assert kept.exists(), one
    finally:
        sim.control("repositories/block", {"repository": blocked.pk, "reason": None})
        sim.control("repositories/ail", {"repository": closed.pk, "refused": ""})
    assert period().status == SyncJob.Status.COMPLETED
    assert here() == there(sim)


def test_a_query_that_is_too_heavy_is_asked_in_halves(sim: Sim) -> None:
    job = planned(sim)
    sim.control("weather", {"heavy_above": 300})
    try:
        together()
    finally:
        sim.control("weather", {"heavy_above": 0})
    run(job)
    assert job.status != SyncJob.Status.FAILED
    assert not Repository.objects.filter(imported_at__isnull=True).exists()


def test_an_import_that_is_cut_off_goes_on_and_is_not_begun_twice(
    sim: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = planned(sim)
    ids = imported_together()
    pick_up_what_was_left()
    resume_jobs()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name LIKE '%sync_repository' "
            "AND status = 'todo'"
        )
        assert cursor.fetchone() == (0,), "what waits to be imported together is not picked up"

    class CutOff(BaseException):
        """As if the process had been killed."""

    def killed(name: str) -> None:
        if name == "import: page committed":
            raise CutOff

    with monkeypatch.context() as patch:
        patch.setattr(packed, "reached", killed)
        with pytest.raises(CutOff):
            many.sync_many(sorted(ids))
    assert ResourceCursor.objects.filter(state=ResourceCursor.State.COMPLETE).exists()
    many.sync_many(sorted(ids))
    run(job)
    assert not Repository.objects.filter(imported_at__isnull=True).exists()
    assert here() == there(sim)
