"""Is AutoSync healthy: one report for the API, the dashboard and `autosync doctor`."""

from __future__ import annotations

import statistics
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import Error, ProgrammingError, connection
from django.db.models import Count, Max, Min, Q, Sum
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateWorker

from autosync.errors import AutoSyncError
from autosync.insight import again, jobs, kept
from autosync.insight.drift import DAYS, by_day, by_repository
from autosync.insight.findings import database_is_away, look
from autosync.insight.report import (
    Health,
    Inbox,
    JobSummary,
    Latency,
    Proof,
    Quota,
    Status,
    System,
    Workers,
)
from autosync.mirror.models import (
    Audit,
    Delivery,
    DeliveryLog,
    GitHubAppInstallation,
    QuotaBudget,
    Repository,
    SyncJob,
)

# Procrastinate's workers write a heartbeat every 10 s and are called stalled after 30 s.
WORKER_SILENT_AFTER = timedelta(seconds=30)
LATENCY_SAMPLE = 1000


def report() -> Health:
    """Look at everything now. Never raises because of the database: that is a finding too."""
    now = timezone.now()
    try:
        return _look(now)
    except ProgrammingError as error:
        finding = database_is_away(
            f"The database is not set up ({_first_line(error)})", "Run `autosync migrate`."
        )
    except (Error, AutoSyncError) as error:
        finding = database_is_away(
            f"The database does not answer: {_first_line(error)}",
            "Start it, or correct DATABASE_URL (`autosync doctor`).",
        )
    # Whatever state the connection is in, the next report starts with a fresh one.
    if not connection.in_atomic_block:
        connection.close()
    return Health(Status.UNHEALTHY, [str(finding)], now, [finding])


def summary(job: SyncJob) -> JobSummary:
    """The job in a line."""
    return JobSummary(
        id=job.pk,
        job_type=job.job_type,
        status=job.status,
        installation_id=job.installation_id,
        repositories_total=job.repositories_total,
        repositories_processed=job.repositories_processed,
        errors_count=job.errors_count,
        error_message=job.error_message,
        created_at=job.created_at,
        started_at=job.started_at,
        completed_at=job.completed_at,
        duration_seconds=job.duration_seconds,
    )


def _look(now: datetime) -> Health:
    periodic = SyncJob.objects.filter(job_type=SyncJob.JobType.PERIODIC_SYNC)
    last = jobs.newest(periodic).first()
    day = jobs.stats(SyncJob.objects.filter(completed_at__gte=now - timedelta(days=1)))
    parts = Health(
        status=Status.HEALTHY,
        reasons=[],
        checked_at=now,
        system=_system(),
        last_periodic_sync=summary(last) if last else None,
        success_rate_24h=day.success_rate,
        inbox=_inbox(now),
        webhook_to_row=_latency(),
        workers=_workers(now),
        quota=_quota(now),
        quota_by_kind=kept.prices(now),
        left_out=kept.kinds_left_out(),
        proof=_proof(now),
        read_again=again.everywhere(),
        recent_jobs=[summary(job) for job in jobs.newest()[:10]],
    )
    findings = look(parts, day, now)
    worst = Status.HEALTHY
    if findings:
        bad = any(finding.status is Status.UNHEALTHY for finding in findings)
        worst = Status.UNHEALTHY if bad else Status.DEGRADED
    reasons = [str(finding) for finding in findings]
    return replace(parts, status=worst, reasons=reasons, findings=findings)


def _system() -> System:
    installations = GitHubAppInstallation.live.aggregate(
        total=Count("pk"), suspended=Count("pk", filter=Q(suspended_at__isnull=False))
    )
    failed = Q(sync_state=Repository.SyncState.FAILED)
    repositories = Repository.visible().aggregate(
        total=Count("pk"),
        synced=Count("pk", filter=Q(imported_at__isnull=False) & ~failed),
        failed=Count("pk", filter=failed),
    )
    total = repositories["total"]
    return System(
        total_installations=installations["total"],
        suspended_installations=installations["suspended"],
        total_repositories=total,
        synced_repositories=repositories["synced"],
        failed_repositories=repositories["failed"],
        # Nothing to mirror is not "everything mirrored": whoever waits for 100 % waits on.
        sync_coverage=round(100 * repositories["synced"] / total, 1) if total else 0.0,
    )


