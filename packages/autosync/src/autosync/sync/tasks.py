"""The Procrastinate tasks and the schedule: thin, each names the class that does the work."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from functools import partial
from typing import Any

import procrastinate
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from autosync import config
from autosync.database import is_away
from autosync.github.errors import GitHubError, QuotaExhausted
from autosync.kinds._events import FollowUp
from autosync.mirror import partitions
from autosync.models import (
    Commit,
    GitHubAppInstallation,
    Issue,
    PullRequest,
    Repository,
    SyncJob,
    SyncJobRepository,
)
from autosync.sync import sick, watch
from autosync.sync.errors import Busy, PartsFailed, is_passing
from autosync.sync.locks import exclusive
from autosync.sync.refetch import in_doubt
from autosync.sync.sick import GitHubAway
from autosync.sync.stalled import retry_stalled

logger = logging.getLogger(__name__)

LIVE = "live"  # short follow-ups of deliveries
SYNC = "sync"  # imports and reconciles
SICK = "sick"  # those of repositories that fail: a share of the slots, so that others are on time


class ComeBack(procrastinate.BaseRetryStrategy):
    """Quota: at the reset. Busy: in 2 s. The database: in 5 s, for without it no task starts at
    all. GitHub down: 5 s doubling to 160 s with the attempts, whatever ended them. Else: no."""

    def get_retry_decision(
        self, *, exception: BaseException, job: procrastinate.jobs.Job
    ) -> procrastinate.RetryDecision | None:
        if isinstance(exception, QuotaExhausted):
            return procrastinate.RetryDecision(
                retry_at=max(exception.until, timezone.now()) + timedelta(seconds=1)
            )
        if isinstance(exception, Busy):
            return procrastinate.RetryDecision(retry_in={"seconds": 2})
        if is_away(exception):
            return procrastinate.RetryDecision(retry_in={"seconds": 5})
        if isinstance(exception, GitHubAway):
            # Soon after its return: many wait for it, and each asks only whether it is back.
            seconds = 5 * 2 ** min(job.attempts, 3)
            return procrastinate.RetryDecision(retry_in={"seconds": seconds})
        if isinstance(exception, (GitHubError, PartsFailed)):
            seconds = 5 * 2 ** min(job.attempts, 5)
            sick = job.task_name == sync_repository.name
            return procrastinate.RetryDecision(
                retry_in={"seconds": seconds}, queue=SICK if sick else None
            )
        return None


def defer(
    task: Any,
    queueing_lock: str,
    *,
    priority: int = 0,
    now: bool = False,
    queue: str | None = None,
    **arguments: Any,
) -> None:
    """Enqueue in the surrounding transaction unless the same is already waiting.

    With `now`, what waits for another attempt is attempted at once.
    """

    def enqueue() -> bool:
        try:
            with transaction.atomic():
                options = {"queueing_lock": queueing_lock, "priority": priority}
                if queue is not None:
                    options["queue"] = queue
                task.configure(**options).defer(**arguments)
        except AlreadyEnqueued:
            if now:
                _wait_no_longer(queueing_lock)
            return False
        return True

    if not enqueue() and connection.in_atomic_block:
        # The one that waits may start, and end, before what it is to see is committed.
        transaction.on_commit(enqueue)


def _wait_no_longer(queueing_lock: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() "
            "WHERE queueing_lock = %s AND status = 'todo' AND scheduled_at > now()",
            [queueing_lock],
        )


def hand_over(followup: FollowUp, *, now: bool = False) -> None:
    """Enqueue what an applied delivery asks for.

    `now`: GitHub has just spoken of it, so what waited for GitHub's return need not wait on.
    """
    enqueue = partial(defer, now=now)
    name, target = followup
    if name == "import_installation":
        enqueue(import_installation, f"import:{target}", priority=8, installation_id=target)
    elif name == "refresh_installation":
        enqueue(refresh_installation, f"refresh:{target}", priority=8, installation_id=target)
    elif name == "import_repository":
        enqueue(import_repository, f"unseen:{target}", priority=6, repository_id=target)
    elif name == "sync_git":
        enqueue(sync_git, f"git:{target}", priority=9, repository_id=target)
    elif name == "refetch":
        enqueue(refetch, "refetch", priority=7)
    else:
        raise ValueError(f"unknown follow-up {name}")


@app.task(queue=SYNC, retry=ComeBack())
def run_job(job_id: int) -> None:
    """Plan a sync job."""
    from autosync.sync.jobs import SyncJobRunner

    job = SyncJob.objects.filter(pk=job_id).first()
    if job is None:
        return
    try:
        SyncJobRunner().run(job)
    except Exception as error:
        if not is_passing(error):
            SyncJobRunner().fail(job_id, f"{type(error).__name__}: {error}")
        elif isinstance(error, GitHubError):
            # Should it be late before this passes, it is why.
            SyncJob.objects.filter(pk=job_id).update(error_message=str(error)[:2000])
        raise


@app.task(queue=SYNC, retry=ComeBack())
def sync_repository(repository_id: int) -> None:
    """Sync one repository for every job that waits for it."""
    from autosync.sync.jobs import SyncJobRunner

    SyncJobRunner().run_repository(repository_id)


@app.task(queue=LIVE, retry=ComeBack())
def import_installation(installation_id: int) -> None:
    """Start the automatic import of an installation."""
    from autosync.sync.jobs import SyncJobRunner

    SyncJobRunner.start_import(installation_id)


@app.task(queue=LIVE, retry=ComeBack())
def import_repository(repository_id: int) -> None:
    """Import a repository that a delivery spoke of before anybody listed it."""
    from autosync.sync.jobs import SyncJobRunner

    repository = Repository.visible().filter(pk=repository_id).first()
    if repository is not None:
        SyncJobRunner.start_for_webhook(repository.installation_id, [repository_id])


@app.task(queue=LIVE, retry=ComeBack())
def refresh_installation(installation_id: int) -> None:
    """Settle what an installation may see; import what is new, sync what is seen again."""
    from autosync.github import Priority
    from autosync.sync.jobs import SyncJobRunner
    from autosync.sync.reconcile import GitHubSyncManager

    installation = GitHubAppInstallation.objects.filter(pk=installation_id).first()
    if installation is None:
        SyncJobRunner.start_import(installation_id)
        return
    manager = GitHubSyncManager(installation, Priority.LIVE)
    if not manager.refresh_installation() or installation.is_suspended:
        return
    gained = manager.sync_repositories()
    fresh = (
        Repository.visible()
        .filter(installation=installation, auto_sync_enabled=True)
        .filter(Q(imported_at__isnull=True) | Q(pk__in=gained))
        .exclude(pk__in=_under_way())
    )
    ids = list(fresh.values_list("pk", flat=True))
    if ids:
        SyncJobRunner.start_for_webhook(installation_id, ids)


def _under_way() -> Any:
    return SyncJobRepository.objects.filter(
        status__in=(SyncJobRepository.Status.PENDING, SyncJobRepository.Status.RUNNING)
    ).values("repository_id")


@app.task(queue=LIVE, retry=ComeBack())
def sync_git(repository_id: int) -> None:
    """After a push: close the gap to git."""
    from autosync.github import Priority
    from autosync.sync.reconcile import GitHubSyncManager

    repository = (
        Repository.visible().filter(pk=repository_id).select_related("installation").first()
    )
    if repository is None or not repository.auto_sync_enabled:
        return
    if repository.failures:
        # It must not take the slots of live work: its own tries do this too.
        sick.heard_of([repository_id])
        return
    started = time.monotonic()
    try:
        GitHubSyncManager(repository.installation, Priority.LIVE).sync_git(repository)
    except Exception as error:
        if isinstance(error, Busy) or is_away(error) or not is_passing(error):
            raise
        if isinstance(error, (GitHubAway, QuotaExhausted)):
            raise
        if not sick.failed(repository_id, error, time.monotonic() - started):
            soon = timezone.now() + timedelta(seconds=5)
            Repository.objects.filter(pk=repository_id).update(retry_at=soon)


@app.task(queue=LIVE, retry=ComeBack())
def refetch() -> None:
    """Settle rows whose clocks could not decide."""
    from autosync.github import Priority
    from autosync.sync.reconcile import GitHubSyncManager

    ids: set[int] = set()
    for model in (Issue, PullRequest):
        ids |= set(
            model.live.filter(in_doubt())
            .values_list("repository__installation_id", flat=True)
            .distinct()
        )
    errors: list[GitHubError] = []
    for installation in GitHubAppInstallation.live.filter(pk__in=ids, suspended_at__isnull=True):
        try:
            GitHubSyncManager(installation, Priority.LIVE).settle()
        except GitHubError as error:
            errors.append(error)  # the others do not wait for it
    if errors:
        raise errors[0]


@app.task(queue=LIVE, retry=ComeBack())
def start_up() -> None:
    """After a start: point the hook here, find installations, import the new ones."""
    from autosync.sync import hook
    from autosync.sync.jobs import SyncJobRunner
    from autosync.sync.reconcile import GitHubSyncManager

    partitions.make_ahead()
    for line in hook.configure().missing:
        logger.warning("%s", line)
    watch.look_at_github()
    defer(recover, "recover", priority=9)
    for installation in GitHubSyncManager.discover():
        if installation.repositories_listed_at is None and not installation.is_suspended:
            SyncJobRunner.start_first_import(installation.pk)


@app.periodic(cron=f"*/{config.load().autosync_sync_interval} * * * *")
@app.task(queue=LIVE, queueing_lock="periodic_sync", pass_context=False)
def periodic_sync(timestamp: int) -> None:
    """AutoSync's own schedule, so that no crontab is needed."""
    from autosync.sync.jobs import SyncJobRunner

    SyncJobRunner.start_periodic()


