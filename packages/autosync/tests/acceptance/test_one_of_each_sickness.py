"""One repository of each sickness: all others are imported and synced on time, each sick one named.

An import and three periodic syncs, as a user runs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from githubsim.testing import Sim
from tests.service import SECRET, Service, differences, free_port, hook_url
from tests.waiting import Told, eventually

# Each repository but the last three has one.
SICKNESSES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("git is silent", {"git_silent": True}),
    ("lists fail", {"lists_fail": True}),
    ("pulls off", {"pulls_off": "empty"}),
    ("pulls off, null", {"pulls_off": "not_found"}),
    ("issues off", {}),
    ("both off", {"pulls_off": "forbidden"}),
    ("blocked", {}),
    ("saml", {"refused": "saml"}),
)
HEALTHY = 3
Patients = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[Sim, Service, Patients]]:
    world = {"repositories": len(SICKNESSES) + HEALTHY, "commits": 150, "issues": 90, "pulls": 40}
    port = free_port()
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET}
    with Sim(install=False, **world, **hook) as sim:
        patients = {}
        there = sim.ask("inventory")["repositories"]
        for (name, ailment), one in zip(SICKNESSES, there, strict=False):
            where = {"repository": one["full_name"]}
            if ailment:
                sim.control("repositories/ail", where | ailment)
            if name in ("issues off", "both off"):
                sim.control("repositories/edit", where | {"has_issues": False})
            if name == "blocked":
                sim.control("repositories/block", where)
            patients[name] = one
        # Periods begin when the test says so.
        quick = {"AUTOSYNC_SYNC_INTERVAL": "59", "AUTOSYNC_GIT_SILENCE": "2"}
        with Service(sim, port, **quick) as service:
            yield sim, service, patients


def names(patients: Patients, *which: str) -> set[str]:
    return {patients[one]["full_name"] for one in which}


def ended(service: Service, job_id: int) -> dict[str, Any]:
    """The job when it has ended."""

    def found() -> Any:
        job = service.get(f"/api/sync/jobs/{job_id}/")
        return job if job["completed_at"] else None

    job: dict[str, Any] = eventually(found, Told(lambda: f"job {job_id} ends: {service.said()}"))
    return job


def healthy_ones(sim: Sim, patients: Patients) -> set[str]:
    there = sim.ask("inventory")["repositories"]
    for one in there:
        if not one["has_issues"] and one["full_name"] not in names(patients, *patients):
            sim.control("repositories/edit", {"repository": one["id"], "has_issues": True})
    return {one["full_name"] for one in there} - names(patients, *patients)


def test_an_import_and_three_syncs(stage: tuple[Sim, Service, Patients]) -> None:
    sim, service, patients = stage
    healthy = healthy_ones(sim, patients)
    assert len(healthy) == HEALTHY
    sim.control("install")
    imports = "SELECT id FROM sync_jobs WHERE job_type = 'auto_import'"
    ((first,),) = eventually(lambda: service.query(imports), "an import begins")
    job = ended(service, first)
    sim.control("webhooks", {"on": False})
    for period in range(3):
        assert not differences(service, sim).keys() & healthy, period
        assert job["status"] == "completed_with_errors", job
        failing = names(patients, "git is silent", "lists fail")
        for name in failing:
            assert name in job["error_message"], job
        for name in healthy | names(patients, "pulls off", "issues off", "both off", "saml"):
            assert name not in job["error_message"], job
        for name in sorted(healthy):
            sim.control("push", {"repository": name})
            sim.control("issues/open", {"repository": name, "title": f"In period {period}"})
        job = ended(service, service.post("/api/sync/periodic/?force=true")["id"])
    assert not differences(service, sim).keys() & healthy


def test_health_names_each_sick_one_with_its_cause(stage: tuple[Sim, Service, Patients]) -> None:
    _, service, patients = stage
    reasons = "\n".join(service.get("/api/sync/health/")["reasons"])
    for name, words in {
        "git is silent": "does not answer",
        "lists fail": "GraphQL",
        "blocked": "withholds",
        "saml": "SAML",
    }.items():
        lines = [line for line in reasons.splitlines() if patients[name]["full_name"] in line]
        assert any(words in line and "since" in line for line in lines), (name, reasons)
    # What its owner switched off needs nobody; its repository says it.
    for name, kinds in {
        "pulls off": {"pull_request", "review_comment"},
        "pulls off, null": {"pull_request", "review_comment"},
        "issues off": {"issue"},
        "both off": {"issue", "pull_request", "review_comment"},
    }.items():
        one = service.get(f"/api/repositories/{patients[name]['id']}/")
        assert {part["resource"] for part in one["unavailable"]} == kinds, one
        assert one["sync_state"] == "synced"
        assert patients[name]["full_name"] not in reasons


def test_a_sick_one_is_read_when_it_is_well_again(stage: tuple[Sim, Service, Patients]) -> None:
    sim, service, patients = stage
    for one in patients.values():
        where = {"repository": one["full_name"]}
        well = {"git_silent": False, "lists_fail": False, "pulls_off": "", "refused": ""}
        sim.control("repositories/ail", where | well)
        sim.control("repositories/edit", where | {"has_issues": True})
        sim.control("repositories/block", where | {"reason": None})
    for name in ("git is silent", "lists fail"):
        service.post(f"/api/sync/repository/{patients[name]['id']}/")
    ended(service, service.post("/api/sync/periodic/?force=true")["id"])
    eventually(lambda: not differences(service, sim), Told(lambda: differences(service, sim)))
    ended(service, service.post("/api/sync/periodic/?force=true")["id"])
    health = service.get("/api/sync/health/")["reasons"]
    assert not [one for one in health if any(p["full_name"] in one for p in patients.values())]
