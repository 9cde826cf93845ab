"""The worker process: applies the inbox as it fills, runs tasks, keeps the schedule."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.db import close_old_connections, connection
from django.db.backends.signals import connection_created
from procrastinate.connector import Notify
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from procrastinate.psycopg_connector import PsycopgConnector

from autosync import config
from autosync.database import conninfo
from autosync.errors import AutoSyncError
from autosync.mirror import quota
from autosync.sync import choice, git_caches
from autosync.sync.apply import WebhookProcessor
from autosync.sync.queue import LIVE, SICK, START_UP, SYNC, defer
from autosync.sync.stalled import OWN, STALLED_AFTER_SECONDS, alone, retry_stalled
from autosync.sync.watch import look_at_this_machine

logger = logging.getLogger(__name__)

INBOX_CHANNEL = "autosync_inbox"
# Retries come due without a notification; so would a notification that was lost.
_INBOX_POLL_SECONDS = 1.0
_HEARTBEAT_SECONDS = 3.0
# How often whoever waits for work to be done looks whether it is; and how often a worker beats.
_LOOK_SECONDS = 0.3
_BEAT_SECONDS = 1.0
_LIVE_CONCURRENCY = 4
_LOOK_EVERY_SECONDS = 60.0
# One batch of deliveries takes seconds, an embedded database that recovers a few minutes.
_APPLY_HANGS_AFTER = 600.0  # seconds


def run(alive: Callable[[], None] = lambda: None) -> int:
    """Work until SIGTERM or SIGINT; what is under way is finished or given back. Exit code 0.

    `alive` is called about every second while neither the loop that runs the tasks nor the
    thread that applies deliveries hangs, however long a task takes.
    """
    connection_created.connect(_never_hang_in_a_transaction)
    stop = threading.Event()
    woken = _Wake()

    def end(*_: object) -> None:
        stop.set()
        woken.up()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    retry_stalled()
    defer(START_UP)
    pulse = _Pulse()
    applier = threading.Thread(
        target=apply_inbox, args=(stop, pulse.beat), name="inbox", daemon=True
    )
    applier.start()
    threading.Thread(target=look_around, args=(stop,), name="look around", daemon=True).start()
    threading.Thread(target=git_caches.keep, args=(stop,), name="caches", daemon=True).start()

    def at_work() -> None:
        if pulse.seconds < _APPLY_HANGS_AFTER:
            alive()

    asyncio.run(_run_tasks(stop.is_set, at_work, woken))
    stop.set()
    applier.join(timeout=10)
    return 0


class _Pulse:
    """When a thread was last seen to go on."""

    def __init__(self) -> None:
        self.beat()

    def beat(self) -> None:
        self._at = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._at


class _Wake:
    """Ends the wait of the loop that runs the tasks, from a signal's handler."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()

    def up(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._event.wait()


class _Connector(PsycopgConnector):
    """Procrastinate's, asleep until PostgreSQL says something.

    psycopg's wait for notifications looks ten times a second, in each of three workers.
    """

    async def _loop_notify(
        self, on_notification: Notify, connection: Any, timeout: float = 30.0
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                said = asyncio.Event()
                # Anew each time: psycopg removes it when it has read.
                loop.add_reader(connection.fileno(), said.set)
                try:
                    await asyncio.wait_for(said.wait(), timeout)
                except TimeoutError:
                    await connection.execute("SELECT 1")
                finally:
                    loop.remove_reader(connection.fileno())
                async for one in connection.notifies(timeout=0):
                    await on_notification(channel=one.channel, payload=one.payload)
        except psycopg.OperationalError:
            return  # procrastinate connects again


def _never_hang_in_a_transaction(connection: Any, **_: Any) -> None:
    """The rows of a worker that hangs are another's after a while, deliveries above all."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, false)",
            [f"{STALLED_AFTER_SECONDS}s"],
        )


def run_until(done: Callable[[], bool]) -> None:
    """Work in this process until `done()`: for a command where no worker is running."""
    stop = threading.Event()
    choice.settle()
    retry_stalled()
    applier = threading.Thread(target=apply_inbox, args=(stop,), name="inbox", daemon=True)
    applier.start()
    try:
        asyncio.run(_run_tasks(done))
    finally:
        stop.set()
        applier.join(timeout=10)


def is_running() -> bool:
    """Whether any worker, on whatever machine, beat within the last few seconds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM procrastinate_workers "
            "WHERE last_heartbeat > now() - make_interval(secs => %s))",
            [STALLED_AFTER_SECONDS],
        )
        row = cursor.fetchone()
    return bool(row and row[0])


class WorkerStopped(AutoSyncError):
    """The worker lost its database and ends; its supervisor starts it again."""

    def __str__(self) -> str:
        return str(self.__doc__)


class _JobManager(JobManager):
    """Procrastinate's, for jobs that are no longer ours and for tasks that wait twice.

    A worker that hung until its jobs were given to another must not end them: what was asked for
    meanwhile was joined to the one that waits. And a retry while the same work already waits again
    breaks the uniqueness of what waits: the task would stay `doing` for ever.
    """

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        await self._end(
            job, "procrastinate_finish_job_v1(id, %(status)s, false)", status=status.value
        )

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        try:
            await self._end(
                job,
                "procrastinate_retry_job_v2(id, %(at)s, %(priority)s, %(queue)s, %(lock)s)",
                at=retry_at or datetime.now(UTC),
                priority=priority,
                queue=queue,
                lock=lock,
            )
        except UniqueViolation:
            await self.finish_job(job, Status.ABORTED, delete_job=False)

    async def _end(self, job: Job, call: str, **arguments: Any) -> None:
        done = await self.connector.execute_query_all_async(
            f"{OWN} SELECT {call} FROM own",  # noqa: S608 (ours)
            job_id=job.id,
            worker_id=job.worker_id,
            attempts=job.attempts,
            **arguments,
        )
        if not done:
            logger.warning("job %s was given to another worker meanwhile", job.call_string)


async def _run_tasks(
    done: Callable[[], bool],
    alive: Callable[[], None] = lambda: None,
    woken: _Wake | None = None,
) -> None:
    """One worker for short live work and one for syncs, so that an import never delays a push; one
    for repositories that fail, so that these never delay the others.
    """
    concurrency = config.load().autosync_concurrency
    sick = max(1, concurrency // 3)
    loop = asyncio.get_running_loop()
    # Tasks are synchronous: each runs in a thread with a database connection of its own.
    loop.set_default_executor(ThreadPoolExecutor(concurrency + _LIVE_CONCURRENCY + sick + 4))
    # The counterpart of the app's own, which is Django's.
    worker_app = app.with_connector(_Connector(kwargs=connector_params()))
    worker_app.job_manager = _JobManager(worker_app.connector)
    async with worker_app.open_async():
        workers = [
            asyncio.create_task(
                worker_app.run_worker_async(
                    queues=[queue],
                    name=queue,
                    concurrency=limit,
                    fetch_job_polling_interval=poll,
                    update_heartbeat_interval=_HEARTBEAT_SECONDS,
                    stalled_worker_timeout=STALLED_AFTER_SECONDS,
                    shutdown_graceful_timeout=5.0,
                    install_signal_handlers=False,
                    task_middleware=[alone],
                )
            )
            # What is due later is found by looking; all else says so.
            for queue, limit, poll in (
                (LIVE, _LIVE_CONCURRENCY, 2.0),
                (SYNC, concurrency, 3.0),
                (SICK, sick, 10.0),
            )
        ]
        waker = asyncio.create_task((woken or _Wake()).wait())
        every = _LOOK_SECONDS if woken is None else _BEAT_SECONDS
        try:
            while not await asyncio.to_thread(done):
                alive()
                finished, _ = await asyncio.wait(
                    {*workers, waker}, timeout=every, return_when=asyncio.FIRST_COMPLETED
                )
                for worker in finished - {waker}:
                    worker.result()
                    # Nobody asked it to: its database went away. The other alone is half a worker.
                    raise WorkerStopped
        finally:
            waker.cancel()
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, waker, return_exceptions=True)


def apply_inbox(stop: threading.Event, alive: Callable[[], None] = lambda: None) -> None:
    """Apply deliveries as they arrive: woken by NOTIFY, and by the clock for retries.

    `alive` is called after each batch, and about every second while there is none.
    """
    processor = WebhookProcessor(careful=True)
    while not stop.is_set():
        alive()
        try:
            with psycopg.connect(conninfo(), autocommit=True) as listener:
                listener.execute(f"LISTEN {INBOX_CHANNEL}")
                while not stop.is_set():
                    alive()
                    close_old_connections()
                    while processor.process_batch():
                        alive()
                    for _ in listener.notifies(timeout=_INBOX_POLL_SECONDS, stop_after=1):
                        pass
        except Exception as error:
            logger.warning("the inbox waits for the database: %s", error)
            connection.close()
            time.sleep(1)


def look_around(stop: threading.Event) -> None:
    """Tell every minute what this machine lacks: no other worker can see it."""
    while True:
        try:
            close_old_connections()
            look_at_this_machine()
            quota.fold()
        except Exception as error:
            logger.warning("what this machine lacks cannot be recorded: %s", error)
            connection.close()
        if stop.wait(_LOOK_EVERY_SECONDS):
            return
