"""Jobs of workers that died or hang: given to another worker, and never run by two at once.

While a task runs, its database session holds an advisory lock on the job, and every other lock the
task takes. PostgreSQL frees them when the worker is killed. A worker that merely hangs (stopped,
swapped out) keeps them: whoever takes its job over ends that session first, so the task cannot
write any more when the worker comes round, and its verdict on the job is refused (`OWN`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.db import close_old_connections, connection

from autosync.killpoints import reached
from autosync.sync.locks import end_holders, exclusive

logger = logging.getLogger(__name__)

# A worker that has not been heard of for this long is dead; its jobs go to another.
STALLED_AFTER_SECONDS = 10
_PURPOSE = "task"

_STALLED = """
SELECT job.id, job.worker_id, job.attempts FROM procrastinate_jobs job
LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
WHERE job.status = 'doing' AND (worker.id IS NULL
      OR worker.last_heartbeat < now() - make_interval(secs => %s))
"""
# Only as it was seen: another worker may have been first. A twin that waits already leaves this
# one nothing to do.
_GIVE_BACK = """
UPDATE procrastinate_jobs job
SET status = CASE WHEN EXISTS (SELECT FROM procrastinate_jobs twin WHERE twin.status = 'todo'
                               AND twin.queueing_lock = job.queueing_lock)
                  THEN 'aborted' ELSE 'todo' END::procrastinate_job_status,
    attempts = attempts + 1,
    -- What its worker may have died of lets others go first. Ten seconds at most: attempts also
    -- count waits for another's lock, which are nobody's fault.
    scheduled_at = now() + make_interval(secs => least(power(2, least(attempts, 4)) - 2, 10)),
    abort_requested = false, worker_id = NULL
WHERE id = %s AND status = 'doing' AND worker_id IS NOT DISTINCT FROM %s AND attempts = %s
"""
# The job, if it is still the caller's: neither given to another nor taken again since.
OWN = """
WITH own AS (
    SELECT id FROM procrastinate_jobs WHERE id = %(job_id)s AND status = 'doing'
    AND worker_id = %(worker_id)s AND attempts = %(attempts)s FOR UPDATE
)
"""


def retry_stalled() -> int:
    """Give the jobs of workers that stopped beating to whoever is alive; returns how many."""
    count = 0
    with connection.cursor() as cursor:
        cursor.execute(_STALLED, [STALLED_AFTER_SECONDS])
        for job_id, worker_id, attempts in cursor.fetchall():
            end_holders(_PURPOSE, job_id)
            cursor.execute(_GIVE_BACK, [job_id, worker_id, attempts])
            if cursor.rowcount:
                logger.info("job %s lost its worker and starts again", job_id)
                count += 1
                reached("worker: stalled job given back, not started")
    return count


def alone(run: Callable[[], Any], context: Any, worker: Any) -> Any:
    """Procrastinate's middleware around each task: Busy if somebody still works on the job."""
    close_old_connections()  # the session of the task before may have been ended
    with exclusive(_PURPOSE, context.job.id, wait=False):
        result = run()
        reached("task: done, not recorded")
        return result
