"""A database of one's own: the oldest PostgreSQL supported, and poolers in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autosync import config, fitness
from githubsim.testing import Sim
from tests.databases import PASSWORD, OldPostgres, PgBouncer, old_postgres
from tests.service import SECRET, Service, differences, free_port, hook_url, imported
from tests.waiting import Told, eventually


@pytest.fixture(scope="module")
def server() -> Iterator[OldPostgres]:
    with old_postgres() as running:
        yield running


@pytest.fixture(scope="module")
def pooler(server: OldPostgres) -> Iterator[PgBouncer]:
    with PgBouncer(server, server.folder).running() as running:
        yield running


def verdict(monkeypatch: pytest.MonkeyPatch, url: str, direct: str = "") -> str:
    """What AutoSync says of a database before it starts; "" if it takes it."""
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("DATABASE_DIRECT_URL", direct)
    config.load.cache_clear()
    fitness.check.cache_clear()
    try:
        fitness.check()
        said = ""
    except (fitness.DatabaseUnfit, fitness.DatabaseUnavailable) as error:
        said = str(error)
    finally:
        monkeypatch.delenv("DATABASE_DIRECT_URL")
        monkeypatch.setenv("DATABASE_URL", "")
        config.load.cache_clear()
        fitness.check.cache_clear()
    for part in ("\n", "pass/word", "word:with", "with@signs", PASSWORD):
        assert part not in said
    return said


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_that_lends_connections_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, pooler: PgBouncer, mode: str
) -> None:
    for _ in range(3):  # whatever the pool looks like by now
        said = verdict(monkeypatch, pooler.url(mode))
        assert "DATABASE_URL leads through a pooler" in said
        assert "Set DATABASE_DIRECT_URL" in said


def test_a_pooler_that_keeps_sessions_is_taken(
    monkeypatch: pytest.MonkeyPatch, pooler: PgBouncer, server: OldPostgres
) -> None:
    assert verdict(monkeypatch, pooler.url("session")) == ""
    assert verdict(monkeypatch, server.url()) == ""


def test_the_direct_address_is_one_past_the_pooler_to_the_same_database(
    monkeypatch: pytest.MonkeyPatch, pooler: PgBouncer, server: OldPostgres
) -> None:
    pooled = pooler.url("transaction")
    assert verdict(monkeypatch, pooled, server.url()) == ""
    assert "DATABASE_DIRECT_URL leads through" in verdict(monkeypatch, pooled, pooled)
    assert "different databases" in verdict(monkeypatch, pooled, server.url("another"))


def test_a_database_that_does_not_answer_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, server: OldPostgres
) -> None:
    nowhere = server.url().replace(str(server.port), str(free_port()))
    assert "does not answer" in verdict(monkeypatch, nowhere)
    wrong = server.url().replace("signs@", "sigms@")
    assert "refuses the user or the password" in verdict(monkeypatch, wrong)
    assert "does not exist" in verdict(monkeypatch, server.url("missing"))


def test_a_postgresql_that_is_too_old_is_refused(
    monkeypatch: pytest.MonkeyPatch, server: OldPostgres
) -> None:
    monkeypatch.setattr(fitness, "OLDEST", 16)  # no server older than the oldest is at hand
    said = verdict(monkeypatch, server.url())
    assert "leads to PostgreSQL 15; AutoSync needs PostgreSQL 16 or later" in said


def test_the_oldest_postgresql_works_with_pages_through_a_pooler(
    pooler: PgBouncer, server: OldPostgres
) -> None:
    """Import, a push, a sync: the worker past the pooler, the web process through it."""
    port = free_port()
    world = {"repositories": 2, "commits": 60, "issues": 20, "pulls": 10, "install": False}
    with (
        Sim(webhook_url=hook_url(port), webhook_secret=SECRET, **world) as sim,  # type: ignore[arg-type]
        Service(
            sim, port, DATABASE_URL=pooler.url("transaction"), DATABASE_DIRECT_URL=server.url()
        ) as service,
    ):
        sim.control("install")
        eventually(lambda: imported(service), Told(service.said))
        eventually(lambda: differences(service, sim) == {}, "the mirror is equal")
        assert service.query("SHOW server_version")[0][0].startswith("15.")
        assert len(service.get("/api/repositories/")["items"]) == 2
        assert "status" in service.get("/api/sync/health/")
        service.run("manage.py", "sync_github", "--force")
        assert differences(service, sim) == {}
