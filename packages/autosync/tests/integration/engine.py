"""The engine in this process, against a simulated GitHub: settings, and jobs run to their end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from autosync import config, connect
from autosync.kinds import left_out, listed_resources, nested_kinds, refetched
from autosync.mirror.inbox import store
from autosync.mirror.models import Delivery, GitHubAppInstallation, SyncJob, SyncJobRepository
from autosync.sync import SyncJobRunner, WebhookProcessor
from githubsim.receiver import Received, Receiver
from githubsim.testing import Sim

_TO_DO = (SyncJobRepository.Status.PENDING, SyncJobRepository.Status.RUNNING)


@contextmanager
def engine(sim: Sim, patch: pytest.MonkeyPatch, **settings: str) -> Iterator[None]:
    """AutoSync's settings point to `sim` meanwhile."""
    for name, value in {
        "GITHUB_API_URL": sim.url,
        "GITHUB_APP_ID": str(sim.app.id),
        "GITHUB_APP_PRIVATE_KEY": sim.app.pem,
        "AUTOSYNC_GIT_SILENCE": "1",
        **settings,
    }.items():
        patch.setenv(name, value)
    forget_settings()
    try:
        yield
    finally:
        patch.undo()
        forget_settings()


def installed(sim: Sim) -> GitHubAppInstallation:
    """The App, installed and listed."""
    pk = sim.control("install")["id"]
    run(SyncJobRunner.start_import(pk)[0])
    return GitHubAppInstallation.objects.get(pk=pk)


def heard(sim: Sim, receiver: Receiver, seconds: int = 30) -> list[Received]:
    """What GitHub has sent since the last time, once all of it is here."""
    assert sim.control("webhooks/wait", {"timeout": seconds})["delivered"]
    found = list(receiver.received)
    receiver.clear()
    return found


def delivery_of(one: Received) -> Delivery:
    """It as the inbox takes it."""
    action = one.payload.get("action", "")
    delivery = Delivery(guid=one.guid, event=one.event, action=action, headers={})
    delivery.body = one.body
    return delivery


def apply_sent(received: Iterable[Received]) -> None:
    """Store these one by one, as they come, and apply them."""
    for one in received:
        store([delivery_of(one)], Delivery.Source.WEBHOOK)
    WebhookProcessor().drain()


def period() -> SyncJob:
    """A forced periodic sync, run to its end; each repository has as many tries as it gets."""
    return run(SyncJobRunner.start_periodic(force=True)[0])


def run(job: SyncJob) -> SyncJob:
    """The job, planned and worked off as workers would, without their pauses."""
    SyncJobRunner().run(job)
    for _ in range(5):
        for one in SyncJobRepository.objects.filter(job=job, status__in=_TO_DO):
            try:
                SyncJobRunner().run_repository(one.repository_id)
            except Exception as error:  # what a worker would come back for
                last = error
    job.refresh_from_db()
    assert job.is_finished, last
    return job


def query(sql: str) -> list[list[Any]]:
    """The rows, as `tests.chaos.here` asks for them."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [list(row) for row in cursor.fetchall()]


def asked(sim: Sim) -> int:
    """How many requests there were since the last time."""
    found = sim.requests()["endpoints"].values()
    sim.ask("requests", clear=1)
    return sum(sum(answers.values()) for answers in found)


def forget_settings() -> None:
    """The next to ask reads them, and what follows from them, anew."""
    for cache in (config.load, connect.credentials, connect.budget, connect.app_client):
        cache.cache_clear()
    for chosen in (left_out, listed_resources, nested_kinds, refetched):
        chosen.cache_clear()
