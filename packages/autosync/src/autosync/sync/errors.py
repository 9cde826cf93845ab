"""What can go wrong in the engine itself."""

from __future__ import annotations

import logging

from autosync import foreseen
from autosync.database import is_away
from autosync.errors import AutoSyncError, ConfigurationError
from autosync.github.errors import QuotaExhausted, Unavailable


class Busy(AutoSyncError):
    """Somebody else is at this repository right now; the job comes back in a moment."""


class UnknownRepository(AutoSyncError):
    """No such repository in the mirror, or it is no longer accessible."""


class PartsFailed(AutoSyncError):
    """Some parts of a repository's sync failed; the others are done."""

    def __init__(self, failures: dict[str, Exception]) -> None:
        self.failures = failures
        # What several parts say is said once, such as that the one git they read does not answer.
        names: dict[str, list[str]] = {}
        for name, one in failures.items():
            names.setdefault(str(one), []).append(name)
        super().__init__("; ".join(f"{', '.join(who)}: {said}" for said, who in names.items()))


def log_failure(logger: logging.Logger, error: Exception, message: str, *about: object) -> None:
    """One line for a failure that was foreseen; a traceback is for defects."""
    if explained := foreseen.explain(error):
        logger.error(f"{message}: %s", *about, explained)
    else:
        logger.error(message, *about, exc_info=error)


def is_of_machine(error: BaseException) -> bool:
    """Whether it is this machine that lacks something, such as git, and nothing else is wrong."""
    if isinstance(error, PartsFailed):
        return all(is_of_machine(one) for one in error.failures.values())
    return isinstance(error, ConfigurationError)


def is_passing(error: BaseException) -> bool:
    """Whether the same work is simply done again later; every other error is recorded."""
    if isinstance(error, PartsFailed):
        return any(is_passing(one) for one in error.failures.values())
    return isinstance(error, (QuotaExhausted, Unavailable, Busy)) or is_away(error)
