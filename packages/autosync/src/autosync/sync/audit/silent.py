"""Compare what people change without moving a clock that anybody watches: threads that were
settled, remarks that were edited.

GitHub is asked for those that are here by their ids, a hundred a point, whatever repositories they
are of. New ones move the clock of what they belong to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.utils import timezone

from autosync.github import InstallationClient
from autosync.kinds import KINDS, Derived
from autosync.kinds._kind import Nested
from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.keys import written
from autosync.mirror.models import AuditFinding, Repository
from autosync.sync import unread
from autosync.sync.audit.difference import Difference
from autosync.sync.commits import chunks
from autosync.sync.listing import PAGE
from autosync.sync.refusals import refusal_at

Problem = AuditFinding.Problem
# Of more than these a repository's own list is cheaper, where it has one: a request.
MANY = 100


@dataclass(frozen=True)
class Silent:
    """One that differs, and the number of what it belongs to."""

    difference: Difference
    number: int


def silent_kinds() -> list[Derived]:
    """Kinds whose objects change without a word."""
    return [kind for kind in KINDS.values() if is_nested(kind) or _moves_with(kind)]


def is_nested(kind: Derived) -> bool:
    """Whether they are read with their parents."""
    read = kind.declared.read
    return isinstance(read, Nested) and read.silent


def silent_differences(
    client: InstallationClient, group: Sequence[Repository], refused: Mapping[int, Set[str]]
) -> dict[int, list[Silent]]:
    """Those of a hundred repositories, by repository."""
    here: list[tuple[Derived, Any]] = []
    for kind in silent_kinds():
        names = {kind.name, *kind.after}
        shown = [one.pk for one in group if names.isdisjoint(refused.get(one.pk, ()))]
        rows = kind.model._default_manager.filter(
            repository__in=shown, deleted_at__isnull=True, node_id__gt=""
        )
        if _moves_with(kind):
            rows = rows.exclude(repository__in=_large(kind, shown))
        here += [(kind, row) for row in rows.order_by("pk")]
    found: dict[int, list[Silent]] = defaultdict(list)
    for chunk in chunks(here, PAGE):
        for home, one in _compare(client, chunk):
            found[home].append(one)
    return found


def is_large(kind: Derived, repository: Repository) -> bool:
    """Whether its own list is asked instead."""
    return bool(_large(kind, [repository.pk]))


def _large(kind: Derived, repository_ids: Sequence[int]) -> list[int]:
    rows = kind.model._default_manager.filter(
        repository__in=repository_ids, deleted_at__isnull=True
    )
    counted = rows.values("repository").annotate(count=Count("pk")).filter(count__gt=MANY)
    return [one["repository"] for one in counted]


def _compare(
    client: InstallationClient, here: Sequence[tuple[Derived, Any]]
) -> list[tuple[int, Silent]]:
    settled = timezone.now() - IN_FLIGHT
    kinds = dict.fromkeys(kind for kind, _ in here)
    fields = " ".join(
        f"... on {one.graphql_type} {{ {one.graphql_list.selection} }}" for one in kinds
    )
    query = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {fields} }} }}"
    ids = [row.node_id for _, row in here]
    reply = client.graphql(query, {"ids": ids}, partial=True)
    nodes = reply.data.get("nodes")
    if not isinstance(nodes, list) or len(nodes) != len(ids):
        return []
    found = []
    for place, ((kind, row), node) in enumerate(zip(here, nodes, strict=True)):
        problem = None
        if row.observed_at > settled:
            continue  # its event may be on its way
        if node:
            with unread.named(row):
                problem = Problem.STALE if _differs(kind, row, node, settled) else None
        elif refusal_at(reply, "nodes", place) is None:
            problem = Problem.SURPLUS
        if problem is not None:
            key = written(tuple(getattr(row, name) for name in kind.merge.key))
            one = Difference(kind.name, key, problem, row.node_id)
            found.append((row.repository_id, Silent(one, getattr(row, _number(kind)))))
    return found


def _differs(kind: Derived, row: Any, node: Any, settled: datetime) -> bool:
    there = kind.from_graph_list(node, row.repository_id)
    if there.get("updated_at") is not None and there["updated_at"] > settled:
        return False
    return any(getattr(row, name) != value for name, value in there.items())


def _moves_with(kind: Derived) -> bool:
    under = kind.resource.under
    return under is not None and under.moves_with


def _number(kind: Derived) -> str:
    under = kind.resource.under
    assert under is not None
    return under.column or next(one for one, of in under.link.items() if of == "number")
