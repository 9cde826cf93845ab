"""Webhooks that never arrived come from GitHub's own log, and where none can arrive, all do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from githubsim.testing import Sim
from tests.service import (
    SECRET,
    Service,
    differences,
    free_port,
    hook_url,
    imported,
    make_audits_due,
)
from tests.waiting import eventually

WORLD = {"repositories": 4, "commits": 120, "issues": 60, "pulls": 20}


@pytest.fixture(scope="module")
def mirror() -> Iterator[tuple[Sim, Service]]:
    """Where GitHub's webhooks lead nowhere, all is imported; no schedule heals what is lost."""
    with github() as sim, Service(sim, free_port(), AUTOSYNC_SYNC_INTERVAL="59") as service:
        sim.control("install")
        eventually(lambda: imported(service), f"the import finished; {service.said()}")
        sim.control("webhooks/wait", {"timeout": 30})
        yield sim, service


@contextmanager
def github() -> Iterator[Sim]:
    with Sim(**WORLD, webhook_secret=SECRET, webhook_url=hook_url(9), install=False) as sim:  # type: ignore[arg-type]
        yield sim


def people_at_work(sim: Sim) -> None:
    """Of everything something; an issue is deleted, which no list would show; another branch
    becomes the default one, which moves no ref.
    """
    for one in sim.truth()["repositories"]:
        where = {"repository": one["full_name"]}
        sim.control("push", where | {"count": 2})
        sim.control("push", where | {"branch": "next", "count": 1})
        sim.control("repositories/default-branch", where | {"branch": "next"})
        if one["has_issues"]:
            gone = sim.control("issues/open", where | {"title": "gone again"})
            kept = sim.control("issues/open", where | {"title": "kept"})
            sim.control("issues/close", where | {"number": kept["number"]})
            sim.control("issues/delete", where | {"number": gone["number"]})


def lose_webhooks(sim: Sim) -> None:
    """Work of which no webhook arrives."""
    sim.control("webhooks", {"lost": 1.0})
    people_at_work(sim)
    sim.control("webhooks/wait", {"timeout": 30})


def test_lost_webhooks_are_read_back_from_githubs_log(mirror: tuple[Sim, Service]) -> None:
    sim, service = mirror
    lose_webhooks(sim)
    sim.control("webhooks", {"lost": 0.0})
    # The worker may have been first: it looks every two minutes.
    assert "Missing deliveries put into the inbox" in service.run("autosync", "recover").stdout
    eventually(lambda: differences(service, sim) == {}, "the mirror equals GitHub")
    assert service.query("SELECT count(*) FROM inbox WHERE source = 'delivery_log'")[0][0] > 0
    assert service.run("autosync", "recover").stdout.endswith(": 0.\n")


def test_where_more_is_missing_than_the_quota_allows_lists_are_read_instead(
    mirror: tuple[Sim, Service],
) -> None:
    sim, service = mirror
    lose_webhooks(sim)
    # A quarter of the App's 5,000 is not for this; of the rest so little is left.
    sim.control("quota", {"remaining": 1256})
    service.run("autosync", "doctor", check=False)  # asks something, and so hears of it
    sim.ask("requests", clear=1)
    service.run("autosync", "recover")
    asked = sim.requests()["endpoints"].get("GET /app/hook/deliveries/{delivery_id}", {})
    assert sum(asked.values()) <= 6
    due = "SELECT count(*) FROM repositories WHERE audit_due_at IS NOT NULL"
    assert service.query(due)[0][0] > 0
    make_audits_due(service)
    eventually(lambda: differences(service, sim) == {}, "the mirror equals GitHub")


def test_without_any_public_url_events_arrive_all_the_same() -> None:
    settings = {"AUTOSYNC_WEBHOOKS": "pull", "GITHUB_WEBHOOK_URL": "", "GITHUB_WEBHOOK_SECRET": ""}
    with github() as sim, Service(sim, free_port(), **settings) as service:
        sim.control("install")
        eventually(lambda: imported(service), f"the import finished; {service.said()}")
        people_at_work(sim)
        eventually(lambda: differences(service, sim) == {}, "the mirror equals GitHub")
        assert service.query("SELECT count(*) FROM inbox WHERE source = 'webhook'") == [[0]]
