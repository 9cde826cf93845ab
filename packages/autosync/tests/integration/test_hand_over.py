"""Handing work to tasks: coalesced, and never lost between a commit and a start."""

from __future__ import annotations

from datetime import timedelta
from inspect import signature
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app

from autosync.kinds._events import FollowUp
from autosync.mirror.models import Repository, SyncJob, SyncJobRepository
from autosync.sync import SyncJobRunner, queue
from autosync.sync.plan import wanted
from autosync.sync.queue import SYNC_GIT, defer, hand_over
from autosync.sync.resume import resume_jobs
from autosync.sync.sweep import pick_up_what_was_left
from tests.integration.api_rows import T0, installation, repository

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_tasks() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def waiting(lock: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = %s",
            [lock],
        )
        return int(cursor.fetchone()[0])


def due(lock: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs "
            "WHERE queueing_lock = %s AND coalesce(scheduled_at, now()) <= now()",
            [lock],
        )
        return int(cursor.fetchone()[0])


def end_all() -> None:
    """As if a worker had taken and finished every task."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'succeeded'")


def test_the_same_work_waits_once() -> None:
    for _ in range(3):
        defer(SYNC_GIT, 1)
    assert waiting("git:1") == 1


def test_what_is_undone_enqueues_nothing() -> None:
    with transaction.atomic():
        defer(SYNC_GIT, 1)
        transaction.set_rollback(True)
    assert waiting("git:1") == 0


def test_a_task_that_ended_before_our_commit_is_enqueued_again_after_it() -> None:
    defer(SYNC_GIT, 1)
    with transaction.atomic():
        defer(SYNC_GIT, 1)
        # It started and ended without seeing what this transaction has written.
        transaction.on_commit(end_all)
        defer(SYNC_GIT, 1)
    assert waiting("git:1") == 1


def test_a_follow_up_that_ended_before_our_commit_is_enqueued_again_after_it() -> None:
    hand_over([FollowUp("sync_git", 1), FollowUp("sync_git", 2)])
    with transaction.atomic():
        transaction.on_commit(end_all)
        hand_over([FollowUp("sync_git", 1)])
    assert [waiting(lock) for lock in ("git:1", "git:2")] == [1, 0]


def test_what_waits_for_githubs_return_is_done_at_once_when_github_speaks_of_it() -> None:
    hand_over([FollowUp("sync_git", 1)])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '2 minutes'")
    hand_over([FollowUp("sync_git", 1)])
    assert due("git:1") == 0
    hand_over([FollowUp("sync_git", 1)], now=True)
    assert (due("git:1"), waiting("git:1")) == (1, 1)


def test_what_an_open_job_waits_for_is_enqueued_again_if_no_task_will_do_it() -> None:
    one = repository("acme/one")
    job = SyncJob.objects.create(job_type=SyncJob.JobType.MANUAL_SYNC, status="running")
    SyncJobRepository.objects.create(job=job, repository=one, status="pending")
    unplanned = SyncJob.objects.create(job_type=SyncJob.JobType.PERIODIC_SYNC)
    resume_jobs()
    resume_jobs()
    assert waiting(f"repository:{one.pk}") == 1
    assert waiting(f"job:{unplanned.pk}") == 1


def test_a_job_whose_repositories_are_all_through_is_closed() -> None:
    job = SyncJob.objects.create(
        job_type=SyncJob.JobType.PERIODIC_SYNC, status="running", details={"planned": True}
    )
    SyncJobRepository.objects.create(job=job, repository=repository("acme/two"), status="completed")
    resume_jobs()
    job.refresh_from_db()
    assert job.status == SyncJob.Status.COMPLETED


def test_a_job_is_not_closed_before_all_installations_are_planned() -> None:
    job = SyncJob.objects.create(
        job_type=SyncJob.JobType.PERIODIC_SYNC, status="running", details={"unchanged": 7}
    )
    SyncJobRepository.objects.create(job=job, repository=repository("acme/two"), status="completed")
    SyncJobRunner().finish(job.pk)
    job.refresh_from_db()
    assert job.status == SyncJob.Status.RUNNING
    assert (job.repositories_processed, job.repositories_total) == (8, 8)
    # Its worker was killed before the second installation: it is planned again.
    resume_jobs()
    assert waiting(f"job:{job.pk}") == 1


def test_what_several_jobs_want_read_is_read_together() -> None:
    one = repository()
    jobs = [SyncJob.objects.create(job_type=SyncJob.JobType.PERIODIC_SYNC) for _ in range(3)]
    for job, moved in zip(jobs, (["issue"], ["commit", "issue"], None), strict=True):
        SyncJobRepository.objects.create(job=job, repository=one, status="running", moved=moved)
    assert wanted(one.pk, jobs[:2]) == {"issue", "commit"}
    assert wanted(one.pk, jobs) is None, "everything"


def test_a_look_that_an_event_asks_for_is_never_one_that_has_begun() -> None:
    one = repository()
    started = [
        lambda: SyncJobRunner.start_import(one.installation_id)[0],
        lambda: SyncJobRunner.start_for_webhook(one.installation_id, [one.pk]),
    ]
    for start in started:
        first = start()
        assert start() == first
        SyncJob.objects.filter(pk=first.pk).update(status=SyncJob.Status.RUNNING)
        assert start() != first


def test_what_was_never_listed_is_imported_once() -> None:
    installation_id = repository().installation_id
    asked_for_by_an_event, _ = SyncJobRunner.start_import(installation_id)
    SyncJob.objects.filter(pk=asked_for_by_an_event.pk).update(status=SyncJob.Status.RUNNING)
    assert SyncJobRunner.start_first_import(installation_id) == (asked_for_by_an_event, False)


@pytest.mark.parametrize("work", queue.WORK, ids=lambda work: str(work.task))
def test_work_is_known_to_its_task_as_to_those_who_hand_it_over(work: queue.Work) -> None:
    task = app.tasks[work.name]
    arguments = [name for name in (work.target,) if name]
    assert (task.queue, list(signature(task.func).parameters)) == (work.queue, arguments)


def import_handed_over(here: Repository) -> bool:
    pick_up_what_was_left()
    return waiting(f"unseen:{here.pk}") == 1


def test_a_repository_that_nobody_imports_is_imported() -> None:
    here = repository()
    assert import_handed_over(here)
    end_all()
    # The job of that import ended without reaching it, a while ago.
    job = SyncJobRunner.start_for_webhook(here.installation_id, [here.pk])
    SyncJob.objects.filter(pk=job.pk).update(
        status="completed", created_at=T0, completed_at=T0, details={"planned": True}
    )
    end_all()
    assert import_handed_over(here)


def test_many_that_nobody_imports_are_handed_over_a_few_at_a_time() -> None:
    many = [repository(f"acme/{number}") for number in range(60)]
    pick_up_what_was_left()
    assert sum(waiting(f"unseen:{one.pk}") for one in many) == 50
    pick_up_what_was_left()
    assert sum(waiting(f"unseen:{one.pk}") for one in many) == 60


@pytest.mark.parametrize(
    "values",
    [
        {"imported_at": T0},
        {"last_synced_at": T0},
        {"auto_sync_enabled": False},
        {"failures": 1},
        {"sync_state": Repository.SyncState.FAILED},
        {"removed_at": T0},
        {"deleted_at": T0},
        {"observed_at": timezone.now() + timedelta(hours=1)},
    ],
    ids=lambda values: next(iter(values)),
)
def test_one_that_needs_no_import_is_left_alone(values: dict[str, Any]) -> None:
    assert not import_handed_over(repository(**values))


@pytest.mark.parametrize("column", ["suspended_at", "deleted_at"])
def test_nothing_is_imported_where_the_app_may_not_look(column: str) -> None:
    assert not import_handed_over(repository(installation=installation(**{column: T0})))


def test_an_import_that_somebody_will_begin_is_not_begun_twice() -> None:
    here = repository()
    whose = here.installation_id
    for task in ("import_installation", "refresh_installation"):
        hand_over([FollowUp(task, whose)])
        assert not import_handed_over(here)
        end_all()
    defer(queue.SYNC_REPOSITORY, here.pk)
    assert not import_handed_over(here)
    end_all()
    for start in (
        lambda: SyncJobRunner.start_import(whose)[0],
        lambda: SyncJobRunner.start_periodic()[0],
        lambda: SyncJobRunner.start_for_webhook(whose, [here.pk]),
    ):
        job = start()
        assert not import_handed_over(here)
        job.delete()
        end_all()
    job = SyncJobRunner.start_for_webhook(whose, [here.pk])
    job.details["planned"] = True
    job.save()
    SyncJobRepository.objects.create(job=job, repository=here)
    SyncJob.objects.update(created_at=T0)
    assert not import_handed_over(here)


def test_an_import_of_another_installation_does_not_reach_it() -> None:
    here = repository()
    other = repository("other/one", installation=installation(account_login="other"))
    SyncJobRunner.start_import(other.installation_id)
    SyncJobRunner.start_for_webhook(here.installation_id, [other.pk])
    assert import_handed_over(here)
