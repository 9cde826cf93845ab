"""The Procrastinate tasks and the schedule: each names the function or class that does the work.

A task keeps its name: what waits in a database when AutoSync is upgraded is called by it.
"""

from __future__ import annotations

from procrastinate.contrib.django import app

from autosync import config
from autosync.sync import (
    accounts,
    again,
    ahead,
    followups,
    housekeeping,
    many,
    retention,
    startup,
    watch,
)
from autosync.sync.audit import schedule
from autosync.sync.jobs import SyncJobRunner
from autosync.sync.purge import erase_deleted, purge_gone
from autosync.sync.queue import LIVE, RECOVER, SYNC, defer, defer_again
from autosync.sync.recover import read_delivery_log
from autosync.sync.retry import RetryLater
from autosync.sync.sweep import pick_up_what_was_left


@app.task(queue=SYNC, retry=RetryLater())
def run_job(job_id: int) -> None:
    """Plan a sync job."""
    SyncJobRunner().attempt(job_id)


@app.task(queue=SYNC, retry=RetryLater())
def sync_repository(repository_id: int) -> None:
    """Sync one repository for every job that waits for it."""
    SyncJobRunner().run_repository(repository_id)


@app.task(queue=SYNC, retry=RetryLater())
def sync_many(repository_ids: list[int]) -> None:
    """Import many repositories: what is small of them in common queries."""
    many.sync_many(repository_ids)


@app.task(queue=LIVE, retry=RetryLater())
def import_installation(installation_id: int) -> None:
    """Start the automatic import of an installation."""
    SyncJobRunner.start_import(installation_id)


@app.task(queue=LIVE, retry=RetryLater())
def import_repository(repository_id: int) -> None:
    """Import a repository that a delivery spoke of before anybody listed it."""
    followups.import_repository(repository_id)


@app.task(queue=LIVE, retry=RetryLater())
def refresh_installation(installation_id: int) -> None:
    """Settle what an installation may see; import what is new, sync what is seen again."""
    followups.refresh_installation(installation_id)


@app.task(queue=LIVE, retry=RetryLater())
def sync_git(repository_id: int) -> None:
    """After a push: close the gap to git."""
    followups.sync_git(repository_id)


@app.task(queue=LIVE, retry=RetryLater())
def sync_pull_git(repository_id: int) -> None:
    """After a pull request was opened or moved: ask git what it brings."""
    followups.sync_pull_git(repository_id)


@app.task(queue=LIVE, retry=RetryLater())
def refetch() -> None:
    """Settle rows whose clocks could not decide."""
    followups.settle_doubts()


@app.task(queue=LIVE, retry=RetryLater())
def start_up() -> None:
    """After a start: point the hook here, find installations, import the new ones."""
    startup.begin()


@app.periodic(cron=f"*/{config.load().autosync_sync_interval} * * * *")
@app.task(queue=LIVE, queueing_lock="periodic_sync", pass_context=False)
def periodic_sync(timestamp: int) -> None:
    """AutoSync's own schedule, so that no crontab is needed."""
    SyncJobRunner.start_periodic()


@app.task(queue=LIVE, retry=RetryLater())
def recover() -> None:
    """Put into the inbox what GitHub's delivery log has and the inbox has not."""
    read_delivery_log()


@app.periodic(cron="*/5 * * * *")
@app.task(queue=LIVE, queueing_lock="watch", pass_context=False)
def look_at_github(timestamp: int) -> None:
    """Does GitHub answer, accept the App, and know where its webhooks go? Two or three requests."""
    watch.look_at_github()


@app.periodic(cron="* * * * * */5" if config.load().pulls_events else "*/2 * * * *")
@app.task(queue=LIVE, queueing_lock="recover_soon", pass_context=False)
def recover_soon(timestamp: int) -> None:
    """Deliveries that never arrived, every two minutes; all of them, where no webhook can."""
    defer(RECOVER)


@app.periodic(cron="* * * * * */5")
@app.task(queue=LIVE, queueing_lock="sweep", pass_context=False)
def sweep(timestamp: int) -> None:
    """Pick up what a killed worker or a coalesced hand-over left lying."""
    pick_up_what_was_left()


@app.task(queue=LIVE, retry=RetryLater())
def sync_account(account_id: int) -> None:
    """Read what belongs to an organisation itself."""
    accounts.sync_account(account_id)


@app.task(queue=LIVE, retry=RetryLater())
def read_ahead(installation_id: int) -> None:
    """Read what no event brings, a minute after events spoke of its parents."""
    ahead.read_ahead(installation_id)


@app.task(queue=SYNC, retry=RetryLater())
def audit_installation(installation_id: int) -> None:
    """Compare one installation's mirror with GitHub and repair what differs."""
    schedule.audit_installation(installation_id)


@app.task(queue=SYNC, retry=RetryLater())
def audit_due(installation_id: int) -> None:
    """Audit what was just imported, or was out of GitHub's reach for a while."""
    schedule.audit_due(installation_id)


@app.task(queue=SYNC, retry=RetryLater())
def read_again(installation_id: int) -> None:
    """Read kinds again that gained columns, for a few seconds."""
    again.read_again(installation_id)


@app.periodic(cron="37 2 * * *")
@app.task(queue=LIVE, queueing_lock="audit_all", pass_context=False)
def audit_all(timestamp: int) -> None:
    """Every night."""
    schedule.enqueue_all()


@app.periodic(cron="*/10 * * * *")
@app.task(queue=SYNC, queueing_lock="purge", pass_context=False)
def purge(timestamp: int) -> None:
    """Erase what was deleted longer ago than AUTOSYNC_KEEP_DELETED; delete for good what was gone
    for longer than AUTOSYNC_PURGE_AFTER.
    """
    erase_deleted()
    purge_gone()


@app.periodic(cron="29 * * * *")
@app.task(queue=SYNC, queueing_lock="keep_inbox", pass_context=False)
def keep_inbox(timestamp: int) -> None:
    """Make the inbox's coming days, drop those past AUTOSYNC_INBOX_RETENTION."""
    retention.keep_inbox()


@app.periodic(cron="17 3 * * *")
@app.task(queue=SYNC, queueing_lock="tidy", pass_context=False)
def tidy(timestamp: int) -> None:
    """Every night, less than a minute: what AutoSync wrote for itself and keeps no longer."""
    if housekeeping.tidy().left:
        defer_again("tidy", minutes=10, timestamp=timestamp)
