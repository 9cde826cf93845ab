"""What is new in many repositories, asked of a GitHub that answers in its own manner."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from autosync.github import (
    AppCredentials,
    GraphQLTooHeavy,
    InstallationClient,
    LocalBudget,
    Priority,
)
from autosync.kinds import listed_resources, nested_kinds
from autosync.mirror.models import GitHubAppInstallation, Repository, ResourceCursor
from autosync.sync.children import sync_children
from autosync.sync.lists import sync_list
from autosync.sync.news import NewsReader, look
from autosync.sync.standing import standing
from githubsim.testing import Sim

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 120


class World:
    """A GitHub with many repositories, and the client of one worker."""

    def __init__(self, sim: Sim) -> None:
        self.sim = sim
        self.installation = sim.control("install")["id"]
        self.client = self.worker()

    def worker(self) -> InstallationClient:
        """A client with a token of its own, as each process has."""
        app = AppCredentials(
            self.sim.app.id, private_key=self.sim.private_key, api_url=self.sim.url
        )
        return InstallationClient(app, self.installation, LocalBudget(), Priority.RECONCILE)

    def new_token(self) -> None:
        self.client.refuse_token(self.client.token())

    def listed(self) -> list[Repository]:
        """Rows as an import leaves them, content not yet read."""
        GitHubAppInstallation.objects.get_or_create(
            pk=self.installation, defaults={"observed_at": timezone.now()}
        )
        now = timezone.now()
        rows = [
            Repository(
                pk=one["id"],
                node_id=one["node_id"],
                installation_id=self.installation,
                full_name=one["full_name"],
                name=one["full_name"].partition("/")[2],
                clone_url=f"{self.sim.url}/{one['full_name']}.git",
                default_branch="main",
                imported_at=now,
                sync_state=Repository.SyncState.SYNCED,
                observed_at=now,
            )
            for one in self.sim.truth()["repositories"]
        ]
        Repository.objects.bulk_create(rows)
        return rows

    def points(self) -> int:
        """What the installation has used of GraphQL, by GitHub's own count."""
        quota = self.sim.requests()["quota"]
        return sum(one["graphql"] for key, one in quota.items() if key.startswith("installation"))

    def asked(self) -> dict[str, int]:
        found: dict[str, int] = self.sim.requests()["endpoints"].get("POST /graphql", {})
        return found


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Sim(repositories=MANY, commits=MANY, issues=2 * MANY, pulls=MANY, install=False) as sim:
        yield World(sim)


@pytest.fixture(autouse=True)
def calm(world: World) -> Iterator[None]:
    yield
    world.sim.control("weather", {"heavy_above": 0, "heavy": 0.0})


def test_news_cost_two_points_a_hundred_whoever_asks_with_whatever_token(world: World) -> None:
    rows = world.listed()
    before = world.points()
    first = NewsReader(world.client).read(rows)
    assert world.points() - before == 3, "two for a hundred, one for twenty"
    world.new_token()
    assert NewsReader(world.client).read(rows).there == first.there
    assert NewsReader(world.worker()).read(rows).there == first.there
    assert world.points() - before == 9
    assert len(first.there) == MANY
    assert not first.hidden
    assert not first.unknown


def test_news_are_what_github_has(world: World) -> None:
    rows = world.listed()
    there = NewsReader(world.client).read(rows).there
    for one in world.sim.truth()["repositories"]:
        news = there[one["id"]]
        assert news.lists["issue"].total == one["issues"]["total"]
        assert news.lists["pull_request"].total == one["pulls"]["total"]
        assert (news.head == "") == (one["commits_on_default"] == 0)


