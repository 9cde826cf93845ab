"""Many small repositories are imported together: the same rows as one by one, for less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from autosync.kinds import TABLES as KINDS
from autosync.mirror.models import (
    ResourceCursor,
    SyncJob,
    SyncJobRepository,
)
from autosync.sync import SyncJobRunner, many, plan
from autosync.sync.plan import TO_DO
from autosync.sync.queue import imported_together
from githubsim.testing import Sim
from tests.chaos.child_tables import TABLES
from tests.chaos.here import children, mirror
from tests.chaos.there import forget_tokens, github
from tests.integration.engine import engine, period, run

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


def query(sql: str) -> list[list[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [list(row) for row in cursor.fetchall()]


def tables(found: dict[str, Any]) -> dict[str, Any]:
    return {name: rows for name, rows in found.items() if name != "installations"}


def here() -> dict[str, Any]:
    return tables(mirror(query) | children(query))


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
    return tables(github(sim, None, TABLES))


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


def asked(sim: Sim) -> int:
    return sum(sum(by.values()) for by in sim.requests()["endpoints"].values())


def test_repositories_that_are_read_together_have_the_rows_that_they_have_one_by_one(
    sim: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = planned(sim)
    sim.ask("requests", clear=1)
    assert not together()
    for_all = asked(sim)
    job.refresh_from_db()
    assert job.status == SyncJob.Status.COMPLETED, job.error_message
    assert not ResourceCursor.objects.exclude(state=ResourceCursor.State.COMPLETE).exists()
    found = here()
    assert found == {name: rows for name, rows in there(sim).items() if name in found}
    quiet = period()
    assert quiet.details["rows"] == 0
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
