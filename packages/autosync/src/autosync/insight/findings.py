"""What is wrong: each finding says what, since when, and what to do about it.

Healthy means that changes at GitHub arrive and that the mirror is whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Q
from django.utils import timezone

from autosync import config
from autosync.insight import ailing
from autosync.insight.jobs import JobStats
from autosync.insight.report import Finding, Health, Status
from autosync.mirror.models import (
    Audit,
    Condition,
    Delivery,
    GitHubAppInstallation,
    Repository,
    ResourceCursor,
    SyncJob,
    SyncJobRepository,
)
from autosync.sync.hook import not_granted
from autosync.sync.watch import MACHINE_FORGOTTEN_AFTER

# Applying takes milliseconds: work due for this long means that nobody does it, or too slowly.
BACKLOG_DEGRADED_AFTER = timedelta(minutes=1)
BACKLOG_UNHEALTHY_AFTER = timedelta(minutes=10)
# A success rate says something only over a few jobs.
MIN_JOBS_FOR_RATE = 3
DEGRADED_SUCCESS_RATE = 90.0
UNHEALTHY_SUCCESS_RATE = 50.0
LOW_QUOTA = 0.05
# A repository that appears is imported in seconds: only what waits longer is worth a word.
IMPORT_BEGINS_WITHIN = timedelta(minutes=10)
# How many deliveries have to come from GitHub's log, for how long, and none by webhook, before that
# is said.
RECOVERED_IN_A_ROW = 3
RECOVERED_FOR = timedelta(minutes=4)  # the log is read every two minutes
_NAMED = 3  # repositories named in one line


def look(seen: Health, day: JobStats, now: datetime) -> list[Finding]:
    """Everything that is wrong now, worst first."""
    found = [
        *_workers(seen),
        *_inbox(seen, now),
        *_conditions(now),
        *_installations(seen),
        *_webhooks(),
        *_imports(seen, now),
        *_jobs(seen, day, now),
        *_repositories(seen),
        *ailing.findings(),
        *_quota(seen),
        *_proof(),
    ]
    return sorted(found, key=lambda finding: finding.status is not Status.UNHEALTHY)


def _workers(seen: Health) -> Iterator[Finding]:
    assert seen.inbox is not None
    assert seen.workers is not None
    if seen.workers.alive:
        return
    waiting = seen.inbox.overdue_seconds > BACKLOG_DEGRADED_AFTER.total_seconds()
    yield Finding(
        "no_worker",
        Status.UNHEALTHY if waiting else Status.DEGRADED,
        "No worker is running: nothing is applied, imported or synced",
        seen.workers.last_heartbeat,
        "Start `autosync serve` or `autosync worker`.",
    )


def _inbox(seen: Health, now: datetime) -> Iterator[Finding]:
    assert seen.inbox is not None
    overdue = timedelta(seconds=seen.inbox.overdue_seconds)
    if overdue > BACKLOG_DEGRADED_AFTER:
        late = overdue > BACKLOG_UNHEALTHY_AFTER
        yield Finding(
            "inbox_late",
            Status.UNHEALTHY if late else Status.DEGRADED,
            f"{seen.inbox.backlog} deliveries wait in the inbox, "
            f"overdue by {overdue.total_seconds():.0f} s",
            now - overdue,
            "Check the worker's log; start another worker if this one is busy.",
        )
    if seen.inbox.parked:
        parked = Delivery.objects.filter(status=Delivery.Status.PARKED)
        yield Finding(
            "parked",
            Status.DEGRADED,
            f"{seen.inbox.parked} parked deliveries could not be applied",
            parked.aggregate(since=Min("received_at"))["since"],
            "See `autosync deliveries list --status parked`, then replay them.",
        )


def _conditions(now: datetime) -> Iterator[Finding]:
    """What workers found at GitHub and on their own machines."""
    of_a_machine = ~Q(subject="")
    silent = of_a_machine & Q(checked_at__lt=now - MACHINE_FORGOTTEN_AFTER)
    for one in Condition.objects.exclude(silent).order_by("since"):
        yield Finding(one.name, Status.DEGRADED, one.message, one.since, one.remedy)


def _installations(seen: Health) -> Iterator[Finding]:
    """Nothing arrives from where the App is suspended, not installed, or may not read."""
    assert seen.system is not None
    if not seen.system.total_installations:
        yield Finding(
            "not_installed",
            Status.DEGRADED,
            "The App is not installed anywhere: there is nothing to mirror",
            None,
            "Install it on an organisation or account from its page on GitHub; the import then "
            "starts automatically.",
        )
    for installation in GitHubAppInstallation.live.order_by("account_login"):
        if installation.suspended_at is not None:
            yield Finding(
                "suspended",
                Status.DEGRADED,
                f"The installation on {installation} is suspended: GitHub sends nothing about "
                "its repositories, so their mirror is getting old",
                installation.suspended_at,
                "Its owner can unsuspend it in the account's settings under GitHub Apps.",
            )
            continue
        if installation.sync_error:
            yield Finding(
                "listing_failed",
                Status.DEGRADED,
                f"The repositories of {installation} could not be listed: "
                f"{_line(installation.sync_error)}",
                None,
                "It is tried again with the next periodic sync.",
            )
        refused = not_granted(installation.permissions) if installation.permissions else []
        if refused:
            yield Finding(
                "permission",
                Status.DEGRADED,
                f"The installation on {installation} does not grant read access to "
                f"{', '.join(refused)}",
                None,
                "Give the App the permission on its page; the account's owner must then accept it "
                "under GitHub Apps.",
            )


def _webhooks() -> Iterator[Finding]:
    """Deliveries come from GitHub's log alone: webhooks go elsewhere or nowhere."""
    if config.load().pulls_events or Condition.objects.filter(name="attempts").exists():
        return  # GitHub's own word on its attempts says more
    by_source = Delivery.objects.values_list("source").annotate(last=Max("received_at")).order_by()
    newest = dict(by_source)
    last_webhook = newest.get(Delivery.Source.WEBHOOK)
    late = Delivery.objects.filter(source=Delivery.Source.DELIVERY_LOG)
    if last_webhook is not None:
        late = late.filter(received_at__gt=last_webhook)
    read_back = late.aggregate(
        count=Count("pk"), since=Min("received_at"), until=Max("received_at")
    )
    # What an outage left behind is read at once, and may be read after the first webhook again.
    if read_back["count"] < RECOVERED_IN_A_ROW or (
        read_back["until"] - read_back["since"] < RECOVERED_FOR
    ):
        return
    came = "since then" if last_webhook is not None else "ever"
    yield Finding(
        "no_webhooks",
        Status.DEGRADED,
        f"No webhook has arrived {came}: {read_back['count']} deliveries were read from GitHub's "
        "log instead, minutes late",
        last_webhook or read_back["since"],
        "Check that the App's webhook is active and that its URL reaches this AutoSync "
        "(`autosync doctor`).",
    )


