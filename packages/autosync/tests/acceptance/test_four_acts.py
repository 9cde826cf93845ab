"""The main job, on the real processes: install, live, healed, seen."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from githubsim.testing import Sim
from tests.browser import chromium, tab
from tests.killing import AT_WORK, Worker
from tests.service import (
    ROOT,
    SECRET,
    Service,
    differences,
    free_port,
    hook_url,
    let_audits_be,
    truth,
)
from tests.waiting import eventually


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The beginnings of our own repository; none where there is no checkout."""
    if not (ROOT / ".git").exists():
        return []
    folder = tmp_path_factory.mktemp("history") / "autosync.git"
    clone = ["clone", "--quiet", "--bare", "--single-branch", "--no-tags", str(ROOT)]
    subprocess.run(["git", *clone, str(folder)], check=True)

    def git(*arguments: str) -> list[str]:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    early = git("rev-list", "HEAD")[-150:][0]
    branches = git("for-each-ref", "--format=%(refname)", "refs/heads")
    git("update-ref", "refs/heads/main", early)
    git("symbolic-ref", "HEAD", "refs/heads/main")
    for name in {*branches} - {"refs/heads/main"}:
        git("update-ref", "-d", name)
    return [folder]


@pytest.fixture(scope="module")
def stage(history: list[Path]) -> Iterator[tuple[Sim, Service]]:
    """A world of twenty repositories, one with a real history, and AutoSync beside it."""
    port = free_port()
    with (
        Sim(
            repositories=20,
            commits=1000,
            issues=500,
            pulls=150,
            import_git=history,
            webhook_url=hook_url(port),
            webhook_secret=SECRET,
            install=False,
        ) as sim,
        # The schedule must not come to the help of what is tested.
        Service(sim, port, AUTOSYNC_SYNC_INTERVAL="59") as service,
    ):
        yield sim, service


def test_act_1_install_and_everything_is_there(stage: tuple[Sim, Service]) -> None:
    sim, service = stage
    sim.control("install")
    eventually(
        lambda: service.get("/api/sync/health/")["system"]["sync_coverage"] == 100,
        f"20 repositories imported; {service.said()}",
    )
    assert differences(service, sim) == {}
    counts = service.counts()
    assert len(counts) == 20
    assert sum(c["undetailed"] for c in counts.values()) == 0
    job = eventually(
        lambda: next(
            iter(service.get("/api/sync/jobs/?type=auto_import&status=completed")["items"]), None
        ),
        "the import's job is completed",
    )
    assert job["repositories_processed"] == 20
    assert job["errors_count"] == 0


def test_act_2_a_push_is_seen_within_a_second(stage: tuple[Sim, Service]) -> None:
    sim, service = stage
    name = max(truth(sim), key=lambda n: truth(sim)[n]["commits"])
    repository = service.get(f"/api/repositories/?search={name.partition('/')[2]}")["items"][0]
    delays = []
    for number in range(10):
        started = time.monotonic()
        sha = sim.control("push", {"repository": name, "count": 1})["shas"][0]
        path = f"/api/commits/?repository={repository['id']}&limit=5&order=-committed_at"
        eventually(
            lambda: any(c["sha"] == sha for c in service.get(path)["items"]),  # noqa: B023
            f"commit {number} is in the API",
        )
        delays.append(time.monotonic() - started)
    print(f"push to API: median {statistics.median(delays):.3f} s of {len(delays)}")
    assert statistics.median(delays) < 1.0


@pytest.mark.browser
def test_act_2_and_in_an_open_browser_without_a_reload(stage: tuple[Sim, Service]) -> None:
    sim, service = stage
    name = max(truth(sim), key=lambda n: truth(sim)[n]["commits"])
    delays = []
    with chromium() as browser, tab(browser) as page:
        page.goto(service.url)
        page.get_by_text("live", exact=True).wait_for()
        page.evaluate("window.notReloaded = true")
        for number in range(10):
            message = f"Seen in the browser, number {number}"
            started = time.monotonic()
            sim.control("push", {"repository": name, "commits": [{"message": message}]})
            page.locator("#feed").get_by_text(message).wait_for()
            delays.append(time.monotonic() - started)
        assert page.evaluate("window.notReloaded")
    print(f"push to browser: median {statistics.median(delays):.3f} s of {len(delays)}")
    assert statistics.median(delays) < 1.0


