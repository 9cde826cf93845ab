"""When a task that failed is tried again."""

from __future__ import annotations

from datetime import timedelta

import procrastinate
from django.utils import timezone

from autosync.database import is_away
from autosync.github.errors import GitHubError, QuotaExhausted
from autosync.sync.errors import Busy, PartsFailed
from autosync.sync.queue import SICK, SYNC_REPOSITORY
from autosync.sync.sick import GitHubAway


class RetryLater(procrastinate.BaseRetryStrategy):
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
            sick = job.task_name == SYNC_REPOSITORY.name
            return procrastinate.RetryDecision(
                retry_in={"seconds": seconds}, queue=SICK if sick else None
            )
        return None
