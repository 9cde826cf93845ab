"""The worker process: applies the inbox as it fills, runs tasks, keeps the schedule."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from django.db import close_old_connections, connection
from procrastinate.contrib.django import app
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

from autosync import config
from autosync.database import conninfo
from autosync.sync.apply import WebhookProcessor
from autosync.sync.tasks import LIVE, STALLED_AFTER_SECONDS, SYNC, defer, retry_stalled, start_up

logger = logging.getLogger(__name__)

INBOX_CHANNEL = "autosync_inbox"
# Retries come due without a notification; so would a notification that was lost.
_INBOX_POLL_SECONDS = 1.0
_HEARTBEAT_SECONDS = 2.0
_LIVE_CONCURRENCY = 4


def run() -> int:
    """Work until SIGTERM or SIGINT; what is under way is finished or given back. Exit code 0."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    retry_stalled()
    defer(start_up, "start_up", priority=10)
    applier = threading.Thread(target=apply_inbox, args=(stop,), name="inbox", daemon=True)
    applier.start()
    asyncio.run(_run_tasks(stop.is_set))
    stop.set()
    applier.join(timeout=10)
    return 0


def run_until(done: Callable[[], bool]) -> None:
    """Work in this process until `done()`: for a command where no worker is running."""
    stop = threading.Event()
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


class _JobManager(JobManager):
    """Procrastinate's, for tasks that come back while the same work already waits again.

    There the retry breaks the uniqueness of what waits, and the task would stay `doing` for ever.
    """

    async def retry_job(self, job: Job, *args: Any, **how: Any) -> None:
        try:
            await super().retry_job(job, *args, **how)
        except UniqueViolation:
            await self.finish_job(job, Status.ABORTED, delete_job=False)


async def _run_tasks(done: Callable[[], bool]) -> None:
    """One worker for short live work and one for syncs, so that an import never delays a push."""
    concurrency = config.load().autosync_concurrency
    loop = asyncio.get_running_loop()
    # Tasks are synchronous: each runs in a thread with a database connection of its own.
    loop.set_default_executor(ThreadPoolExecutor(concurrency + _LIVE_CONCURRENCY + 4))
    connector: Any = app.connector  # the Django one, which knows its worker counterpart
    worker_app = app.with_connector(connector.get_worker_connector())
    worker_app.job_manager = _JobManager(worker_app.connector)
    async with worker_app.open_async():
        workers = [
            asyncio.create_task(
                worker_app.run_worker_async(
                    queues=[queue],
                    name=queue,
                    concurrency=limit,
                    fetch_job_polling_interval=2.0,
                    update_heartbeat_interval=_HEARTBEAT_SECONDS,
                    stalled_worker_timeout=STALLED_AFTER_SECONDS,
                    shutdown_graceful_timeout=5.0,
                    install_signal_handlers=False,
                )
            )
            for queue, limit in ((LIVE, _LIVE_CONCURRENCY), (SYNC, concurrency))
        ]
        try:
            while not await asyncio.to_thread(done):
                finished, _ = await asyncio.wait(
                    workers, timeout=0.3, return_when=asyncio.FIRST_COMPLETED
                )
                for worker in finished:
                    worker.result()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


def apply_inbox(stop: threading.Event) -> None:
    """Apply deliveries as they arrive: woken by NOTIFY, and by the clock for retries."""
    processor = WebhookProcessor()
    while not stop.is_set():
        try:
            with psycopg.connect(conninfo(), autocommit=True) as listener:
                listener.execute(f"LISTEN {INBOX_CHANNEL}")
                while not stop.is_set():
                    close_old_connections()
                    processor.drain()
                    for _ in listener.notifies(timeout=_INBOX_POLL_SECONDS, stop_after=1):
                        pass
        except Exception as error:
            logger.warning("the inbox waits for the database: %s", error)
            connection.close()
            time.sleep(1)