def _imports(seen: Health, now: datetime) -> Iterator[Finding]:
    """The mirror is not whole yet: the first import is under way, or was never made."""
    missing = (
        Repository.visible()
        .filter(
            imported_at__isnull=True,
            auto_sync_enabled=True,
            installation__suspended_at__isnull=True,
        )
        .exclude(pk__in=ailing.wholly_refused())
    )
    count = missing.exclude(sync_state=Repository.SyncState.FAILED).count()
    assert seen.system is not None
    if not count:
        return
    total = seen.system.total_repositories
    unfinished = (SyncJob.Status.PENDING, SyncJob.Status.RUNNING)
    under_way = SyncJob.objects.filter(
        job_type=SyncJob.JobType.AUTO_IMPORT, status__in=unfinished
    ).aggregate(since=Min("created_at"))["since"]
    if under_way is not None:
        yield Finding(
            "importing",
            Status.DEGRADED,
            f"The first import is under way: {total - count} of {total} repositories are complete",
            under_way,
            "Nothing to do: it continues automatically, also after a restart.",
        )
        return
    at_work = SyncJobRepository.objects.filter(job__status__in=unfinished)
    waiting = missing.filter(observed_at__lt=now - IMPORT_BEGINS_WITHIN).exclude(
        pk__in=at_work.values("repository_id")
    )
    left = waiting.aggregate(count=Count("pk"), since=Min("observed_at"))
    if left["count"]:
        yield Finding(
            "not_imported",
            Status.DEGRADED,
            f"{left['count']} of {total} repositories were never imported, and no job is "
            "importing them",
            left["since"],
            "Run `autosync sync`.",
        )


