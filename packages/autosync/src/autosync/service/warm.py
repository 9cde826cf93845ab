"""What a worker and a web process import, done once, by the supervisor that forks them.

Nothing here may start a thread or open a connection: a fork would share it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from autosync.service import child

_SETTINGS = "DJANGO_SETTINGS_MODULE"


@dataclass(frozen=True)
class Warm:
    """What each child does; its imports are done."""

    worker: Callable[[], int]
    web: Callable[[], int]


def up() -> Warm:
    """Import it all. Django is set up as for the web process, whose part is the larger one."""
    own_choice = _SETTINGS in os.environ
    with child.importing():
        child.set_up_django()
        # What these import is the larger part, though it is each child that uses them.
        from autosync import connect, receiver, urls  # noqa: F401, PLC0415 (Django is not set up)
        from autosync.insight import sql_views  # noqa: F401, PLC0415 (Django is not set up)
        from autosync.service import web, worker  # noqa: PLC0415 (start-up time)
        from autosync.sync import choice  # noqa: F401, PLC0415 (Django is not set up)
        from autosync.sync import worker as engine  # noqa: F401, PLC0415 (Django is not set up)
        from autosync.web import headers, proxy, turnstile  # noqa: F401, PLC0415 (Django is not set up)
    if not own_choice:
        del os.environ[_SETTINGS]  # a child that is started again chooses its own
    return Warm(worker.main, web.main)
