"""Starting syncs through the API and following their jobs."""

from __future__ import annotations

from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from autosync.mirror.models import ResourceCursor, SyncJob, SyncJobRepository
from tests.integration.api_rows import T0, client_with, installation, moment, repository

pytestmark = pytest.mark.django_db


def job(**but: Any) -> SyncJob:
    values: dict[str, Any] = {"job_type": "periodic_sync", "status": "completed"}
    return SyncJob.objects.create(**values | but)


def test_a_periodic_sync_is_made_once_and_joined_after_that() -> None:
    client = client_with("sync")
    made = client.post("/api/sync/periodic/")
    assert made.status_code == 202
    assert made.json()["job_type"] == "periodic_sync"
    assert made.json()["joined"] is False

    again = client.post("/api/sync/periodic/")
    assert again.status_code == 200
    assert again.json()["id"] == made.json()["id"]
    assert again.json()["joined"] is True
    assert SyncJob.objects.count() == 1
    assert ProcrastinateJob.objects.filter(args={"job_id": made.json()["id"]}).count() == 1


def test_a_periodic_sync_of_one_installation() -> None:
    client, one, asleep = client_with("sync"), installation(), installation(suspended_at=T0)
    made = client.post(f"/api/sync/periodic/?installation={one.pk}&force=true")
    assert made.status_code == 202
    assert made.json()["installation_id"] == one.pk
    assert made.json()["installation"] == "acme"
    assert client.post("/api/sync/periodic/?installation=1").status_code == 404
    refused = client.post(f"/api/sync/periodic/?installation={asleep.pk}")
    assert refused.status_code == 409
    assert "suspended" in refused.json()["error"]
    assert client.post("/api/sync/periodic/?instalation=1").status_code == 422


def test_a_manual_sync_of_a_repository() -> None:
    repo = repository()
    made = client_with("sync").post(f"/api/sync/repository/{repo.pk}/")
    assert made.status_code == 202
    assert made.json()["job_type"] == "manual_sync"
    assert made.json()["installation_id"] == repo.installation_id
    assert SyncJob.objects.get().pk == made.json()["id"]


@pytest.mark.parametrize("but", [{"deleted_at": T0}, {"removed_at": T0}])
def test_no_manual_sync_of_a_repository_that_is_gone(but: dict[str, Any]) -> None:
    client = client_with("sync")
    assert client.post(f"/api/sync/repository/{repository(**but).pk}/").status_code == 404
    assert client.post("/api/sync/repository/1/").status_code == 404
    assert not SyncJob.objects.exists()


def test_no_manual_sync_while_the_installation_is_suspended() -> None:
    repo = repository(installation=installation(suspended_at=T0))
    answer = client_with("sync").post(f"/api/sync/repository/{repo.pk}/")
    assert answer.status_code == 409
    assert "suspended" in answer.json()["error"]


def test_jobs_newest_first_with_stats() -> None:
    one = installation()
    first = job(installation=one, job_type="auto_import")
    second = job(status="failed", error_message="GitHub said no")
    third = job(status="completed_with_errors")
    fourth = job(status="running", repositories_total=4, repositories_processed=1)
    client = client_with("read")

    page = client.get("/api/sync/jobs/", {"limit": 3}).json()
    assert [item["id"] for item in page["items"]] == [fourth.pk, third.pk, second.pk]
    assert page["items"][0]["progress_percent"] == 25
    assert page["stats"] == {
        "total_jobs": 4, "unfinished": 1, "successful": 1, "with_errors": 1, "failed": 1,
        "success_rate": 33.3,
    }  # fmt: skip
    rest = client.get("/api/sync/jobs/", {"limit": 3, "cursor": page["next"]}).json()
    assert [item["id"] for item in rest["items"]] == [first.pk]
    assert rest["next"] is None

    def ids(**query: Any) -> list[int]:
        return [item["id"] for item in client.get("/api/sync/jobs/", query).json()["items"]]

    assert ids(type="auto_import") == [first.pk]
    assert ids(status="failed") == [second.pk]
    assert ids(installation=one.pk) == [first.pk]
    answer = client.get("/api/sync/jobs/", {"type": "auto"})
    assert answer.status_code == 422
    assert "manual_sync" in answer.json()["error"]


def test_without_a_finished_job_there_is_no_success_rate() -> None:
    assert client_with("read").get("/api/sync/jobs/").json()["stats"]["success_rate"] is None


def test_a_job_tells_how_far_each_repository_and_resource_is() -> None:
    done, busy = repository("acme/done"), repository("acme/busy")
    row = job(status="running", started_at=moment(0), repositories_total=2)
    SyncJobRepository.objects.create(job=row, repository=done, status="completed", rows=7)
    SyncJobRepository.objects.create(job=row, repository=busy, status="running")
    cursors: list[tuple[str, dict[str, Any]]] = [
        ("commit", {"state": "complete", "done": 3}),
        ("issue", {"state": "running", "done": 50, "total": 200}),
        ("label", {"state": "running", "done": 5, "total": 5}),
        ("pull_request", {"state": "failed", "error": "502"}),
    ]
    for resource, values in cursors:
        ResourceCursor.objects.create(repository=busy, resource=resource, **values)

    shown = client_with("read").get(f"/api/sync/jobs/{row.pk}/").json()
    assert [r["full_name"] for r in shown["repositories"]] == ["acme/busy", "acme/done"]
    assert shown["repositories"][1]["rows"] == 7
    resources = shown["repositories"][0]["resources"]
    assert [(r["resource"], r["percent"]) for r in resources] == [
        ("commit", 100), ("issue", 25), ("label", 99), ("pull_request", None),
    ]  # fmt: skip
    assert resources[3]["error"] == "502"


def test_an_unknown_job_is_not_found() -> None:
    answer = client_with("read").get("/api/sync/jobs/1/")
    assert answer.status_code == 404
    assert "/api/sync/jobs/" in answer.json()["error"]
