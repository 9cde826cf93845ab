"""A database, or a session of it, that goes away in the middle: nobody's fault, and done again."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from procrastinate.jobs import Job

from autosync.api import tokens
from autosync.database import is_away
from autosync.kinds import KINDS
from autosync.mirror.inbox import store
from autosync.mirror.models import Delivery, SyncJob
from autosync.mirror.upsert import Rule, upsert
from autosync.sync import SyncJobRunner, WebhookProcessor
from autosync.sync.queue import REFETCH, defer
from autosync.sync.retry import RetryLater
from autosync.sync.tasks import run_job
from tests.integration.api_rows import repository
from tests.integration.test_upsert import T0, version

pytestmark = pytest.mark.django_db(transaction=True)
JOB = Job(queue="live", lock=None, queueing_lock=None, task_name="t")


@pytest.fixture(autouse=True)
def _new_session() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")
    yield
    connection.close()


def end_session() -> None:
    """What a stopped server, or whoever takes over a hanging worker's job, does to this session."""
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    parameters = connection.get_connection_params()
    parameters = {k: v for k, v in parameters.items() if k not in ("context", "cursor_factory")}
    with psycopg.connect(**parameters) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@contextmanager
def ended_by_inserting(table: str) -> Iterator[None]:
    """Whoever inserts into the table loses the session."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION ends() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END'"
        )
        cursor.execute(
            f"CREATE TRIGGER ends BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION ends()"
        )
    try:
        yield
    finally:
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION ends() CASCADE")


class Fatal(dict[str, Any]):
    """A row that ends the session when its title is written."""

    def __getitem__(self, name: str) -> Any:
        if name == "title":
            end_session()
        return super().__getitem__(name)


def ask() -> None:
    end_session()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def copy() -> None:
    row = Fatal(version(1, 1, repository_id=repository().pk))
    upsert(KINDS["issue"].merge, [row], observed_at=T0, rule=Rule.VERSIONED)


def enqueue() -> None:
    end_session()
    defer(REFETCH)


def hang() -> None:
    """As a worker that was stopped in a transaction for longer than its session allows."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', '50ms', false)")
        time.sleep(0.5)
        cursor.execute("SELECT 1")


def go_on_after() -> None:
    """Django's own complaint about what the lost session leaves behind."""
    with transaction.atomic():
        try:
            ask()
        except Exception:
            repository()


@pytest.mark.parametrize("lose", [ask, copy, enqueue, hang, go_on_after])
def test_whoever_notices_the_work_comes_back(lose: Callable[[], None]) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011 (each raises another class)
        lose()
    assert is_away(raised.value), repr(raised.value)
    assert RetryLater().get_retry_decision(exception=raised.value, job=JOB) is not None


def too_large_for_its_index() -> None:
    noise = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=20_000))
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE large (text text)")
        cursor.execute("CREATE INDEX ON large (text)")
        cursor.execute("INSERT INTO large VALUES (%s)", [noise])


def divide_by_zero() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")


@pytest.mark.parametrize("fail", [too_large_for_its_index, divide_by_zero])
def test_what_would_fail_again_does_not_come_back(fail: Callable[[], None]) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011
        fail()
    assert not is_away(raised.value), repr(raised.value)
    assert RetryLater().get_retry_decision(exception=raised.value, job=JOB) is None


def test_a_delivery_is_not_blamed() -> None:
    home = repository()
    push = {
        "ref": "refs/heads/main", "before": "0" * 40, "after": "1" * 40, "commits": [],
        "created": True, "deleted": False, "forced": False,
        "repository": {"id": home.pk, "full_name": home.full_name, "name": home.name,
                       "owner": {"login": "acme"}, "default_branch": "main"},
        "installation": {"id": home.installation_id},
    }  # fmt: skip
    body = json.dumps(push).encode()
    store(
        [Delivery(guid="g", event="push", action="", headers={}, body=body)],
        Delivery.Source.WEBHOOK,
    )
    with ended_by_inserting("procrastinate_jobs"):
        for careful in (False, True):
            with pytest.raises(Exception) as raised:  # noqa: PT011
                WebhookProcessor(careful=careful).drain()
            assert is_away(raised.value), repr(raised.value)
            connection.close()
            Delivery.objects.update(next_attempt_at=timezone.now())
            assert list(Delivery.objects.values_list("status", "error")) == [("pending", "")]
    Delivery.objects.update(next_attempt_at=timezone.now())
    WebhookProcessor().drain()
    assert Delivery.objects.get().status == "applied"


def test_a_sync_job_is_not_failed() -> None:
    job = SyncJobRunner.start_manual(repository())
    with ended_by_inserting("procrastinate_jobs"), pytest.raises(Exception) as raised:  # noqa: PT011
        run_job(job_id=job.pk)
    assert is_away(raised.value), repr(raised.value)
    assert SyncJob.objects.get().status == SyncJob.Status.RUNNING
    run_job(job_id=job.pk)
    job.refresh_from_db()
    assert (job.repositories_total, job.error_message) == (1, "")


def test_the_api_asks_to_come_back(client: Client) -> None:
    home = repository()
    _, token = tokens.create("t", ["sync"])
    with ended_by_inserting("procrastinate_jobs"):
        answer = client.post(
            f"/api/sync/repository/{home.pk}/", headers={"authorization": f"Bearer {token}"}
        )
    assert answer.status_code == 503, answer.content
    assert "try again" in answer.content.decode()