@app.task(queue=LIVE, retry=ComeBack())
def recover() -> None:
    """Put into the inbox what GitHub's delivery log has and the inbox has not."""
    from autosync.sync.recover import read_delivery_log

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
    defer(recover, "recover", priority=9)


@app.periodic(cron="* * * * * */5")
@app.task(queue=LIVE, queueing_lock="sweep", pass_context=False)
def sweep(timestamp: int) -> None:
    """Pick up what a killed worker or a coalesced hand-over left lying."""
    from autosync.sync.audit import finish_abandoned
    from autosync.sync.jobs import SyncJobRunner

    retry_stalled()
    # The partial index makes this cheap: only commits without details are in it.
    waiting = Commit.objects.filter(
        detailed_at__isnull=True,
        observed_at__lt=timezone.now() - timedelta(seconds=20),
        repository__imported_at__isnull=False,
        repository__in=Repository.visible().filter(auto_sync_enabled=True, failures=0),
    )
    for repository_id in waiting.values_list("repository_id", flat=True).distinct()[:50]:
        hand_over(FollowUp("sync_git", repository_id))
    visible = Repository.visible()
    if any(
        m.live.filter(in_doubt(), repository__in=visible).exists() for m in (Issue, PullRequest)
    ):
        hand_over(FollowUp("refetch", 0))
    # In doubt, or out of GitHub's sight: the listing of the installation settles it.
    doubtful = visible.filter(dirty_at__isnull=False, installation__suspended_at__isnull=True)
    for installation_id in doubtful.values_list("installation_id", flat=True).distinct():
        hand_over(FollowUp("refresh_installation", installation_id))
    resume_jobs()
    SyncJobRunner().let_go()
    try_the_sick()
    finish_abandoned()
    due = _audits_due(Repository.objects.filter(pk__in=_under_way()).values("installation_id"))
    for installation_id in due.values_list("installation_id", flat=True).distinct():
        defer(
            audit_due,
            f"audit_due:{installation_id}",
            priority=-500,
            installation_id=installation_id,
        )


