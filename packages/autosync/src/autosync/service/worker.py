"""The worker process (`python -m autosync.service.worker`)."""

from __future__ import annotations

import logging
import time

from autosync.fitness import check
from autosync.service import child, lifeline
from autosync.service.migration import missing

logger = logging.getLogger("autosync.worker")

_LOOK_EVERY = 2.0  # seconds


def main() -> int:
    """Work until SIGTERM; what is under way is finished or given back."""
    with child.importing():
        child.set_up_django("autosync.worker_settings")
        from autosync import connect  # noqa: PLC0415 (Django is not set up)
        from autosync.insight import sql_views  # noqa: PLC0415 (Django is not set up)
        from autosync.sync import choice, worker  # noqa: PLC0415 (Django is not set up)

    connect.credentials()
    lifeline.ready()
    check()
    _wait_for_migrations()
    if choice.settle():
        sql_views.bring_up_to_date()
    return worker.run(lifeline.beat)


def _wait_for_migrations() -> None:
    """Somebody else migrates: `autosync serve` elsewhere, or a person beside `runserver`."""
    said = False
    while left := missing():
        if not said:
            logger.warning("%d migrations are not applied yet; the worker is waiting", len(left))
            said = True
        lifeline.beat()
        time.sleep(_LOOK_EVERY)


if __name__ == "__main__":
    child.run(main)