def test_act_3_lost_webhooks_are_healed_by_a_sync(stage: tuple[Sim, Service]) -> None:
    sim, service = stage
    sim.control("webhooks", {"on": False})
    names = [n for n, c in truth(sim).items() if c["commits"] and c["issues"]][:5]
    for name in names:
        sim.control("push", {"repository": name, "count": 3})
        sim.control("push", {"repository": name, "branch": "unseen", "count": 1})
        opened = sim.control("issues/open", {"repository": name, "title": "nobody told us"})
        closed = sim.control("issues/open", {"repository": name, "title": "gone again"})
        sim.control("issues/close", {"repository": name, "number": opened["number"]})
        sim.control("issues/delete", {"repository": name, "number": closed["number"]})
    sim.control("repositories/create", {"owner": names[0].partition("/")[0], "name": "newcomer"})
    sim.control("webhooks", {"on": True})
    assert differences(service, sim) != {}
    done = service.run("manage.py", "sync_github", "--force")
    assert "0 errors" in done.stdout
    eventually(lambda: differences(service, sim) == {}, "the mirror equals GitHub")


def test_a_sync_with_nothing_new_costs_two_points_whoever_does_it_with_whatever_token(
    stage: tuple[Sim, Service], tmp_path: Path
) -> None:
    sim, service = stage
    service.run("manage.py", "sync_github", "--force")
    let_audits_be(service)
    # What was lost a moment ago is not to come back into it from GitHub's log.
    service.execute("UPDATE delivery_log SET read_until = now() + interval '1 day'")
    at_work = f"SELECT count(*) FROM procrastinate_jobs WHERE {AT_WORK}"
    eventually(lambda: service.query(at_work) == [[0]], "everybody is at rest")
    # As if minutes had passed: what changed a moment before it was read is read once more.
    service.execute(
        "UPDATE resource_cursors SET watermark = now() + "
        "CASE resource WHEN 'commit' THEN interval '6 minutes' ELSE interval '0' END"
    )
    service.execute("UPDATE children_read SET clock = now(), marked_at = NULL")
    # The tokens now in use die; each worker makes its own.
    sim.control("weather", {"token_life": 1})
    time.sleep(1.1)
    sim.control("weather", {"token_life": 0})
    second = Worker(service, tmp_path / "worker.log")
    try:
        for _ in range(2):
            _quiet_sync(sim, service)
    finally:
        second.kill()
        service.execute("UPDATE delivery_log SET read_until = now()")


def _quiet_sync(sim: Sim, service: Service) -> None:
    first = _spent(service)
    sim.ask("requests", clear=1)
    service.execute("UPDATE repositories SET last_synced_at = now() - interval '1 hour'")
    said = service.run("manage.py", "sync_github").stdout
    assert "21 repositories (21 unchanged), 0 rows changed, 0 errors" in said
    requests = sim.requests()
    # A hundred repositories each: who they are, and what is new in them.
    assert _spent(service) - first == 2, requests["endpoints"]
    assert requests["endpoints"]["POST /graphql"] == {"200": 1}
    job = service.get("/api/sync/jobs/?type=periodic_sync")["items"][0]
    assert (job["repositories_total"], job["repositories_processed"]) == (21, 21)
    rows = f"SELECT count(*) FROM sync_job_repositories WHERE job_id = {job['id']}"
    assert service.query(rows) == [[0]]
    late = "SELECT count(*) FROM repositories WHERE last_synced_at < now() - interval '30 minutes'"
    assert service.query(late) == [[0]]


def test_act_4_health_tells_all_of_it(stage: tuple[Sim, Service]) -> None:
    sim, service = stage
    # The webhooks lost before are named until GitHub's log shows that one has arrived again.
    service.execute("UPDATE delivery_log SET read_until = now()")
    name = next(name for name, counts in truth(sim).items() if counts["commits"])
    sim.control("push", {"repository": name})
    sim.control("webhooks/wait", {"timeout": 30})
    service.run("autosync", "recover")
    health = service.get("/api/sync/health/")
    assert health["status"] == "healthy", health
    assert health["system"]["total_repositories"] == 21
    assert health["inbox"]["parked"] == 0
    assert health["last_periodic_sync"] is not None


def _spent(service: Service) -> int:
    """Points the installation has spent; the App's own calls have their own budget."""
    return int(
        service.query("SELECT sum(spent) FROM quota_budgets WHERE installation_id <> 0")[0][0]
    )