def _jobs(seen: Health, day: JobStats, now: datetime) -> Iterator[Finding]:
    finished = day.total_jobs - day.unfinished
    rate = seen.success_rate_24h
    if rate is not None and finished >= MIN_JOBS_FOR_RATE and rate < DEGRADED_SUCCESS_RATE:
        yield Finding(
            "jobs_fail",
            # One sick repository marks every job with an error, and the others are on time.
            Status.UNHEALTHY
            if 100 * (finished - day.failed) < UNHEALTHY_SUCCESS_RATE * finished
            else Status.DEGRADED,
            f"Only {rate:g} % of the {finished} sync jobs of the last 24 h succeeded",
            None,
            "See `GET /api/sync/jobs/?status=failed` or the page Jobs for their errors.",
        )
    last = seen.last_periodic_sync
    if last is None:
        return
    if last.status in (SyncJob.Status.FAILED, SyncJob.Status.COMPLETED_WITH_ERRORS):
        yield Finding(
            "last_sync_failed",
            Status.DEGRADED,
            f"The last periodic sync (job {last.id}) had {last.errors_count} errors"
            + (f": {_line(last.error_message)}" if last.error_message else ""),
            last.completed_at,
            "The next one tries again.",
        )
    # Three turns may be lost to a long run or a restart; more means that the schedule stands still.
    minutes = config.load().autosync_sync_interval
    age = now - (last.completed_at or last.created_at)
    if age <= timedelta(minutes=3 * minutes + 1):
        return
    how = "ended" if last.completed_at else "began, without an end,"
    if last.completed_at is None:
        moved = ResourceCursor.objects.aggregate(last=Max("touched_at"))["last"]
        if moved is not None and now - moved < timedelta(minutes=minutes):
            return
    yield Finding(
        "schedule",
        Status.DEGRADED,
        f"The last periodic sync {how} {age.total_seconds() / 60:.0f} min ago; "
        f"one is due every {minutes} min",
        last.completed_at or last.created_at,
        "Check the worker's log.",
    )


def _repositories(seen: Health) -> Iterator[Finding]:
    """Failed for another reason than one that is tried again apart from the others."""
    assert seen.system is not None
    failed = Repository.visible().filter(
        sync_state=Repository.SyncState.FAILED, failing_since__isnull=True
    )
    count = failed.count()
    named = list(failed.order_by("full_name").values_list("full_name", "sync_error")[:_NAMED])
    if not named:
        return
    causes = "; ".join(f"{name}: {_line(error)}" for name, error in named)
    more = count - len(named)
    yield Finding(
        "repositories_failed",
        Status.DEGRADED,
        f"{count} of {seen.system.total_repositories} repositories failed their last sync: {causes}"
        + (f"; and {more} more" if more > 0 else ""),
        None,
        "Each is tried again automatically.",
    )


def _proof() -> Iterator[Finding]:
    """Of each installation's last audit: what differed and stayed so, or why it ended early."""
    newest = Audit.objects.filter(finished_at__isnull=False, installation__deleted_at__isnull=True)
    for audit in newest.order_by("installation", "-started_at").distinct("installation"):
        if audit.found > audit.repaired:
            yield Finding(
                "differs",
                Status.DEGRADED,
                f"{audit.found - audit.repaired} objects differ from GitHub, as the last audit "
                "found",
                audit.started_at,
                "Run `autosync audit --deep`.",
            )
        elif audit.error:
            yield Finding(
                "audit_failed",
                Status.DEGRADED,
                f"The last audit ended early: {_line(audit.error)}",
                audit.started_at,
                "The next one runs tonight, or now with `autosync audit`.",
            )


def _quota(seen: Health) -> Iterator[Finding]:
    for quota in seen.quota:
        whose = quota.account or ("the App itself" if not quota.installation_id else "")
        if quota.blocked_until:
            yield Finding(
                "paused",
                Status.DEGRADED,
                f"GitHub asked {whose or quota.installation_id} to pause ({quota.resource}) until "
                f"{quota.blocked_until:%H:%M:%S} UTC: {_line(quota.blocked_reason) or 'limit'}",
                None,
                "Work continues automatically after that.",
            )
        elif (
            quota.limit
            and quota.remaining is not None
            and (quota.remaining < LOW_QUOTA * quota.limit)
        ):
            reset = f" It is reset at {quota.reset_at:%H:%M:%S} UTC." if quota.reset_at else ""
            yield Finding(
                "quota_low",
                Status.DEGRADED,
                f"Quota of {whose or quota.installation_id} ({quota.resource}): "
                f"{quota.remaining} of {quota.limit} left",
                None,
                f"Live work goes first, the rest waits.{reset}",
            )


def database_is_away(why: str, remedy: str) -> Finding:
    """The finding where nothing else can be looked at."""
    return Finding("database", Status.UNHEALTHY, why, timezone.now(), remedy)


def _line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]
