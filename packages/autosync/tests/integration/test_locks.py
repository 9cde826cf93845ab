"""Advisory locks: who is refused, for how long, and how a holder is ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import Error, connection

from autosync.github import Unavailable
from autosync.sync.errors import Busy
from autosync.sync.locks import end_holders, exclusive
from autosync.sync.retry import RetryLater

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def held_elsewhere(number: int) -> Iterator[list[Exception]]:
    """The lock is another session's; yields what goes wrong there in the end."""
    taken, done = threading.Event(), threading.Event()
    wrong: list[Exception] = []

    def hold() -> None:
        try:
            with exclusive("test", number, wait=False):
                taken.set()
                done.wait(30)
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
        except Error as error:
            wrong.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(30)
    try:
        yield wrong
    finally:
        done.set()
        thread.join(30)


def test_live_work_does_not_wait_for_ever() -> None:
    with held_elsewhere(1), pytest.raises(Busy), exclusive("test", 1, wait=True, seconds=0.1):
        pytest.fail("it is another's")
    with exclusive("test", 1, wait=True, seconds=0.1):
        pass


def test_a_holder_that_was_given_up_can_do_nothing_more() -> None:
    with held_elsewhere(2) as wrong, held_elsewhere(3) as another:
        end_holders("test", 2)
        with exclusive("test", 2, wait=False):
            pass
    assert len(wrong) == 1
    assert not another


@pytest.mark.parametrize(
    "error", [Busy("b"), psycopg.OperationalError("away"), Unavailable("GitHub")]
)
def test_work_that_could_not_be_done_comes_back(error: Exception) -> None:
    import procrastinate

    job = procrastinate.jobs.Job(queue="live", lock=None, queueing_lock=None, task_name="t")
    assert RetryLater().get_retry_decision(exception=error, job=job) is not None
    assert RetryLater().get_retry_decision(exception=ValueError(), job=job) is None
