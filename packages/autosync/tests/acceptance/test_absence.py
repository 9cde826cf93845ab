"""What happened while GitHub told us nothing is all there soon after it speaks again.

No webhook is sent, and none is logged, about a repository that is not in the installation, nor to
an App that is suspended or not installed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from githubsim.testing import Sim
from tests.chaos.reader import Watch, differences
from tests.service import (
    SECRET,
    Service,
    free_port,
    hook_url,
    imported,
    let_audits_be,
    make_audits_due,
)
from tests.service_processes import deliver
from tests.waiting import Told, eventually

# Of each at least two: a look of the judge costs requests for each issue and pull request.
WORLD = {"repositories": 3, "commits": 60, "issues": 24, "pulls": 9}
# Syncs come when a test asks for one, and pass over nothing because it was read a moment ago.
NO_SCHEDULE = {"AUTOSYNC_SYNC_INTERVAL": "59", "AUTOSYNC_SKIP_RECENT": "0"}


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[Sim, Service]]:
    port = free_port()
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET}
    with Sim(install=False, **WORLD, **hook) as sim, Service(sim, port, **NO_SCHEDULE) as service:
        sim.control("install")
        eventually(lambda: imported(service), "the import is complete")
        yield sim, service


@pytest.fixture(autouse=True)
def equal(stage: tuple[Sim, Service]) -> None:
    """Each test begins where the mirror equals GitHub."""
    sim, service = stage
    eventually(Watch(sim, service.query).equal, Told(lambda: told(service)))


def leave_out(sim: Sim) -> Callable[[], object]:
    name = sim.ask("inventory")["repositories"][0]["full_name"]
    sim.control("installation/remove", {"repositories": [name]})
    return lambda: sim.control("installation/add", {"repositories": [name]})


def uninstall(sim: Sim) -> Callable[[], object]:
    sim.control("uninstall")
    return lambda: sim.control("install")


def suspend(sim: Sim) -> Callable[[], object]:
    sim.control("suspend")
    return lambda: sim.control("unsuspend")


@pytest.mark.parametrize("go", [leave_out, uninstall, suspend])
def test_back_after_an_absence(
    stage: tuple[Sim, Service], go: Callable[[Sim], Callable[[], object]]
) -> None:
    sim, service = stage
    before = service.query("SELECT github_id, imported_at FROM repositories ORDER BY 1")
    # As if the audit that follows an import had been.
    service.execute("UPDATE repositories SET audit_due_at = NULL")
    come_back = go(sim)
    there = [one["id"] for one in sim.ask("inventory")["repositories"]]
    # Of these webhooks go on; their timelines wait for the next sync.
    heard = set(there[1:] if go is leave_out else ())
    changed = 0
    for one in sim.ask("inventory")["repositories"]:
        where = {"repository": one["full_name"]}
        sim.control("push", where | {"count": 2})
        if numbers := sim.ask("inventory", repository=one["id"])["issues"]:
            # Issues that carry it keep their clocks; another that takes its place is not theirs.
            bug = sim.control("labels/edit", where | {"name": "bug", "new_name": go.__name__})
            sim.control("labels/create", where | {"name": "bug", "color": bug["color"]})
            sim.control("issues/edit", where | {"number": numbers[0], "title": go.__name__})
            # No list shows what is no more: only a count tells.
            sim.control("issues/delete", where | {"number": numbers[-1]})
            changed += 1
    assert changed
    sim.control("webhooks/wait", {"timeout": 30})
    come_back()
    eventually(
        lambda: not missing(sim, service, heard),
        Told(lambda: f"what was changed or made meanwhile is here: {service.said()}"),
        45,  # before the audit that comes after a minute
    )
    due = "SELECT count(*) FROM repositories WHERE audit_due_at IS NOT NULL"
    eventually(lambda: service.query(due)[0][0], Told(lambda: told(service)))
    make_audits_due(service)
    service.post("/api/sync/periodic/")
    eventually(
        Watch(sim, service.query).equal,
        Told(lambda: f"the mirror equals GitHub: {apart(sim, service)}, {service.said()}"),
        60,
    )
    again = service.query("SELECT github_id, imported_at FROM repositories ORDER BY 1")
    assert again == before, "nothing was imported from the beginning"


def test_a_late_event_of_a_repository_that_is_gone_does_not_leave_it_here(
    stage: tuple[Sim, Service],
) -> None:
    """Made, pushed to and deleted while nothing was heard: the list of repositories, which never
    held it, stays as it is.
    """
    sim, service = stage
    listed_as_before(service)
    name = sim.ask("inventory")["repositories"][0]["full_name"]
    sim.control("push", {"repository": name})
    late = newest(service, "push")
    late["repository"] |= {
        "id": 1,
        "node_id": "R_gone",
        "name": "gone",
        "full_name": f"{name}-gone",
        "clone_url": late["repository"]["clone_url"].replace(".git", "-gone.git"),
    }
    status, _ = deliver(service.port, json.dumps(late).encode(), event="push", secret=SECRET)
    assert status == 202
    seen = "SELECT removed_at IS NOT NULL FROM repositories WHERE github_id = 1"
    eventually(lambda: service.query(seen), "it is taken for a repository never seen")
    eventually(lambda: service.query(seen) == [[True]], Told(lambda: told(service)))
    assert not differences(sim, service.query)


def test_a_late_event_of_an_issue_that_is_gone_does_not_leave_it_here(
    stage: tuple[Sim, Service],
) -> None:
    """Opened and deleted while nothing was heard; the audit after the absence is over."""
    sim, service = stage
    name = sim.ask("inventory")["repositories"][0]["full_name"]
    sim.control("issues/open", {"repository": name, "title": "stays"})
    late = newest(service, "issues")
    late["issue"] |= {"id": 1, "node_id": "I_gone", "number": 9999, "title": "gone"}
    let_audits_be(service)
    service.execute("UPDATE repositories SET last_synced_at = now() + interval '1 second'")
    status, _ = deliver(service.port, json.dumps(late).encode(), event="issues", secret=SECRET)
    assert status == 202
    gone = "SELECT deleted_at IS NOT NULL FROM issues WHERE github_issue_id = 1"
    eventually(lambda: service.query(gone), "it is taken for a new one")
    eventually(lambda: service.query(gone) == [[True]], Told(lambda: told(service)))
    eventually(Watch(sim, service.query).equal, Told(lambda: told(service)))


def test_a_late_event_of_the_installation_that_was_does_not_take_a_repository_back(
    stage: tuple[Sim, Service],
) -> None:
    """The App is taken away and installed again; then comes an event that was sent before."""
    sim, service = stage
    name = sim.ask("inventory")["repositories"][0]["full_name"]
    sim.control("repositories/edit", {"repository": name, "description": "before"})
    sent = (
        "SELECT convert_from(body, 'UTF8') FROM inbox "
        "WHERE event = 'repository' AND status = 'applied' ORDER BY id DESC"
    )
    eventually(lambda: service.query(sent), "the change has arrived")
    arrived = service.query(sent)
    late = json.loads(arrived[0][0])
    uninstall(sim)()
    eventually(Watch(sim, service.query).equal, "the App is back")
    listed_as_before(service)
    # Of the same second as what the list shows, and not the same.
    late["repository"]["description"] = "a moment before"
    body = json.dumps(late).encode()
    status, _ = deliver(service.port, body, event="repository", secret=SECRET)
    assert status == 202
    eventually(lambda: len(service.query(sent)) > len(arrived), Told(lambda: told(service)))
    eventually(Watch(sim, service.query).equal, Told(lambda: told(service)))


def test_what_github_lists_as_before_is_shown_as_before(stage: tuple[Sim, Service]) -> None:
    """The list is unchanged; what is here is not any more, for whatever reason."""
    sim, service = stage
    listed_as_before(service)
    service.execute(
        "UPDATE repositories SET removed_at = now() - interval '1 hour' "
        "WHERE github_id = (SELECT min(github_id) FROM repositories WHERE removed_at IS NULL)"
    )
    assert differences(sim, service.query)
    service.run("manage.py", "sync_github")
    eventually(Watch(sim, service.query).equal, Told(lambda: told(service)))


def listed_as_before(service: Service) -> None:
    """From here on GitHub's list of the repositories is the one that was last read.

    And nobody asks for it but who is asked to: an audit begins with it.
    """
    let_audits_be(service)
    for _ in range(2):
        service.run("manage.py", "sync_github")


def newest(service: Service, event: str) -> dict[str, Any]:
    """The payload of the newest such delivery, once there is one."""
    last = f"SELECT convert_from(body, 'UTF8') FROM inbox WHERE event = '{event}' ORDER BY id DESC"
    eventually(lambda: service.query(last), f"a delivery of {event} has arrived")
    payload: dict[str, Any] = json.loads(service.query(last)[0][0])
    return payload


def told(service: Service) -> str:
    jobs = "SELECT id, job_type, status, created_at, completed_at FROM sync_jobs ORDER BY id"
    audits = "SELECT started_at, repositories, found, error FROM audits ORDER BY id"
    return f"no audit is due: {service.query(jobs)}, {service.query(audits)}, {service.said()}"


def apart(sim: Sim, service: Service) -> str:
    return str([str(one) for one in differences(sim, service.query)][:20])


def missing(sim: Sim, service: Service, heard: set[int]) -> list[object]:
    """All but what is left to the audit, the deleted and names of labels, and to the next sync,
    timelines of what webhooks spoke of.
    """
    found: list[object] = []
    for inside in ([], None):  # what costs least first
        found += [
            one
            for one in differences(sim, service.query, inside=inside)
            if not one.what.endswith("only here")
            and ": labels is" not in one.what
            and not (one.table == "timeline_events" and one.repository_id in heard)
        ]
        if found:
            break
    return found
