"""The parts of one repository's sync: git, each list, details. None stops the others."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection

from autosync.database import is_away
from autosync.errors import AutoSyncError
from autosync.github import (
    InstallationClient,
    InstallationSuspended,
    NotFound,
    QuotaExhausted,
    Unavailable,
)
from autosync.github.purpose import made_for
from autosync.mirror.doubt import list_soon
from autosync.mirror.models import Repository, ResourceCursor
from autosync.sync import refusals
from autosync.sync.errors import Busy, PartsFailed, is_of_machine, is_passing, log_failure
from autosync.sync.sick import LONG, GitHubAway, github_answers
from autosync.sync.standing import GIT

logger = logging.getLogger(__name__)
# Parts whose requests are for another kind than their name.
_PART_OF = {"commit_detail": GIT}
# No part's own: the whole work waits.
_OF_ALL = (Busy, QuotaExhausted, InstallationSuspended, GitHubAway)


class Parts:
    """Runs the parts of one sync one after the other, and remembers what became of each."""

    def __init__(self, repository: Repository, client: InstallationClient) -> None:
        self.repository = repository
        self.client = client
        self.failures: dict[str, Exception] = {}
        self.refused: set[str] = set()
        self.done: set[str] = set()
        self._wasted = 0.0

    def in_order(self, names: Collection[str]) -> list[str]:
        """As given, but for what failed last: that comes last, for it may take long to fail."""
        failed = set(
            ResourceCursor.objects.filter(repository=self.repository)
            .exclude(error="")
            .values_list("resource", flat=True)
        )
        return sorted(names, key=lambda name: name in failed)

    def run(self, name: str, work: Callable[[], int]) -> int:
        """What `work` returns; 0 if it failed or GitHub refuses it, which its cursor then says."""
        if self._wasted > LONG.total_seconds():
            self.failures[name] = Unavailable("not tried: earlier parts took too long to fail")
            return 0
        started = time.monotonic()
        try:
            with made_for([_PART_OF.get(name, name)]):
                count = work()
        except _OF_ALL:
            raise
        except Exception as error:
            if is_away(error):
                raise
            self._wasted += time.monotonic() - started
            self._failed(name, error)
            return 0
        refusals.lift(self.repository, name)
        self.done.add(name)
        return count

    def finish(self) -> None:
        """Raise what failed, if anything did."""
        failures = list(self.failures.values())
        # What this machine lacks is no part's own, such as the git that several of them ask.
        same = len({str(one) for one in failures}) == 1
        if len(failures) == 1 or (same and is_of_machine(failures[0])):
            raise failures[0]
        if failures:
            raise PartsFailed(self.failures)

    def _failed(self, name: str, error: Exception) -> None:
        refusal = refusals.refusal_of(error)
        if refusal is not None:
            logger.info("%s of %s is not available: %s", name, self.repository, refusal.words)
            refusals.note(self.repository, name, refusal)
            self.refused.add(name)
            return
        if is_passing(error) and not github_answers(self.client):
            raise GitHubAway(
                "GitHub does not answer at all", installation_id=self.client.installation_id
            ) from error
        if isinstance(error, NotFound):
            list_soon([self.repository.pk])
        elif not is_passing(error) and not self._is_known(error):
            log_failure(logger, error, "%s of %s failed", name, self.repository)
        self.failures[name] = error
        ResourceCursor.objects.filter(repository=self.repository, resource=name).update(
            error=str(error)[:2000]
        )

    def _is_known(self, error: Exception) -> bool:
        """Whether another part failed for the same foreseen reason: the log has it."""
        said = {str(one) for one in self.failures.values()}
        return isinstance(error, AutoSyncError) and str(error) in said
