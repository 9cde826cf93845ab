"""What every child process does around its work: lifeline, readable errors, exit codes, reload."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from autosync import foreseen, redact
from autosync.errors import AutoSyncError
from autosync.service import lifeline

UNFIT = 78  # EX_CONFIG: starting again would fail the same way
CHANGED = 3  # the code changed on disk; start the new one at once
RELOAD_VARIABLE = "AUTOSYNC_RELOAD"
_LOOK_EVERY = 1.0  # seconds

_changed = threading.Event()


def run(work: Callable[[], int]) -> NoReturn:
    """Do `work` until it returns its exit code or SIGTERM ends it; never returns.

    A foreseen error is one line and exit code UNFIT.
    """
    lifeline.hold()
    redact.in_tracebacks()
    if os.environ.get(RELOAD_VARIABLE):
        threading.Thread(target=_watch_code, name="reload", daemon=True).start()
    try:
        code = work()
    except AutoSyncError as error:
        sys.stderr.write(redact.redact(f"error: {error}\n"))
        code = UNFIT
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        line = foreseen.explain(error)
        if line is None:
            raise
        sys.stderr.write(redact.redact(f"error: {line}\n"))
        code = 1  # such as a database that is away: starting again may help
    if _changed.is_set():
        code = CHANGED
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that serve requests or hold sockets must not keep the process.
    os._exit(code)


@contextmanager
def importing() -> Iterator[None]:
    """Around the large imports: what they make stays, so nobody looks for garbage among it, now or
    later. Saves a tenth of a start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def set_up_django(settings: str = "autosync.settings") -> None:
    """Load Django in this process, with the settings named, unless it is there."""
    import django  # noqa: PLC0415 (start-up time)
    from django.apps import apps  # noqa: PLC0415 (start-up time)

    if not apps.ready:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings)
        django.setup()


def _watch_code() -> None:
    """End the process when a module it has loaded changes on disk."""
    from django.utils.autoreload import iter_all_python_module_files  # noqa: PLC0415 (start-up time)

    seen: dict[str, float] = {}
    while True:
        for path in iter_all_python_module_files():
            try:
                modified = path.stat().st_mtime
            except OSError:
                continue
            if seen.setdefault(str(path), modified) != modified:
                sys.stderr.write(f"{path} changed, reloading.\n")
                _changed.set()
                os.kill(os.getpid(), signal.SIGTERM)
                return
        time.sleep(_LOOK_EVERY)
