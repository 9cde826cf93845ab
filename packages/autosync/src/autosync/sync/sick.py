"""One sick repository never holds up another: whose failure it is, and when it is tried again.

Within a job a repository has `ATTEMPTS` tries, fewer if they take long. Then the job records it as
failed and goes on, and the repository has tries of its own, with growing pauses, in a queue of its
own. What fails while GitHub answers nobody counts against no repository.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from autosync import config
from autosync.github import GitHubError, InstallationClient, QuotaExhausted, Unavailable
from autosync.mirror.doubt import audit_soon
from autosync.mirror.models import QuotaBudget, Repository, SyncJob
from autosync.sync.errors import is_of_machine, is_passing

logger = logging.getLogger(__name__)

ATTEMPTS = 3
# No more tries within a job once the first failure is this long ago.
LONG = timedelta(seconds=45)
_QUICK = 20.0  # nor if one try takes this long
# Pauses between a sick repository's own tries: 1, 2, 4 … 60 minutes.
_FIRST, _LONGEST = timedelta(minutes=1), timedelta(minutes=60)
# Where most repositories fail, it is none of them: something of GitHub that they share is down.
_FEW = 3
# GitHub is asked no more often than this whether it answers, by each worker.
_ASKED_FOR = 5.0
# An answer to anybody this long ago says that it does.
_FRESH = timedelta(seconds=2)


class GitHubAway(Unavailable):
    """GitHub answers nobody at all; not this repository's fault."""

    advice = "The work continues when GitHub answers again."


@dataclass
class _Answered:
    """What this worker knows of GitHub as a whole."""

    at: float = -_ASKED_FOR
    answers: bool = True


_known = _Answered()
_guard = threading.Lock()


def github_answers(client: InstallationClient) -> bool:
    """Whether GitHub answers at all; asked with what costs no quota.

    https://docs.github.com/rest/rate-limit/rate-limit#get-rate-limit-status-for-the-authenticated-user
    """
    seen = QuotaBudget.objects.filter(observed_at__gte=timezone.now() - _FRESH)
    if seen.exists():
        return True
    with _guard:
        if time.monotonic() - _known.at >= _ASKED_FOR:
            try:
                client.get("/rate_limit")
                _known.answers = True
            except Unavailable:
                _known.answers = False
            except GitHubError:
                _known.answers = True
            _known.at = time.monotonic()
        return _known.answers


def overdue() -> QuerySet[SyncJob]:
    """Periodic syncs still open when the next one is due: what waits is no longer waited for."""
    interval = timedelta(minutes=config.load().autosync_sync_interval)
    return SyncJob.objects.filter(
        job_type=SyncJob.JobType.PERIODIC_SYNC,
        status__in=(SyncJob.Status.PENDING, SyncJob.Status.RUNNING),
        created_at__lt=timezone.now() - interval,
    )


def failed(repository_id: int, error: BaseException, seconds: float) -> bool:
    """Count a failed try that took `seconds`; whether it was the last one within its job.

    Its next try is then its own, at `retry_at`.
    """
    if isinstance(error, (GitHubAway, QuotaExhausted)):
        return False
    if is_of_machine(error):
        return True  # the next job tries again
    rows = Repository.objects.filter(pk=repository_id)
    rows.update(failures=F("failures") + 1, failing_since=Coalesce("failing_since", Now()))
    row = rows.first()
    if row is None:
        return True
    now = timezone.now()
    quick = seconds < _QUICK and now - (row.failing_since or now) < LONG
    if row.failures < ATTEMPTS and quick and is_passing(error):
        return False
    # No more tries in this job, and none in the next one's line: it is known to be sick.
    failures = max(row.failures, ATTEMPTS)
    pause = min(pause_after(failures), _FIRST) if _most_fail() else pause_after(failures)
    rows.update(failures=failures, retry_at=now + pause)
    logger.warning("%s failed and is retried in %d s: %s", row, pause.total_seconds(), error)
    return True


def pause_after(failures: int) -> timedelta:
    """How long a repository that failed so often in a row is left alone."""
    times: int = 2 ** min(max(failures - ATTEMPTS, 0), 10)
    return min(_FIRST * times, _LONGEST)


def recovered(repository_id: int) -> None:
    """A whole sync went well."""
    rows = Repository.objects.filter(pk=repository_id)
    if rows.filter(failures__gte=ATTEMPTS).exists():
        audit_soon([repository_id])  # audits left it out meanwhile
    rows.exclude(failures=0, failing_since=None, retry_at=None).update(
        failures=0, failing_since=None, retry_at=None
    )


def is_sick(repository: Repository) -> bool:
    """Whether it is known to fail: it is then worked on apart from the others."""
    return repository.failures >= ATTEMPTS


def waits(repository: Repository, now: datetime) -> bool:
    """Whether it is sick, and left alone until its own next try."""
    return is_sick(repository) and repository.retry_at is not None and repository.retry_at > now


def to_retry() -> QuerySet[Repository]:
    """Repositories whose own next try is due."""
    return Repository.visible().filter(
        Q(installation__suspended_at__isnull=True),
        retry_at__lte=timezone.now(),
        auto_sync_enabled=True,
    )


def retry_soon(repository_ids: Collection[int]) -> None:
    """GitHub spoke of these: a sick one need not wait on, unless it was tried within a minute."""
    if not repository_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE repositories SET retry_at = now() WHERE retry_at > now() + interval '1 minute' "
            "AND retry_at - least(power(2, failures - %s), 60) * interval '1 minute' "
            "< now() - interval '1 minute' AND github_id = ANY(%s)",
            [ATTEMPTS, sorted(repository_ids)],
        )


def _most_fail() -> bool:
    rows = Repository.visible().filter(auto_sync_enabled=True)
    failing = rows.filter(failures__gt=0).count()
    return failing > _FEW and 2 * failing > rows.count()