def _inbox(now: datetime) -> Inbox:
    waiting = Delivery.objects.filter(status=Delivery.Status.PENDING).aggregate(
        backlog=Count("pk"), oldest=Min("received_at"), due=Min("next_attempt_at")
    )
    parked = Delivery.objects.filter(status=Delivery.Status.PARKED).count()
    oldest, due = waiting["oldest"], waiting["due"]
    return Inbox(
        backlog=waiting["backlog"],
        oldest_age_seconds=_age(now, oldest) if oldest else None,
        overdue_seconds=round(max((now - due).total_seconds(), 0), 3) if due else 0,
        parked=parked,
    )


def _latency() -> Latency:
    # What came from GitHub's delivery log was late before it reached the inbox.
    applied = Delivery.objects.filter(
        status=Delivery.Status.APPLIED, source=Delivery.Source.WEBHOOK, finished_at__isnull=False
    ).order_by("-finished_at")
    times = [
        (finished - received).total_seconds() * 1000
        for received, finished in applied.values_list("received_at", "finished_at")[:LATENCY_SAMPLE]
        if finished is not None
    ]
    if not times:
        return Latency(None, None, 0)
    if len(times) == 1:
        return Latency(round(times[0], 1), round(times[0], 1), 1)
    cuts = statistics.quantiles(times, n=20, method="inclusive")
    return Latency(round(cuts[9], 1), round(cuts[18], 1), len(times))


def _workers(now: datetime) -> Workers:
    found = ProcrastinateWorker.objects.aggregate(
        alive=Count("pk", filter=Q(last_heartbeat__gte=now - WORKER_SILENT_AFTER)),
        last=Max("last_heartbeat"),
    )
    return Workers(found["alive"], found["last"])


def _quota(now: datetime) -> list[Quota]:
    accounts = dict(GitHubAppInstallation.live.values_list("pk", "account_login"))
    budgets = QuotaBudget.objects.filter(installation_id__in=[0, *accounts])
    return [
        Quota(
            installation_id=budget.installation_id,
            account=accounts.get(budget.installation_id, ""),
            resource=budget.resource,
            limit=budget.limit,
            # After the reset GitHub fills the budget up without telling us.
            remaining=budget.limit
            if budget.reset_at and budget.reset_at <= now
            else budget.remaining,
            reset_at=budget.reset_at,
            blocked_until=budget.blocked_until
            if budget.blocked_until and budget.blocked_until > now
            else None,
            blocked_reason=budget.blocked_reason
            if budget.blocked_until and budget.blocked_until > now
            else "",
        )
        for budget in budgets.order_by("installation_id", "resource")
    ]


def _proof(now: datetime) -> Proof:
    repositories = Repository.visible().aggregate(
        total=Count("pk"), equal=Count("equal_at"), since=Min("equal_at")
    )
    done = Audit.objects.filter(finished_at__isnull=False, error="")
    last = done.order_by("-started_at").first()
    month = Audit.objects.filter(started_at__gte=now - timedelta(days=30)).aggregate(
        found=Sum("found"), repaired=Sum("repaired")
    )
    log = DeliveryLog.objects.filter(pk=1).first()
    whole = repositories["total"] == repositories["equal"]
    return Proof(
        equal_repositories=repositories["equal"],
        equal_since=repositories["since"] if whole else None,
        last_audit_at=last.finished_at if last else None,
        last_audit_points=last.points if last else None,
        differed_30d=month["found"] or 0,
        repaired_30d=month["repaired"] or 0,
        delivery_log_read_at=log.read_at if log else None,
        deliveries_recovered=log.recovered if log else 0,
        drift=by_day(),
        differed=by_repository(now - timedelta(days=DAYS)),
    )


def _first_line(error: Exception) -> str:
    return _line(str(error)) or type(error).__name__


def _line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]


def _age(now: datetime, then: datetime) -> float:
    """Seconds; what came while the report was being made is 0 s old."""
    return max(0.0, round((now - then).total_seconds(), 3))
