"""Read a share of all parents with those of their children of which nothing is heard: that of
tonight, filled up to a hundred parents a query whatever repositories they are of.
"""

from __future__ import annotations

import logging
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date

from django.utils import timezone

from autosync.errors import AutoSyncError
from autosync.github import InstallationClient, InstallationSuspended, QuotaExhausted
from autosync.kinds import nested_kinds
from autosync.kinds._nest import Nest
from autosync.mirror.children import Parent
from autosync.mirror.models import Repository
from autosync.sync.nested_pages import PARENTS, Children, read_children

logger = logging.getLogger(__name__)
# Nights in which the children of every parent are read once, if some come unheard.
NIGHTS = 7


class Share:
    """The share of repositories that show all of `nests`, which have parents of one kind."""

    def __init__(
        self, nests: Sequence[Nest], client: InstallationClient, group: Iterable[Repository]
    ) -> None:
        self._nests = nests
        self._client = client
        self._coming = deque(group)
        self._left: deque[Parent] = deque()
        self._read: dict[tuple[Nest, int], list[Children]] = defaultdict(list)
        self._alone: dict[tuple[Nest, int], list[Parent]] = defaultdict(list)

    def of(self, nest: Nest, repository: Repository) -> tuple[list[Children], list[Parent]]:
        """What GitHub said of those of one repository, and those that are to be read without
        others. Only as many queries are sent as it takes: what they bring of the next repositories
        is kept for these.
        """
        while self._waits(repository):
            while self._coming and len(self._left) < PARENTS:
                self._left += self._tonight(self._coming.popleft())
            if self._left:
                self._ask([self._left.popleft() for _ in range(min(PARENTS, len(self._left)))])
        key = nest, repository.pk
        return self._read.pop(key, []), self._alone.pop(key, [])

    def _waits(self, repository: Repository) -> bool:
        coming = any(one.pk == repository.pk for one in self._coming)
        return coming or any(one.repository_id == repository.pk for one in self._left)

    def _tonight(self, repository: Repository) -> list[Parent]:
        return self._nests[0].family.share(repository.pk, _today().toordinal() % NIGHTS, NIGHTS)

    def _ask(self, parents: Sequence[Parent]) -> None:
        home = Repository.objects.get(pk=parents[0].repository_id)
        try:
            pages = list(read_children(self._nests, home, self._client, parents))
        except (QuotaExhausted, InstallationSuspended):
            raise
        except AutoSyncError as error:
            # The fault of one is not that of the others.
            logger.info("%d parents are asked about by repository: %s", len(parents), error)
            for nest in self._nests:
                for one in parents:
                    self._alone[nest, one.repository_id].append(one)
            return
        for page in pages:
            for children in page:
                self._read[children.nest, children.parent.repository_id].append(children)


class Shares:
    """Those of a group of repositories, which are asked for in its order."""

    def __init__(
        self,
        client: InstallationClient,
        group: Iterable[Repository],
        refused: Mapping[int, Set[str]],
    ) -> None:
        alike: dict[tuple[Nest, ...], list[Repository]] = defaultdict(list)
        for repository in group:
            for nests in _unheard(refused.get(repository.pk, frozenset())):
                alike[nests].append(repository)
        self._shares: dict[tuple[Nest, int], Share] = {}
        for nests, some in alike.items():
            share = Share(nests, client, some)
            self._shares |= {(nest, one.pk): share for nest in nests for one in some}

    def of(self, nest: Nest, repository: Repository) -> tuple[list[Children], list[Parent]]:
        """What GitHub said of tonight's share, and those of it that are still to be read."""
        share = self._shares.get((nest, repository.pk))
        return share.of(nest, repository) if share is not None else ([], [])


def _unheard(refused: Set[str]) -> list[tuple[Nest, ...]]:
    """The nests of which a share is read, by their parents."""
    found: dict[str, list[Nest]] = defaultdict(list)
    for nest in (nest for kind in nested_kinds() for nest in kind.nests):
        if nest.read.unheard and refused.isdisjoint({nest.parent.name, nest.kind.name}):
            found[nest.parent.name].append(nest)
    return [tuple(nests) for nests in found.values()]


def _today() -> date:
    return timezone.now().date()
