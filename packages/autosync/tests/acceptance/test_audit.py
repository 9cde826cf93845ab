"""The audit finds what differs, repairs it, and costs next to nothing when all is equal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from githubsim.testing import Sim
from tests.service import SECRET, Service, differences, free_port, hook_url, let_audits_be
from tests.waiting import Told, eventually


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[Sim, Service]]:
    port = free_port()
    with (
        Sim(
            repositories=6,
            commits=120,
            issues=100,
            pulls=60,
            webhook_url=hook_url(port),
            webhook_secret=SECRET,
            install=False,
        ) as sim,
        Service(sim, port, AUTOSYNC_SYNC_INTERVAL="59") as service,
    ):
        sim.control("install")
        sql = "SELECT count(*), count(imported_at) FROM repositories WHERE removed_at IS NULL"
        imported = Told(lambda: f"imported; {service.said()}")
        eventually(lambda: service.query(sql)[0] == [6, 6], imported)
        sim.control("webhooks/wait", {"timeout": 30})
        # What changed or was seen in the last minute may still be on its way, on both sides.
        sim.control("clock", {"advance": 120})
        service.run("manage.py", "sync_github", "--force")
        let_audits_be(service)
        yield sim, service


def test_an_equal_mirror_is_proved_at_six_points(stage: tuple[Sim, Service]) -> None:
    sim, service = stage
    before = _used(sim)
    sim.ask("requests", clear=1)
    said = service.run("autosync", "audit").stdout
    assert "6 of 6 repositories equal to GitHub, 0 objects differed" in said
    after = _used(sim)
    # The news, the small kinds, threads and remarks; tonight's share of the timelines of issues,
    # and that of pull requests with what these close.
    assert after["graphql"] - before["graphql"] == 5
    assert after["core"] - before["core"] == 1
    asked = sim.requests()["endpoints"]
    assert asked["POST /graphql"] == {"200": 5}
    assert asked["GET /installation/repositories"] == {"200": 1}
    assert service.query("SELECT count(*) FROM repositories WHERE equal_at IS NULL") == [[0]]


def test_what_differs_is_found_named_and_repaired(stage: tuple[Sim, Service]) -> None:
    sim, service = stage
    largest = "SELECT repository_id FROM issues GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    gone, stale = service.query(
        f"SELECT array_agg(github_issue_id) FROM (SELECT github_issue_id FROM issues WHERE "
        f"repository_id = ({largest}) LIMIT 2) AS two"
    )[0][0]
    service.execute(f"DELETE FROM issues WHERE github_issue_id = {gone}")
    service.execute(
        "UPDATE issues SET title = 'wrong', updated_at = updated_at - interval '1 hour' "
        f"WHERE github_issue_id = {stale}"
    )
    service.execute("UPDATE refs SET sha = repeat('0', 40) WHERE name = 'main'")
    found = service.run("autosync", "audit", "--no-repair", check=False)
    assert found.returncode == 1
    assert str(gone) in found.stdout
    assert service.run("autosync", "audit", "--deep").returncode == 0
    problems = service.query(
        "SELECT resource, problem, object_key FROM audit_findings WHERE repaired"
    )
    assert ["issue", "missing", str(gone)] in problems
    assert ["issue", "stale", str(stale)] in problems
    assert any(one[0] == "ref" for one in problems)
    assert service.query("SELECT title FROM issues WHERE title = 'wrong'") == []
    assert differences(service, sim) == {}
    assert "0 objects differed" in service.run("autosync", "audit", "--deep").stdout


def test_a_deletion_nobody_told_of_is_buried(stage: tuple[Sim, Service]) -> None:
    sim, service = stage
    name = max(sim.truth()["repositories"], key=lambda one: one["issues"]["total"])["full_name"]
    # Its delivery is not to be recovered either: only the audit is left to find it.
    service.execute("UPDATE delivery_log SET read_until = now() + interval '1 day'")
    # The test before may have seen this very issue less than a minute ago.
    service.execute("UPDATE issues SET observed_at = observed_at - interval '10 minutes'")
    sim.control("webhooks", {"on": False})
    gone = sim.truth(repository=name, items=1)["repositories"][0]["items"]
    number = next(one["number"] for one in gone if one["pull_id"] is None)
    sim.control("issues/delete", {"repository": name, "number": number})
    sim.control("webhooks", {"on": True})
    said = service.run("autosync", "audit").stdout
    assert "1 objects differed, 1 repaired" in said
    assert service.query("SELECT problem FROM audit_findings ORDER BY id DESC LIMIT 1") == [
        ["surplus"]
    ]
    assert differences(service, sim) == {}


def _used(sim: Sim) -> dict[str, int]:
    """The quota that installations have used, as GitHub itself counts it."""
    quota = sim.requests()["quota"]
    found: dict[str, int] = next(v for k, v in quota.items() if k.startswith("installation:"))
    return found
