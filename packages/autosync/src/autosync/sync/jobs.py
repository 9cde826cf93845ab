"""Sync jobs: start, plan, record and finish them."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from autosync import foreseen
from autosync.database import is_away
from autosync.github import GitHubError, InstallationSuspended, NotFound, Priority
from autosync.killpoints import reached
from autosync.mirror import feed
from autosync.mirror.doubt import audit_soon, list_soon
from autosync.mirror.models import (
    GitHubAppInstallation,
    Repository,
    ResourceCursor,
    SyncJob,
    SyncJobRepository,
)
from autosync.sync import accounts, hook, sick
from autosync.sync.errors import Busy, is_passing, log_failure
from autosync.sync.locks import exclusive, transaction_lock
from autosync.sync.plan import TO_DO, note, plan, wanted
from autosync.sync.queue import REFRESH_INSTALLATION, RUN_JOB, SYNC_REPOSITORY, defer, running
from autosync.sync.reconcile import GitHubSyncManager

logger = logging.getLogger(__name__)
_OPEN = (SyncJob.Status.PENDING, SyncJob.Status.RUNNING)
# An event asks for a look that is still to come: what is under way may have looked already.
_NOT_BEGUN = (SyncJob.Status.PENDING,)


def under_way() -> QuerySet[SyncJobRepository, Any]:
    """The repositories that a job waits for, as a subquery of their ids."""
    return SyncJobRepository.objects.filter(status__in=TO_DO).values("repository_id")


class SyncJobRunner:
    """Runs and records sync jobs. A job is planned once, then its repositories go in parallel."""

    @classmethod
    def start_periodic(
        cls, *, installation_id: int | None = None, force: bool = False
    ) -> tuple[SyncJob, bool]:
        """Start a periodic sync of one or all installations, or join the one under way."""
        return cls._start(SyncJob.JobType.PERIODIC_SYNC, installation_id, None, force=force)

    @classmethod
    def start_import(cls, installation_id: int) -> tuple[SyncJob, bool]:
        """Start the automatic import of an installation, or join the one about to start."""
        return cls._start(SyncJob.JobType.AUTO_IMPORT, installation_id, None, joined=_NOT_BEGUN)

    @classmethod
    def start_first_import(cls, installation_id: int) -> tuple[SyncJob, bool]:
        """Start the import of an installation never listed, or join the one under way."""
        return cls._start(SyncJob.JobType.AUTO_IMPORT, installation_id, None)

    @classmethod
    def start_manual(cls, repository: Repository) -> SyncJob:
        """Start a sync of one repository, asked for by a person; forced, never skipped."""
        job, _ = cls._start(
            SyncJob.JobType.MANUAL_SYNC, repository.installation_id, [repository.pk], force=True
        )
        return job

    @classmethod
    def start_for_webhook(cls, installation_id: int, repository_ids: Sequence[int]) -> SyncJob:
        """Start a sync of repositories that a delivery spoke of."""
        job, _ = cls._start(
            SyncJob.JobType.WEBHOOK_TRIGGERED,
            installation_id,
            list(repository_ids),
            joined=_NOT_BEGUN,
        )
        return job

    @classmethod
    def _start(
        cls,
        job_type: SyncJob.JobType,
        installation_id: int | None,
        repository_ids: list[int] | None,
        *,
        force: bool = False,
        joined: Sequence[SyncJob.Status] = _OPEN,
    ) -> tuple[SyncJob, bool]:
        """The job is committed together with the task that runs it; one like it that is in a
        state of `joined` does as well.
        """
        with transaction.atomic():
            transaction_lock(f"start {job_type}", installation_id or 0)
            open_jobs = SyncJob.objects.filter(job_type=job_type, status__in=joined)
            if installation_id is not None:
                open_jobs = open_jobs.filter(
                    Q(installation_id=installation_id) | Q(installation__isnull=True)
                )
            # One that is late and has nothing left to begin is not joined: the period goes on
            # without what holds it up.
            late = sick.overdue().exclude(repositories__status=SyncJobRepository.Status.PENDING)
            for job in open_jobs.exclude(pk__in=late.values("pk")).order_by("-id"):
                if job.details.get("repositories") == repository_ids:
                    return job, False
            job = SyncJob.objects.create(
                job_type=job_type,
                installation_id=installation_id,
                details={"force": force, "repositories": repository_ids},
            )
            defer(RUN_JOB, job.pk)
        return job, True

    def attempt(self, job_id: int) -> None:
        """Run the job and raise what goes wrong; unless that passes, the job has failed."""
        job = SyncJob.objects.filter(pk=job_id).first()
        if job is None:
            return
        try:
            self.run(job)
        except Exception as error:
            if not is_passing(error):
                self.fail(job_id, f"{type(error).__name__}: {error}")
            elif isinstance(error, GitHubError):
                # Should it be late before this passes, it is why.
                SyncJob.objects.filter(pk=job_id).update(error_message=str(error)[:2000])
            raise

    def run(self, job: SyncJob) -> None:
        """Plan the job: refresh installations, list repositories, hand each to a worker.

        Safe to run again after a kill: what is planned stays planned. Errors that pass
        (`is_passing`) are raised, for the caller to come back later.
        """
        if job.is_finished:
            return
        SyncJob.objects.filter(pk=job.pk).update(
            status=SyncJob.Status.RUNNING, started_at=job.started_at or timezone.now()
        )
        job.refresh_from_db()
        named = job.details.get("repositories")
        note(job, {"unchanged": 0, "skipped": 0})
        if named is not None:
            self._plan_named(job, named)
            self._planned(job, [])
            reached("job: planned")
            self.finish(job.pk)
            return
        errors: list[str] = []
        for installation in self._installations(job):
            try:
                self._plan_installation(job, installation)
            except InstallationSuspended:
                logger.info("%s is suspended: nothing to sync", installation)
            except Exception as error:
                if isinstance(error, Busy) or is_away(error):
                    raise
                if is_passing(error):
                    logger.warning("no list of the repositories of %s: %s", installation, error)
                else:
                    log_failure(logger, error, "no list of the repositories of %s", installation)
                errors.append(f"{installation}: {error}")
                self._plan_without_list(job, installation, error)
        self._planned(job, errors)
        self.finish(job.pk)

    def _installations(self, job: SyncJob) -> list[GitHubAppInstallation]:
        if job.installation_id is not None:
            installation, _ = GitHubAppInstallation.objects.get_or_create(
                pk=job.installation_id, defaults={"observed_at": timezone.now()}
            )
            if not GitHubSyncManager(installation).refresh_installation():
                return []
            return [] if installation.is_suspended else [installation]
        return [i for i in GitHubSyncManager.discover() if not i.is_suspended]

    def _plan_installation(self, job: SyncJob, installation: GitHubAppInstallation) -> None:
        manager = GitHubSyncManager(installation, Priority.RECONCILE)
        manager.sync_repositories()
        hook.record_webhook_state(installation)
        reached("job: listed, not planned")
        # Those imported before as well: GitHub sent nothing about them while the App was
        # suspended or not installed, and where nothing happened the look costs next to nothing.
        targets = Repository.visible().filter(installation=installation, auto_sync_enabled=True)
        if job.job_type == SyncJob.JobType.AUTO_IMPORT:
            audit_soon(targets.filter(imported_at__isnull=False).values_list("pk", flat=True))
        plan(job, list(targets), manager)
        GitHubAppInstallation.objects.filter(pk=installation.pk).update(sync_error=manager.not_read)
        accounts.sync_soon(installation)

    def _plan_without_list(
        self, job: SyncJob, installation: GitHubAppInstallation, error: Exception
    ) -> None:
        """An installation whose list fails holds up neither others nor its own repositories."""
        GitHubAppInstallation.objects.filter(pk=installation.pk).update(sync_error=str(error))
        targets = Repository.visible().filter(installation=installation, auto_sync_enabled=True)
        if is_passing(error):
            plan(job, list(targets))
            defer(REFRESH_INSTALLATION, installation.pk)

    def _plan_named(self, job: SyncJob, ids: Sequence[int]) -> None:
        rows = Repository.objects.filter(pk__in=ids).select_related("installation")
        ordered = rows.order_by("installation_id", "pk")
        for _, group in groupby(ordered, key=lambda one: one.installation_id):
            repositories = list(group)
            try:
                manager = GitHubSyncManager(repositories[0].installation, Priority.RECONCILE)
                plan(job, repositories, manager)
            except Exception as error:
                if isinstance(error, Busy) or is_away(error):
                    raise
                # Each repository's own sync says what is wrong.
                logger.warning("no news of %s: %s", repositories[0].installation, error)
                plan(job, repositories)

    def end_overdue(self) -> None:
        """Let late periodic syncs end without what waits for quota or for GitHub's return.

        What is being worked on, or has not had its turn, goes on.
        """
        doing = running(SYNC_REPOSITORY)
        for job in sick.overdue():
            waiting = job.repositories.filter(status=SyncJobRepository.Status.RUNNING)
            waiting.exclude(error="").exclude(repository__in=doing).update(
                status=SyncJobRepository.Status.FAILED, completed_at=timezone.now()
            )
            if job.repositories.exists():
                self.finish(job.pk)
            elif job.error_message:
                self.fail(job.pk, job.error_message)

    def run_repository(self, repository_id: int, read: Collection[str] = ()) -> None:
        """Sync one repository for every job that waits for it; Busy if somebody is at it.

        Of the kinds that were `read` just now nothing is asked.
        """
        with exclusive("repository", repository_id, wait=False):
            waiting = SyncJobRepository.objects.filter(
                repository_id=repository_id, status__in=TO_DO
            )
            jobs = list(SyncJob.objects.filter(repositories__in=waiting))
            waiting.filter(status=SyncJobRepository.Status.PENDING).update(
                status=SyncJobRepository.Status.RUNNING, started_at=timezone.now()
            )
            rows, error = 0, ""
            started = time.monotonic()
            try:
                rows = self._sync(repository_id, jobs, read)
                sick.recovered(repository_id)
            except InstallationSuspended:
                error = "the installation is suspended"
            except Exception as failure:
                if isinstance(failure, Busy) or is_away(failure):
                    raise
                error = f"{type(failure).__name__}: {failure}"
                if not sick.failed(repository_id, failure, time.monotonic() - started):
                    # Should the job not wait for the next try, this is why.
                    waiting.update(error=error[:2000])
                    raise
                if isinstance(failure, NotFound):
                    list_soon([repository_id])
                if foreseen.explain(failure) is None:  # others are in the log by now, as a line
                    logger.exception("sync of repository %s failed", repository_id)
            reached("job: repository synced, not recorded")
            self.repository_done(repository_id, rows, error, [j.pk for j in jobs])

    def _sync(self, repository_id: int, jobs: Sequence[SyncJob], read: Collection[str]) -> int:
        repository = (
            Repository.visible().filter(pk=repository_id).select_related("installation").first()
        )
        if repository is None or not repository.auto_sync_enabled:
            return 0
        backfill = repository.imported_at is None
        manual = any(j.job_type == SyncJob.JobType.MANUAL_SYNC for j in jobs)
        priority = Priority.BACKFILL if backfill else Priority.RECONCILE
        manager = GitHubSyncManager(repository.installation, Priority.LIVE if manual else priority)
        job_id = jobs[0].pk if jobs else None
        return manager.sync_repository(
            repository,
            moved=wanted(repository_id, jobs),
            progress=lambda: feed.progress([repository_id], job_id),
            read=read,
        )

    def repository_done(
        self, repository_id: int, rows: int, error: str, job_ids: Sequence[int]
    ) -> None:
        """Record the outcome for every waiting job and finish those that are through."""
        status = SyncJobRepository.Status.FAILED if error else SyncJobRepository.Status.COMPLETED
        with transaction.atomic():
            if error:
                Repository.objects.filter(pk=repository_id).update(
                    sync_state=Repository.SyncState.FAILED, sync_error=error[:2000]
                )
                ResourceCursor.objects.filter(
                    repository_id=repository_id, state=ResourceCursor.State.RUNNING
                ).update(error=error[:2000])
            SyncJobRepository.objects.filter(
                repository_id=repository_id, job_id__in=job_ids, status__in=TO_DO
            ).update(status=status, rows=rows, error=error[:2000], completed_at=timezone.now())
            # With the last repository, in one order: killed in between, the job would stay open
            # for ever, and every later one would join it.
            for job_id in sorted(job_ids):
                self.finish(job_id)
                reached("job: repository recorded, not committed")

    def finish(self, job_id: int) -> None:
        """Bring the job's counters in step; close it when no repository is left to do."""
        with transaction.atomic():
            job = SyncJob.objects.select_for_update().get(pk=job_id)
            if job.is_finished:
                return
            count = job.repositories.aggregate(
                total=Count("pk"),
                left=Count("pk", filter=Q(status__in=TO_DO)),
                failed=Count("pk", filter=Q(status=SyncJobRepository.Status.FAILED)),
                rows=Sum("rows"),
            )
            listing_errors = job.details.get("listing_errors", [])
            # Those looked at without a row of their own count as well.
            others = job.details.get("unchanged", 0) + job.details.get("skipped", 0)
            job.repositories_total = count["total"] + others
            job.repositories_processed = job.repositories_total - count["left"]
            job.errors_count = count["failed"] + len(listing_errors)
            job.details |= {"rows": count["rows"] or 0}
            if not count["left"] and job.details.get("planned"):
                self._close(job, job.repositories_total - count["failed"], listing_errors)
            job.save()
            feed.progress([], job.pk)

    def _close(self, job: SyncJob, succeeded: int, listing_errors: Sequence[str]) -> None:
        job.completed_at = timezone.now()
        failed = job.repositories.filter(status=SyncJobRepository.Status.FAILED)
        errors = [
            *listing_errors,
            *(f"{name}: {e}" for name, e in failed.values_list("repository__full_name", "error")),
        ]
        job.error_message = "\n".join(errors[:20])
        if not errors:
            job.status = SyncJob.Status.COMPLETED
        elif succeeded:
            job.status = SyncJob.Status.COMPLETED_WITH_ERRORS
        else:
            job.status = SyncJob.Status.FAILED

    def _planned(self, job: SyncJob, listing_errors: Sequence[str]) -> None:
        """Only from now on may the last repository close the job."""
        errors = {"listing_errors": list(listing_errors)} if listing_errors else {}
        note(job, {"planned": True, **errors})

    def fail(self, job_id: int, error: str) -> None:
        """Close a job that could not even be planned."""
        SyncJob.objects.filter(pk=job_id, status__in=_OPEN).update(
            status=SyncJob.Status.FAILED,
            error_message=error[:2000],
            errors_count=1,
            completed_at=timezone.now(),
        )
