"""Keep children in step with their parents: those are read whose parents moved, each parent's as a
whole. `nested_pages.py` asks for them.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from autosync.github import (
    Forbidden,
    Gone,
    GraphQLError,
    InstallationClient,
    InstallationSuspended,
)
from autosync.killpoints import reached
from autosync.kinds import Derived, nested_kinds
from autosync.kinds._nest import Nest
from autosync.mirror.children import Parent, Read
from autosync.mirror.doubt import LAG, lock_repositories
from autosync.mirror.keys import rows_of
from autosync.mirror.models import Repository, ResourceCursor
from autosync.mirror.tombstones import inherit
from autosync.mirror.upsert import Key, Rule
from autosync.sync import unread
from autosync.sync.gone import take_away
from autosync.sync.nested_pages import PAGE, Children, read_children, read_deep
from autosync.sync.refusals import Refused, refusal_at, unavailable
from autosync.sync.standing import was_read

logger = logging.getLogger(__name__)
Progress = Callable[[], None]
# A query that asks for several kinds of children is refused for one of them.
ALL_FOR_ONE = (Refused, Forbidden, Gone, GraphQLError)


def waiting(
    repository_ids: Iterable[int], refused: dict[int, set[str]] | None = None
) -> dict[int, set[str]]:
    """Per repository the kinds whose parents wait to be asked about, but for parents that are not
    to be had (`refused`: of which kinds).
    """
    found: dict[int, set[str]] = {pk: set() for pk in repository_ids}
    refused = unavailable(found) if refused is None else refused
    for nest in (nest for kind in nested_kinds() for nest in kind.nests):
        for pk in nest.family.waiting_in(found):
            if nest.parent.name not in refused[pk]:
                found[pk].add(nest.kind.name)
    return found


def sync_children(
    kind: Derived, repository: Repository, client: InstallationClient, progress: Progress
) -> int:
    """Read the children of every parent that waits; rows changed. Those of other kinds that the
    same parents wait for come in the same queries.

    Each page of parents is committed with what is known of them then, so a kill costs one page.
    """
    for family in (nest.family for nest in kind.nests):
        gone = family.parents.model._default_manager.filter(
            repository=repository, deleted_at__isnull=False
        )
        inherit(family.children, family.parents, family.link, parent_keys=gone.values_list("pk"))
        family.forget_gone(repository.pk)
    refused = unavailable([repository.pk])[repository.pk]
    shown = [nest for nest in kind.nests if nest.parent.name not in refused]
    if not shown:  # as the cursors of the parents say
        _not_begun(kind, repository)
        return 0
    cursor, _ = ResourceCursor.objects.get_or_create(repository=repository, resource=kind.name)
    work = [
        (nests, parents)
        for nest in shown
        for nests, parents in _together(
            nest, repository, nest.family.waiting(repository.pk), refused
        )
    ]
    count = 0
    if work:
        if cursor.backfilled_at is None:
            cursor.backfill_started_at = cursor.backfill_started_at or timezone.now()
        cursor.state = ResourceCursor.State.RUNNING
        cursor.save()
    for nests, some in work:
        for page in _pages(nests, repository, client, some):

            def note(page: Sequence[Children] = page) -> None:
                if cursor.backfilled_at is None:
                    cursor.done += sum(len(one.rows) for one in page if one.nest.kind is kind)
                    cursor.save()
                progress()

            count += take_in(page, repository, client, note)
    cursor.total = cursor.done = _alive(kind).filter(repository=repository).count()
    cursor.backfilled_at = cursor.backfilled_at or timezone.now()
    cursor.state = ResourceCursor.State.COMPLETE
    cursor.error = ""
    cursor.save()
    return count


def _not_begun(kind: Derived, repository: Repository) -> None:
    """No parent is shown: there is nothing to finish. A cursor that said so would have the
    repository read at each sync.
    """
    cursors = ResourceCursor.objects.filter(repository=repository, resource=kind.name)
    cursors.filter(backfilled_at__isnull=True).delete()
    cursors.update(state=ResourceCursor.State.COMPLETE)


def take_in(
    page: Sequence[Children],
    repository: Repository,
    client: InstallationClient,
    note: Progress = lambda: None,
) -> int:
    """Store what GitHub said of some parents' children, with what `note` writes, and have these
    parents wait no longer; rows changed. `repository` is that of the first, if not of all.
    """
    by_nest: dict[Nest, list[Children]] = defaultdict(list)
    for one in page:
        by_nest[one.nest].append(one)
    for nest, children in by_nest.items():
        read_deep(nest.kind, repository, client, children)
    absent = {nest: set(gone_in(nest, client, children)) for nest, children in by_nest.items()}
    reached("import: page read, not stored")
    with transaction.atomic():
        lock_repositories({one.parent.repository_id for one in page})
        count = sum(_store(nest, by_nest[nest], absent[nest]) for nest in by_nest)
        note()
        reached("import: page stored, not committed")
    reached("import: page committed")
    return count


def _pages(
    nests: Sequence[Nest],
    repository: Repository,
    client: InstallationClient,
    parents: Sequence[Parent],
) -> Iterator[list[Children]]:
    """As `read_children`; where GitHub refuses all of them for one, the first is asked for alone.
    The turn of the others comes, and then it is theirs to be refused.
    """
    left = {one.pk: one for one in parents}
    try:
        for page in read_children(nests, repository, client, parents):
            for one in page:
                left.pop(one.parent.pk, None)
            yield page
    except ALL_FOR_ONE as error:
        if len(nests) == 1 or isinstance(error, InstallationSuspended):
            raise
        logger.info("%ss of %s are asked for alone: %s", nests[0].kind.name, repository, error)
        yield from read_children(nests[:1], repository, client, list(left.values()))


def _together(
    nest: Nest, repository: Repository, parents: Sequence[Parent], refused: Set[str]
) -> Iterable[tuple[tuple[Nest, ...], list[Parent]]]:
    """The parents by the kinds of children that they wait for. One that is new to this mirror comes
    with others that are: it is read from another part of the quota. One of those `refused` is asked
    for alone, at each sync, until GitHub shows it: it would take the others along.
    """
    others = [
        one
        for kind in nested_kinds()
        for one in kind.nests
        if kind is not nest.kind
        and one.parent is nest.parent
        and refused.isdisjoint({kind.name, nest.kind.name})
        and was_read(kind.resource, repository) == was_read(nest.kind.resource, repository)
    ]
    waits = {one: {each.pk for each in one.family.waiting(repository.pk)} for one in others}
    found: dict[tuple[Nest, ...], list[Parent]] = defaultdict(list)
    for parent in parents:
        found[nest, *(one for one in others if parent.pk in waits[one])].append(parent)
    return found.items()


def gone_in(
    nest: Nest,
    client: InstallationClient,
    page: Sequence[Children],
    *,
    seen_before: datetime | None = None,
) -> dict[Key, str]:
    """Key → node id of children that are here, that a whole answer lacks, and that GitHub, asked by
    their node ids, does not know either: lists of GitHub come back too short at times.
    """
    kind, absent = nest.kind, _absent(nest, page, seen_before)
    left = [(key, node_id) for key, node_id in absent.items() if node_id]
    gone: dict[Key, str] = dict.fromkeys(absent.keys() - dict(left).keys(), "")
    query = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {kind.graphql_type} {{ id }} }} }}"
    for start in range(0, len(left), PAGE):
        group = left[start : start + PAGE]
        ids = [node_id for _, node_id in group]
        reply = client.graphql(query, {"ids": ids}, partial=True)
        nodes = reply.data.get("nodes")
        if not isinstance(nodes, list) or len(nodes) != len(ids):
            continue
        for place, ((key, node_id), node) in enumerate(zip(group, nodes, strict=True)):
            if node is None and refusal_at(reply, "nodes", place) is None:
                gone[key] = node_id
    if len(gone) < len(absent):
        logger.warning("lists of %ss lack %d that are there", kind.name, len(absent) - len(gone))
    return gone


def _absent(nest: Nest, page: Sequence[Children], seen_before: datetime | None) -> dict[Key, str]:
    """Key → node id of what a whole answer lacks, but for what was seen shortly before."""
    whole = [one for one in page if one.whole and not one.odd]
    if not whole:
        return {}
    kind = nest.kind
    merge, link = kind.merge, nest.family.link
    there = {merge.key_of(row) for one in page for row in one.rows}
    parents = nest.parent.model._default_manager.filter(pk__in=[one.parent.pk for one in whole])
    known = set(parents.values_list(*link.values()))
    asked_at = min(one.asked_at for one in whole)
    here = _alive(kind).filter(
        repository__in={one.parent.repository_id for one in whole},
        observed_at__lt=seen_before or asked_at - LAG,
        **{f"{kind.under.number}__in": [place[-1] for place in known]},
    )
    found = {}
    names = [*link, *merge.key, *(["node_id"] if merge.has("node_id") else [])]
    for values in here.values_list(*names):
        key = tuple(values[len(link) : len(link) + len(merge.key)])
        if tuple(values[: len(link)]) in known and key not in there:
            found[key] = str(values[-1]) if merge.has("node_id") else ""
    return found


def _store(nest: Nest, page: Sequence[Children], absent: set[Key]) -> int:
    """In the caller's transaction; returns how many rows changed."""
    kind, family = nest.kind, nest.family
    asked_at = min(one.asked_at for one in page)
    rows = [row for one in page for row in one.rows]
    result, refused = unread.store(
        kind.merge, rows, observed_at=asked_at, rule=Rule.AUTHORITATIVE, lag=LAG
    )
    gone = take_away(kind.merge, sorted(absent), asked_at)
    unread.forget(kind.resource, rows)
    unread.forget_keys(kind.resource, [one.parent.pk for one in page])
    odd = [*refused, *((one.parent.repository_id, bad) for one in page for bad in one.odd)]
    unread.remember(kind.resource, odd)
    not_stored = {one.key for _, one in refused}
    seen = rows_of(kind.merge, [kind.merge.key_of(row) for row in rows])
    seen.filter(deleted_at__isnull=True, dirty_at__lte=asked_at - LAG).update(dirty_at=None)
    read = []
    for one in page:
        short = one.odd or (not one.whole and all(one.nodes))
        short = short or any(unread.short(kind.merge.key_of(row)) in not_stored for row in one.rows)
        read.append(Read(one.parent.pk, one.parent.repository_id, None if short else one.clock))
    family.note(read, asked_at, asked_at - LAG)
    return len(result.changed) + len(gone)


def _alive(kind: Derived) -> Any:
    return kind.model._default_manager.filter(deleted_at__isnull=True)
