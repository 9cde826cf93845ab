"""`kill -9` of everything at once, at bad moments: nothing acknowledged is lost or restarted."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

import psycopg
import pytest

from githubsim.testing import Sim
from tests.service import (
    SECRET,
    Service,
    acknowledged_by_us,
    differences,
    free_port,
    hook_url,
    imported,
)
from tests.waiting import eventually

BURST = 400
TABLES = ("repositories", "issues", "pull_requests")


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[Sim, Service]]:
    port = free_port()
    with (
        Sim(
            repositories=8,
            commits=1500,
            issues=1200,
            pulls=400,
            webhook_url=hook_url(port),
            webhook_secret=SECRET,
            install=False,
        ) as sim,
        Service(sim, port) as service,
    ):
        yield sim, service


def test_an_import_goes_on_where_it_was(stage: tuple[Sim, Service]) -> None:
    sim, service = stage
    eventually(lambda: started_up(service), "it has looked for installations")
    sim.control("weather", {"latency": 0.25})
    sim.control("install")
    eventually(
        lambda: service.query("SELECT count(*) FROM issues")[0][0] > 200,
        "the import is on",
    )
    service.kill()
    before = {table: counts(service, table) for table in TABLES}
    assert not imported(service), "killed too late to show anything"
    pages = graphql_calls(sim)
    service.start()
    eventually(lambda: imported(service), f"the import finished; {service.said()}")
    assert differences(service, sim) == {}
    # What was stored is not read again. Lost on its way was a page of each list of a repository:
    # of issues, of pull requests, and of what belongs to them.
    assert graphql_calls(sim) - pages <= undone(service, before) + 3 * len(before["repositories"])
    jobs = service.get("/api/sync/jobs/?type=auto_import")["items"]
    assert [job["status"] for job in jobs] == ["completed"]


def undone(service: Service, before: Mapping[str, Mapping[int, int]]) -> int:
    """Queries for what was missing: its pages, one at least for each list, also if it was read (for
    what changed since); the stars, the forks and the sizes of commits; what belongs to issues, and
    in two queries what belongs to pull requests.
    """

    def pages(count: int) -> int:
        return -(-count // 100)

    after = {table: counts(service, table) for table in TABLES}
    found = 0
    for pk in after["repositories"]:
        issues, pulls = (after[name].get(pk, 0) for name in ("issues", "pull_requests"))
        found += max(1, pages(issues - before["issues"].get(pk, 0)))
        found += max(1, pages(pulls - before["pull_requests"].get(pk, 0)))
        found += 3 + pages(issues) + 2 * pages(pulls)
    return found


def counts(service: Service, table: str) -> dict[int, int]:
    """How many rows each repository has."""
    key = "github_id" if table == "repositories" else "repository_id"
    return dict(service.query(f"SELECT {key}, count(*) FROM {table} GROUP BY 1"))


def started_up(service: Service) -> bool:
    """Whether it is past its start, where it imports what it finds: of that no job is to come."""
    sql = "SELECT FROM procrastinate_jobs WHERE queueing_lock = 'start_up' AND status = 'succeeded'"
    try:
        return bool(service.query(sql))
    except psycopg.errors.UndefinedTable:
        return False  # the receiver answers before the database is migrated


def test_a_burst_survives_a_kill_in_its_middle(stage: tuple[Sim, Service]) -> None:
    sim, service = stage
    sim.control("weather", {"latency": 0})
    sim.control("install")
    eventually(lambda: imported(service), "the import finished")
    name = sim.truth()["repositories"][0]["full_name"]

    def burst() -> None:
        for number in range(BURST):
            sim.control("issues/open", {"repository": name, "title": f"burst {number}"})

    people = threading.Thread(target=burst)
    people.start()
    eventually(
        lambda: service.query("SELECT count(*) FROM inbox WHERE event = 'issues'")[0][0] > 100,
        "the burst is on",
    )
    service.kill()
    people.join()
    sim.control("webhooks/wait", {"timeout": 60})
    acknowledged = acknowledged_by_us(sim)
    assert len(acknowledged) > 100
    service.start()
    eventually(
        lambda: service.query("SELECT count(*) FROM inbox WHERE status = 'pending'")[0][0] == 0,
        "the inbox is empty",
    )
    fates = dict(service.query("SELECT guid, status FROM inbox"))
    lost = acknowledged - fates.keys()
    assert not lost
    assert {fates[guid] for guid in acknowledged} <= {"applied", "ignored"}
    twice = "SELECT github_issue_id FROM issues GROUP BY 1 HAVING count(*) > 1"
    assert service.query(twice) == []
    lines = "SELECT object_key FROM feed WHERE kind = 'issue' GROUP BY 1, repository_id, action"
    assert service.query(f"{lines} HAVING count(*) > 1") == []
    # What was sent while nobody listened is not acknowledged; the next sync brings it.
    service.run("manage.py", "sync_github", "--force")
    eventually(lambda: differences(service, sim) == {}, "the mirror equals GitHub")


def graphql_calls(sim: Sim) -> int:
    return sum(
        sum(by_status.values())
        for endpoint, by_status in sim.requests()["endpoints"].items()
        if "graphql" in endpoint
    )
