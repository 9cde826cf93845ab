"""Hands work over to the workers by the names of tasks: which queue, which lock, how urgent.

Nothing here imports a task, so whatever does the work may hand over more of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from autosync.kinds._events import FollowUp
from autosync.mirror.prepared import prepared

LIVE = "live"  # short follow-ups of deliveries
SYNC = "sync"  # imports and reconciles
SICK = "sick"  # those of repositories that fail: a share of the slots, so that others are on time

# Queued tasks survive an upgrade: their names in the database stay what they are.
_TASKS = "autosync.sync.tasks"


@dataclass(frozen=True)
class Work:
    """A task as those who hand it over know it. The same work waits in the queue only once.

    `target` names its argument, an id; work without one concerns everything.
    """

    task: str
    lock: str
    queue: str
    priority: int = 0
    target: str = ""

    @property
    def name(self) -> str:
        """The task's name in the database."""
        return f"{_TASKS}.{self.task}"

    def lock_for(self, target_id: int | None = None) -> str:
        """The queueing lock: of what carries the same, one waits."""
        return f"{self.lock}:{target_id}" if self.target else self.lock


START_UP = Work("start_up", "start_up", LIVE, 10)
SYNC_GIT = Work("sync_git", "git", LIVE, 9, "repository_id")
SYNC_PULL_GIT = Work("sync_pull_git", "pull_git", LIVE, 4, "repository_id")
RECOVER = Work("recover", "recover", LIVE, 9)
IMPORT_INSTALLATION = Work("import_installation", "import", LIVE, 8, "installation_id")
REFRESH_INSTALLATION = Work("refresh_installation", "refresh", LIVE, 8, "installation_id")
REFETCH = Work("refetch", "refetch", LIVE, 7)
IMPORT_REPOSITORY = Work("import_repository", "unseen", LIVE, 6, "repository_id")
RUN_JOB = Work("run_job", "job", SYNC, 5, "job_id")
SYNC_REPOSITORY = Work("sync_repository", "repository", SYNC, 0, "repository_id")
# Its targets are several, so nothing but their own tasks tells whether they wait.
SYNC_MANY = Work("sync_many", "many", SYNC)
# Its lists are few and short, and people wait for what changed in them.
SYNC_ACCOUNT = Work("sync_account", "account", LIVE, 5, "account_id")
READ_AHEAD = Work("read_ahead", "ahead", LIVE, 3, "installation_id")
AUDIT_DUE = Work("audit_due", "audit_due", SYNC, -500, "installation_id")
AUDIT_INSTALLATION = Work("audit_installation", "audit", SYNC, -1000, "installation_id")
READ_AGAIN = Work("read_again", "again", SYNC, -2000, "installation_id")
WORK = (
    *(START_UP, SYNC_GIT, RECOVER, IMPORT_INSTALLATION, REFRESH_INSTALLATION, REFETCH),
    *(IMPORT_REPOSITORY, RUN_JOB, SYNC_REPOSITORY, SYNC_ACCOUNT, SYNC_PULL_GIT),
    *(READ_AHEAD, AUDIT_DUE, AUDIT_INSTALLATION, READ_AGAIN),
)

# What an applied delivery asks for.
FOLLOW_UPS: Mapping[str, Work] = {
    work.task: work
    for work in (
        *(IMPORT_INSTALLATION, REFRESH_INSTALLATION, IMPORT_REPOSITORY, SYNC_GIT, REFETCH),
        *(SYNC_ACCOUNT, SYNC_PULL_GIT),
    )
}


def defer(
    work: Work,
    target_id: int | None = None,
    *,
    priority: int | None = None,
    queue: str | None = None,
    now: bool = False,
) -> None:
    """Enqueue in the surrounding transaction unless the same is already waiting.

    With `now`, what waits for another attempt is attempted at once.
    """
    lock = work.lock_for(target_id)
    arguments = {work.target: target_id} if work.target else {}
    task = app.configure_task(
        work.name,
        allow_unknown=False,
        queueing_lock=lock,
        priority=work.priority if priority is None else priority,
        queue=queue or work.queue,
    )

    def enqueue() -> bool:
        # Mostly it waits: to ask costs a fraction of an error and what must be undone for it.
        if lock in (waits := _waiting([lock])):
            if now and waits[lock]:
                _wait_no_longer(lock)
            return False
        try:
            with transaction.atomic():
                task.defer(**arguments)
        except AlreadyEnqueued:
            if now:
                _wait_no_longer(lock)
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


def hand_over(followups: Iterable[FollowUp], *, now: bool = False) -> None:
    """Enqueue what applied deliveries ask for. Of what waits already nothing is tried.

    `now`: GitHub has just spoken of it, so what waited for GitHub's return need not wait on.
    """
    asked = {FOLLOW_UPS[one.task].lock_for(one.target_id): one for one in sorted(followups)}
    waiting = _waiting(asked)
    for lock, one in asked.items():
        if lock not in waiting:
            defer(FOLLOW_UPS[one.task], one.target_id, now=now)
        elif now and waiting[lock]:
            _wait_no_longer(lock)

    def those_that_began() -> None:
        # What waited may have started, and ended, before what it is to see was committed.
        still = _waiting(waiting)
        for lock in waiting:
            if lock not in still:
                defer(FOLLOW_UPS[asked[lock].task], asked[lock].target_id, now=now)

    if waiting and connection.in_atomic_block:
        transaction.on_commit(those_that_began)


def _waiting(locks: Iterable[str]) -> dict[str, bool]:
    """Those of them that wait, and whether for a time to come."""
    wanted = list(locks)
    if not wanted:
        return {}
    with prepared() as cursor:
        cursor.execute(
            "SELECT queueing_lock, coalesce(scheduled_at > now(), false) "
            "FROM procrastinate_jobs WHERE queueing_lock = ANY (%s) AND status = 'todo'",
            [wanted],
        )
        return dict(cursor.fetchall())


def defer_again(work: str, *, minutes: int, **arguments: Any) -> None:
    """Have a periodic task, whose queueing lock is its name, go on in so many minutes."""
    try:
        with transaction.atomic():
            app.configure_task(
                f"{_TASKS}.{work}",
                allow_unknown=False,
                queueing_lock=work,
                schedule_in={"minutes": minutes},
            ).defer(**arguments)
    except AlreadyEnqueued:
        pass


def waiting_or_running() -> set[str]:
    """The queueing locks of all tasks that wait or run."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT queueing_lock FROM procrastinate_jobs WHERE status IN ('todo', 'doing') "
            "AND queueing_lock IS NOT NULL"
        )
        return {row[0] for row in cursor.fetchall()}


def defer_many(repository_ids: Sequence[int], *, priority: int) -> None:
    """Enqueue the import of these repositories together, in the surrounding transaction."""
    app.configure_task(
        SYNC_MANY.name, allow_unknown=False, priority=priority, queue=SYNC_MANY.queue
    ).defer(repository_ids=list(repository_ids))


def imported_together() -> set[int]:
    """The repositories of such tasks that wait or run."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT jsonb_array_elements_text(args->'repository_ids')::bigint "
            "FROM procrastinate_jobs WHERE task_name = %s AND status IN ('todo', 'doing')",
            [SYNC_MANY.name],
        )
        return {row[0] for row in cursor.fetchall()}


def running(work: Work) -> list[int]:
    """The targets of the tasks that do this work now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT queueing_lock FROM procrastinate_jobs WHERE status = 'doing' "
            "AND queueing_lock LIKE %s",
            [f"{work.lock}:%"],
        )
        return [int(row[0].partition(":")[2]) for row in cursor.fetchall()]