def test_only_the_list_that_moved_is_to_be_read(world: World) -> None:
    rows = world.listed()[:5]
    settle(world, rows)
    quiet, opened, edited, deleted, unread = rows
    world.sim.control("issues/open", {"repository": opened.full_name})
    number = world.sim.control("issues/open", {"repository": deleted.full_name})["number"]
    sync(world, deleted)
    push_watermarks()
    world.sim.control("issues/delete", {"repository": deleted.full_name, "number": number})
    pull = world.sim.control("pulls/open", {"repository": edited.full_name})
    assert pull
    ResourceCursor.objects.filter(repository=unread, resource="issue").update(state="running")
    found = look(world.client, rows).to_read
    assert names(found[opened.pk]) >= {"issue"}
    assert "pull_request" not in names(found[opened.pk])
    assert "pull_request" in names(found[edited.pk])
    # A timeline that was read as soon as its issue was opened waits for another answer.
    waits = {"commit", "issue", "issue_comment", "timeline_event"}
    assert names(found[deleted.pk]) == waits
    assert names(found[unread.pk]) == {"commit", "issue", "issue_comment"}
    # Git was never read here; see the acceptance tests.
    assert names(found[quiet.pk]) == {"commit"}


def test_a_query_that_is_too_heavy_is_halved_and_the_size_remembered(world: World) -> None:
    rows = world.listed()
    world.sim.control("weather", {"heavy_above": 160})
    world.sim.ask("requests", clear=1)
    reader = NewsReader(world.client)
    assert len(reader.read(rows).there) == MANY
    failed = world.asked()["502"]
    assert failed <= 2
    assert len(reader.read(rows).there) == MANY
    assert world.asked()["502"] - failed <= 2, "not each time anew"


def test_where_github_is_down_it_is_not_asked_for_each_repository(world: World) -> None:
    rows = world.listed()
    world.sim.control("weather", {"heavy": 1.0})
    world.sim.ask("requests", clear=1)
    with pytest.raises(GraphQLTooHeavy):
        NewsReader(world.client).read(rows)
    assert world.asked()["502"] <= 12


def test_a_repository_out_of_sight_spoils_no_other(world: World) -> None:
    rows = world.listed()[:3]
    hidden = rows[1]
    hidden.node_id = "R_kgDOnothingthere"
    found = look(world.client, rows)
    assert found.to_read[hidden.pk] is None, "the sync says why"
    assert len(found.to_read) == 3
    assert Repository.objects.get(pk=hidden.pk).dirty_at is not None, "and the list is asked"
    assert all(one.dirty_at is None for one in Repository.objects.exclude(pk=hidden.pk))


def test_what_github_cannot_tell_of_one_repository_spoils_no_other(world: World) -> None:
    rows = world.listed()[:4]
    where = {"repository": rows[2].full_name}
    world.sim.control("repositories/block", where)
    try:
        found = look(world.client, rows)
    finally:
        world.sim.control("repositories/block", where | {"reason": None})
    assert found.to_read[rows[2].pk] is None
    assert {pk for pk, moved in found.to_read.items() if moved is not None} == {
        row.pk for row in rows if row is not rows[2]
    }


def test_what_is_not_settled_is_read_without_asking(world: World) -> None:
    rows = world.listed()[:4]
    rows[0].imported_at = None
    rows[1].sync_state = Repository.SyncState.FAILED
    rows[2].dirty_at = timezone.now()
    rows[3].node_id = ""
    world.sim.ask("requests", clear=1)
    assert look(world.client, rows).to_read == dict.fromkeys(row.pk for row in rows)
    assert world.asked() == {}


def test_the_mirror_is_asked_the_same_number_of_queries_for_any_number(world: World) -> None:
    rows = world.listed()
    with CaptureQueriesContext(connection) as of_one:
        assert len(standing([rows[0].pk])) == 1
    with CaptureQueriesContext(connection) as of_many:
        assert len(standing(row.pk for row in rows)) == MANY
    assert len(of_many) == len(of_one) <= len(listed_resources()) + 4


def sync(world: World, row: Repository) -> None:
    for resource in listed_resources():
        sync_list(resource, row, world.client, lambda: None)
    for kind in nested_kinds():
        sync_children(kind, row, world.client, lambda: None)


def settle(world: World, rows: list[Repository]) -> None:
    """Read their lists, and let the time pass in which changes are read once more."""
    for row in rows:
        sync(world, row)
    push_watermarks()


def push_watermarks() -> None:
    ResourceCursor.objects.update(watermark=timezone.now())


def names(moved: frozenset[str] | None) -> frozenset[str]:
    assert moved is not None
    return moved
