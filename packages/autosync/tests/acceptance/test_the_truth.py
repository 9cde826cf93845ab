"""AutoSync says when changes at GitHub do not arrive: in health, on its page, and in `doctor`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from githubsim.testing import Sim
from tests.service import SECRET, Service, free_port, hook_url, imported
from tests.waiting import eventually


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def sim(port: int) -> Iterator[Sim]:
    with Sim(
        repositories=2, commits=20, issues=4, pulls=2, webhook_secret=SECRET,
        webhook_url=hook_url(port), install=False,
    ) as sim:  # fmt: skip
        yield sim


def codes(service: Service) -> set[str]:
    return {finding["code"] for finding in service.get("/api/sync/health/")["findings"]}


def test_health_and_doctor_name_a_wrong_secret_a_suspension_and_an_outage(
    sim: Sim, port: int
) -> None:
    with Service(sim, port, GITHUB_WEBHOOK_SECRET="not GitHub's") as service:
        assert "not_installed" in codes(service)
        sim.control("install")
        # No webhook tells of it: asked, and not waited for until a worker asks by itself.
        service.post("/api/sync/periodic/")
        eventually(lambda: "importing" in codes(service) or imported(service), "the import")
        eventually(lambda: imported(service), f"the import finished; {service.said()}")
        service.run("autosync", "recover")
        assert "attempts" in codes(service)
        said = service.run("autosync", "doctor", check=False).stdout
        assert "AutoSync refused GitHub's signature (401)" in said
        assert "a signed delivery" in said  # to itself, with its own secret, all is well
        health = service.get("/api/sync/health/")
        (refused,) = [one for one in health["findings"] if one["code"] == "attempts"]
        assert refused["since"]
        assert "GITHUB_WEBHOOK_SECRET" in refused["remedy"]
        assert health["status"] == "degraded"

        sim.control("suspend")
        service.run("autosync", "recover")
        eventually(lambda: "suspended" in codes(service), "the suspension is known")

        sim.control("weather", {"outage": 600})
        done = service.run("autosync", "doctor", check=False)
        assert done.returncode == 1
        assert "wrong  GitHub: " in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
        service.run("autosync", "recover", check=False)
        assert "github" in codes(service)
