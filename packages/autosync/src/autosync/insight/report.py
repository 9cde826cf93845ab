"""What a report on AutoSync's health holds: shapes alone, for the API, the pages and `doctor`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from autosync.insight.drift import DriftDay, Verdict


class Status(StrEnum):
    """How AutoSync is, worst last."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `code` names its kind and stays the same between versions."""

    code: str
    status: Status
    reason: str
    since: datetime | None
    """When it began, as far as that is known."""
    remedy: str
    """What to do; empty where only waiting helps and `reason` says so."""

    def __str__(self) -> str:
        since = f" (since {self.since:%Y-%m-%d %H:%M} UTC)" if self.since else ""
        return f"{self.reason.rstrip('.')}{since}. {self.remedy}".rstrip()


@dataclass(frozen=True, slots=True)
class System:
    """What is mirrored. Synced: imported once and not failing since; coverage in percent."""

    total_installations: int
    suspended_installations: int
    total_repositories: int
    synced_repositories: int
    failed_repositories: int
    sync_coverage: float


@dataclass(frozen=True, slots=True)
class JobSummary:
    """One sync job in a line; `installation_id` None means every installation."""

    id: int
    job_type: str
    status: str
    installation_id: int | None
    repositories_total: int
    repositories_processed: int
    errors_count: int
    error_message: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration_seconds: float | None


@dataclass(frozen=True, slots=True)
class Inbox:
    """Deliveries not applied yet. `oldest_age_seconds` None: the inbox is empty."""

    backlog: int
    oldest_age_seconds: float | None
    overdue_seconds: float
    """How long the most overdue attempt has been due; 0 when all wait for their retry."""
    parked: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Webhook received → row committed, in milliseconds, over the newest applied deliveries."""

    p50_ms: float | None
    p95_ms: float | None
    sample: int


@dataclass(frozen=True, slots=True)
class Workers:
    """Procrastinate workers with a fresh heartbeat."""

    alive: int
    last_heartbeat: datetime | None


@dataclass(frozen=True, slots=True)
class Quota:
    """One installation's rate limit for one API. All None: GitHub sets none (GHES)."""

    installation_id: int
    account: str
    resource: str
    limit: int | None
    remaining: int | None
    reset_at: datetime | None
    blocked_until: datetime | None
    blocked_reason: str


@dataclass(frozen=True, slots=True)
class KindPrice:
    """What the requests for one kind of object cost, of all installations, by days of UTC.

    A request for several kinds counts in equal parts. `app`: requests as the App itself, such as
    for tokens; `other`: those of no kind. Git costs no quota.
    """

    kind: str
    requests_today: float
    rest_points_today: float
    graphql_points_today: float
    requests_7d: float
    rest_points_7d: float
    graphql_points_7d: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A kind that AUTOSYNC_KINDS leaves out: rows of it are of before `since`."""

    kind: str
    why: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Proof:
    """How far the mirror is known to equal GitHub. `equal_since` is the oldest of the moments at
    which each repository was last found equal, or made so; None while one never was."""

    equal_repositories: int
    equal_since: datetime | None
    last_audit_at: datetime | None
    last_audit_points: int | None
    differed_30d: int
    repaired_30d: int
    delivery_log_read_at: datetime | None
    deliveries_recovered: int
    drift: list[DriftDay]
    """What audits found on each of the last 30 days, and what they cost."""
    differed: list[Verdict]
    """Repositories in which they found something, those that still differ first."""


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """A kind that gained columns with an upgrade: until it is read again in so many repositories,
    null means unknown in these columns of theirs."""

    resource: str
    repositories: int


@dataclass(frozen=True, slots=True)
class Health:
    """The whole report. Without a database everything but status and reasons is None or empty."""

    status: Status
    reasons: list[str]
    checked_at: datetime
    findings: list[Finding] = field(default_factory=list)
    """The same as `reasons`, taken apart."""
    system: System | None = None
    last_periodic_sync: JobSummary | None = None
    success_rate_24h: float | None = None
    inbox: Inbox | None = None
    webhook_to_row: Latency | None = None
    workers: Workers | None = None
    quota: list[Quota] = field(default_factory=list)
    quota_by_kind: list[KindPrice] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    proof: Proof | None = None
    read_again: list[ReadAgain] = field(default_factory=list)
    """What is being read again in the background; nothing is late because of it."""
    recent_jobs: list[JobSummary] = field(default_factory=list)