def try_the_sick() -> None:
    """Enqueue the next try of each repository that is due for one of its own."""
    for repository in sick.due():
        with transaction.atomic():
            Repository.objects.filter(pk=repository.pk).update(retry_at=None)
            defer(
                sync_repository,
                f"repository:{repository.pk}",
                priority=-repository.failures,
                queue=SICK,
                repository_id=repository.pk,
            )


def _audits_due(busy_installations: Any = ()) -> QuerySet[Repository]:
    """Repositories to audit now; one audit of many is cheaper than many, so not while some of the
    same installation are being imported or synced.
    """
    return (
        Repository.visible()
        .filter(
            audit_due_at__lte=timezone.now(),
            imported_at__isnull=False,
            failures=0,  # a sick one is audited when it is well again
            auto_sync_enabled=True,
            installation__suspended_at__isnull=True,
        )
        .exclude(installation__in=busy_installations)
    )


def resume_jobs() -> None:
    """Go on with open sync jobs that no task is at: a kill came between."""
    from autosync.sync.jobs import SyncJobRunner

    open_jobs = (SyncJob.Status.PENDING, SyncJob.Status.RUNNING)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT queueing_lock FROM procrastinate_jobs WHERE status IN ('todo', 'doing') "
            "AND queueing_lock IS NOT NULL"
        )
        under_way = {row[0] for row in cursor.fetchall()}
    # Its plan is committed installation by installation, and may name no repository at all.
    unplanned = SyncJob.objects.filter(status__in=open_jobs).exclude(
        details__contains={"planned": True}
    )
    for job_id in unplanned.values_list("pk", flat=True):
        if f"job:{job_id}" not in under_way:
            defer(run_job, f"job:{job_id}", priority=5, job_id=job_id)
    left = SyncJobRepository.objects.filter(
        job__status__in=open_jobs,
        status__in=(SyncJobRepository.Status.PENDING, SyncJobRepository.Status.RUNNING),
    )
    for repository_id in left.values_list("repository_id", flat=True).distinct():
        if f"repository:{repository_id}" not in under_way:
            failing = Repository.objects.filter(pk=repository_id, failures__gt=0).exists()
            defer(
                sync_repository,
                f"repository:{repository_id}",
                queue=SICK if failing else None,
                repository_id=repository_id,
            )
    through = SyncJob.objects.filter(status__in=open_jobs, details__contains={"planned": True})
    for job_id in through.exclude(repositories__in=left).values_list("pk", flat=True).distinct():
        if f"job:{job_id}" not in under_way:
            SyncJobRunner().finish(job_id)


