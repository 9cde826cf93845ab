"""`manage.py sync_github`: one periodic or manual sync, done here or handed to the workers."""

from __future__ import annotations

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from autosync import connect
from autosync.errors import AutoSyncError
from autosync.mirror.models import GitHubAppInstallation, Repository, SyncJob
from autosync.storable import BIGGEST_ID
from autosync.sync import SyncJobRunner, worker


class Command(BaseCommand):
    help = (
        "Bring the mirror up to date with GitHub. Does the work itself if no worker is running; "
        "otherwise hands it over and shows its progress. Exit code 1 if anything failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--installation", type=int, metavar="ID", help="only this installation (GitHub's id)"
        )
        parser.add_argument(
            "--repository", metavar="ID|OWNER/NAME", help="only this repository; never skipped"
        )
        parser.add_argument(
            "--force",
            action="store_true",
            help="do not skip recently synced repositories, read every list again",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            connect.credentials()
            if options["repository"]:
                job = SyncJobRunner.start_manual(_repository(options["repository"]))
            else:
                installation = options["installation"]
                if installation is not None:
                    _check_installation(installation)
                job, created = SyncJobRunner.start_periodic(
                    installation_id=installation, force=options["force"]
                )
                if not created:
                    self.stderr.write(f"Job {job.pk} is already under way; showing its progress.")
            if worker.is_running():
                self._follow(job)
            else:
                with self._progress(job) as refresh:
                    worker.run_until(lambda: refresh().is_finished)
        except AutoSyncError as error:
            raise CommandError(str(error)) from None
        self._report(SyncJob.objects.get(pk=job.pk))
        wanted = options["installation"]
        # Only now: the sync itself learns of installations that nobody told us of.
        if wanted is not None and not GitHubAppInstallation.live.filter(pk=wanted).exists():
            raise CommandError(_unknown(wanted))

    def _follow(self, job: SyncJob) -> None:
        with self._progress(job) as refresh:
            while not refresh().is_finished:
                time.sleep(0.3)

    def _progress(self, job: SyncJob) -> _Watch:
        return _Watch(job, Console(file=sys.stderr))

    def _report(self, job: SyncJob) -> None:
        seconds = job.duration_seconds or 0.0
        words = {"unchanged": "unchanged", "skipped": "synced recently, skipped"}
        counts = [f"{n} {words[name]}" for name in words if (n := job.details.get(name, 0))]
        others = f" ({', '.join(counts)})" if counts else ""
        self.stdout.write(
            f"{job.get_status_display()}: {job.repositories_processed} repositories{others}, "
            f"{job.details.get('rows', 0)} rows changed, {job.errors_count} errors, "
            f"{seconds:.1f} s."
        )
        if job.status != SyncJob.Status.COMPLETED:
            raise CommandError(job.error_message or "The sync failed. See the job's page.")


class _Watch:
    """A progress bar on a terminal, a line now and then elsewhere."""

    def __init__(self, job: SyncJob, console: Console) -> None:
        self._job_id = job.pk
        self._bar = Progress(
            TextColumn("syncing"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("repositories"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("sync", total=None)

    def __enter__(self) -> _Watch:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self) -> SyncJob:
        job = SyncJob.objects.get(pk=self._job_id)
        self._bar.update(
            self._task, total=job.repositories_total or None, completed=job.repositories_processed
        )
        return job


def _repository(text: str) -> Repository:
    rows = Repository.visible().select_related("installation")
    found = (rows.filter(pk=int(text)) if text.isdigit() else rows.filter(full_name=text)).first()
    if found is None:
        raise CommandError(
            f"The mirror has no repository {text}. Give GitHub's id, or OWNER/NAME as the "
            "dashboard shows it. A new repository appears after a sync of its installation."
        )
    if found.installation.is_suspended:
        raise CommandError(f"The installation on {found.installation} is suspended on GitHub.")
    return found


def _unknown(installation_id: int) -> str:
    return (
        f"GitHub knows no installation {installation_id} of this App. Its id is in the address of "
        "the installation's settings page on GitHub, and in /api/installations/."
    )


def _check_installation(installation_id: int) -> None:
    if not 0 < installation_id <= BIGGEST_ID:
        raise CommandError(_unknown(installation_id))
    row = GitHubAppInstallation.live.filter(pk=installation_id).first()
    if row is not None and row.is_suspended:
        since = timezone.localtime(row.suspended_at)
        raise CommandError(
            f"The installation on {row} has been suspended on GitHub since {since:%F %T}."
        )
