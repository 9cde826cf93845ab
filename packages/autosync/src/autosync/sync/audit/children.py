"""Which children differ between the mirror and GitHub, asked with their parents."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import datetime

from django.utils import timezone

from autosync.github import InstallationClient, InstallationSuspended
from autosync.github.purpose import turn_to
from autosync.kinds import Derived, nested_kinds
from autosync.kinds._nest import Nest
from autosync.mirror.children import Known, Parent
from autosync.mirror.doubt import IN_FLIGHT, LAG
from autosync.mirror.keys import rows_of, written
from autosync.mirror.models import AuditFinding, Repository
from autosync.sync.audit.difference import Difference
from autosync.sync.audit.shares import Shares
from autosync.sync.audit.silent import Silent
from autosync.sync.children import ALL_FOR_ONE, gone_in, take_in
from autosync.sync.nested_pages import Children, read_children

Problem = AuditFinding.Problem


class ChildrenComparison:
    """Compares the children of one repository's parents; `differing` are the parents that differ,
    by what they belong together with; `left_out` are the kinds that GitHub refused, and why.
    """

    def __init__(self, repository: Repository, client: InstallationClient) -> None:
        self._repository = repository
        self._client = client
        self.differing: dict[Nest, list[Parent]] = {}
        self.left_out: dict[str, str] = {}

    def compare_all(
        self,
        silent: Sequence[Silent],
        shares: Shares,
        refused: Set[str],
        *,
        whole: bool,
        repair: bool,
    ) -> list[Difference]:
        """Of all kinds but those known to be `refused`. One that is refused now leaves itself out,
        and no other.
        """
        found: list[Difference] = []
        for kind in nested_kinds():
            turn_to(kind.name)
            for nest in kind.nests:
                if not refused.isdisjoint({nest.parent.name, kind.name}):
                    continue
                try:
                    found += self.compare(nest, silent, shares, whole=whole, repair=repair)
                except ALL_FOR_ONE as error:
                    if isinstance(error, InstallationSuspended):
                        raise
                    self.left_out[kind.name] = str(error)
        return found

    def compare(
        self,
        nest: Nest,
        silent: Sequence[Silent],
        shares: Shares,
        *,
        whole: bool,
        repair: bool = True,
    ) -> list[Difference]:
        """Of all parents, or of those that have waited to be asked about for a while, of those
        whose children are known to differ, and of a share of the others if some come unheard.

        Of a kind that no event brings, parents that wait are no fault: what is found of these is
        said to wait, and with `repair` stored at once, for it has just been read.
        """
        settled = timezone.now() - IN_FLIGHT
        pk = self._repository.pk
        share: list[Children] = []
        if whole:
            parents = nest.family.all(pk)
        else:
            share, left = shares.of(nest, self._repository)
            parents = nest.family.waiting(pk, since=settled)
            numbers = [one.number for one in silent if one.difference.resource == nest.kind.name]
            if numbers:
                parents += nest.family.numbered(pk, numbers)
            read = {one.parent for one in share}
            parents = sorted({*parents, *left} - read)
        found = self._compared(nest, share, settled, repair=repair)
        for page in read_children([nest], self._repository, self._client, parents):
            found += self._compared(nest, page, settled, repair=repair)
        return found

    def _compared(
        self, nest: Nest, page: Sequence[Children], settled: datetime, *, repair: bool
    ) -> list[Difference]:
        if not nest.kind.only_read or not page:
            return self._differences(nest, page, settled)
        pk = self._repository.pk
        waiting = {one.pk for one in nest.family.waiting(pk)}
        wait = [one for one in page if one.parent.pk in waiting]
        found = self._differences(nest, wait, settled)
        for difference in found:
            difference.waits = True
        others = [one for one in page if one.parent.pk not in waiting]
        known = nest.family.known(one.parent.pk for one in others)
        for one in others:
            differences = self._differences(nest, [one], settled)
            fresh = _since(one, known[one.parent.pk]) if one.parent.pk in known else set()
            for difference in differences:
                difference.waits = difference.key in fresh
            found += differences
            if differences and all(difference.waits for difference in differences):
                wait.append(one)
        if repair and wait:
            take_in(wait, self._repository, self._client)
            self._stored(nest, {one.parent for one in wait})
        return found

    def _stored(self, nest: Nest, parents: set[Parent]) -> None:
        """These need not be read once more."""
        if nest in self.differing:
            self.differing[nest] = [one for one in self.differing[nest] if one not in parents]

    def read_again(self, kind: Derived) -> None:
        """Have the next sync read the parents that differ."""
        for nest in kind.nests:
            parents = self.differing.get(nest, ())
            nest.family.read_again([one.pk for one in parents])

    def still_differs(self, kind: Derived) -> bool:
        """Whether something differs after a repair."""
        settled = timezone.now() - IN_FLIGHT
        for nest in kind.nests:
            parents = list(self.differing.get(nest, ()))
            pages = read_children([nest], self._repository, self._client, parents)
            if any(self._differences(nest, page, settled) for page in pages):
                return True
        return False

    def _differences(
        self, nest: Nest, page: Sequence[Children], settled_at: datetime
    ) -> list[Difference]:
        kind = nest.kind
        merge, columns = kind.merge, kind.merge.governed
        versioned = {"kind_version"} if merge.version > 1 else set()
        found = []
        for one in page:
            settled = min(settled_at, one.asked_at - IN_FLIGHT)
            if one.clock is None or one.clock > settled:
                continue  # its event may be on its way
            rows = {merge.key_of(row): row for row in one.rows}
            here = {
                merge.key_of(row): row
                for row in rows_of(merge, rows).values(
                    *{*merge.key, *columns, "observed_at", "deleted_at", *versioned}
                )
            }
            differs = []
            for key, row in rows.items():
                mine = here.get(key)
                if mine is not None and mine["observed_at"] > settled:
                    continue
                if mine is None or mine["deleted_at"] is not None:
                    differs.append((key, row.get("node_id", ""), Problem.MISSING))
                    continue
                unknown = merge.later_than(mine.get("kind_version"))
                known = [name for name in columns if name in row and name not in unknown]
                if any(mine[name] != row[name] for name in known):
                    differs.append((key, row.get("node_id", ""), Problem.STALE))
            gone = gone_in(nest, self._client, [one], seen_before=settled)
            differs += [(key, node_id, Problem.SURPLUS) for key, node_id in gone.items()]
            if differs:
                self.differing.setdefault(nest, []).append(one.parent)
            found += [
                Difference(kind.name, written(key), what, node) for key, node, what in differs
            ]
        return found


def _since(one: Children, known: Known) -> set[str]:
    """The keys of what came since GitHub was asked last, if no clock tells that anything did: of
    these, whoever reads them is the first to hear.
    """
    if known.read_at is None or known.clock is None or one.clock is None or one.clock > known.clock:
        return set()
    merge, read_at = one.nest.kind.merge, known.read_at - LAG
    return {
        written(merge.key_of(row))
        for row in one.rows
        if (began := row.get("created_at")) is not None and began >= read_at
    }