@app.task(queue=SYNC, retry=ComeBack())
def audit_installation(installation_id: int) -> None:
    """Compare one installation's mirror with GitHub and repair what differs."""
    from autosync.sync.audit import Auditor

    installation = GitHubAppInstallation.live.filter(pk=installation_id).first()
    if installation is not None and not installation.is_suspended:
        Auditor(installation).run()


@app.task(queue=SYNC, retry=ComeBack())
def audit_due(installation_id: int) -> None:
    """Audit what was just imported, or was out of GitHub's reach for a while."""
    from autosync.sync.audit import Auditor

    with exclusive("audit_due", installation_id, wait=False):
        due = list(_audits_due().filter(installation=installation_id))
        try:
            if due:
                Auditor(due[0].installation, names=True).run(due)
        except Exception as error:
            if not isinstance(error, GitHubError) and not is_passing(error):
                # Else it would fail again every few seconds.
                later = timezone.now() + timedelta(minutes=10)
                Repository.objects.filter(pk__in=[one.pk for one in due]).update(audit_due_at=later)
            raise


@app.periodic(cron="37 2 * * *")
@app.task(queue=LIVE, queueing_lock="audit_all", pass_context=False)
def audit_all(timestamp: int) -> None:
    """Every night."""
    for installation in GitHubAppInstallation.live.filter(suspended_at__isnull=True):
        defer(
            audit_installation,
            f"audit:{installation.pk}",
            priority=-1000,
            installation_id=installation.pk,
        )


@app.periodic(cron="*/10 * * * *")
@app.task(queue=SYNC, queueing_lock="purge", pass_context=False)
def purge(timestamp: int) -> None:
    """Delete for good what was gone for longer than AUTOSYNC_PURGE_AFTER."""
    from autosync.sync.purge import purge_gone

    purge_gone()


@app.periodic(cron="29 * * * *")
@app.task(queue=SYNC, queueing_lock="keep_inbox", pass_context=False)
def keep_inbox(timestamp: int) -> None:
    """Make the inbox's coming days, drop those past AUTOSYNC_INBOX_RETENTION."""
    from autosync.sync import retention

    retention.keep_inbox()


@app.periodic(cron="17 3 * * *")
@app.task(queue=SYNC, queueing_lock="tidy", pass_context=False)
def tidy(timestamp: int) -> None:
    """Every night, less than a minute: what AutoSync wrote for itself and keeps no longer."""
    from autosync.sync import housekeeping

    if housekeeping.tidy().left:
        try:
            with transaction.atomic():
                again = tidy.configure(queueing_lock="tidy", schedule_in={"minutes": 10})
                again.defer(timestamp=timestamp)
        except AlreadyEnqueued:
            pass
