"""The first reading of many small repositories: many to a query, many to a transaction.

One query counts what a hundred repositories have, at a point. What has no objects is thereby read.
Lists that fit a page are then read for as many repositories at once as a query may cost. Whatever
GitHub does not show, or not whole, is left to the repository's own sync, which says why.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from autosync.errors import AutoSyncError
from autosync.github import (
    GraphQLTooHeavy,
    InstallationClient,
    InstallationSuspended,
    QuotaExhausted,
)
from autosync.github.client import GraphQLReply
from autosync.github.price import price
from autosync.github.purpose import made_for
from autosync.killpoints import reached
from autosync.kinds import KINDS, listed_resources, riding
from autosync.kinds._events import Resource, Under
from autosync.mirror.doubt import LAG, lock_repositories, mark_renamed
from autosync.mirror.models import Repository, ResourceCursor, UnreadObject
from autosync.mirror.upsert import Row, Rule
from autosync.sync import unread
from autosync.sync.gone import follow_parents
from autosync.sync.listing import OVERLAP, PAGE
from autosync.sync.nested_lists import complete_lists, complete_sets
from autosync.sync.refusals import shown_to, switched_off
from autosync.sync.standing import GIT, wanted_version

logger = logging.getLogger(__name__)
COUNTED = 100  # repositories in the query that counts
# Requests that a query may make GitHub make, five points: it gives up after ten seconds.
MOST_REQUESTS = 500
_OLDEST_FIRST = "orderBy: {field: CREATED_AT, direction: ASC}"
# What concerns all: whoever meets it asks no further.
OF_ALL = (QuotaExhausted, InstallationSuspended)


@dataclass(frozen=True)
class List:
    """A list as it can be had in one page of a query about many repositories."""

    resource: Resource
    connection: str
    order: str
    fields: str
    items: str = "nodes"

    @property
    def size(self) -> str:
        """The variable that says how many."""
        return f"${self.resource.name}"

    @property
    def asked(self) -> str:
        order = f", {self.order}" if self.order else ""
        return (
            f"{self.resource.name}: {self.connection}(first: {self.size}{order}) {{ totalCount "
            f"pageInfo {{ hasNextPage }} {self.items} {{ {self.fields} }} }}"
        )


@dataclass
class Read:
    """What was read of each repository to its end, by the names of the kinds."""

    done: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    def lists(self, repository_id: int) -> frozenset[str]:
        return frozenset(self.done.get(repository_id, ()))


def lists() -> list[List]:
    """Those that GraphQL shows with all their columns, parents before what belongs to them."""
    found = []
    for one in listed_resources():
        if one.listing is not None:
            listing = one.listing
            found.append(List(one, listing.connection, _OLDEST_FIRST, listing.node_fields))
        elif one.stream is not None:
            way = one.stream.order
            order = f"orderBy: {{field: {way}, direction: ASC}}" if way else ""
            found.append(List(one, one.stream.connection, order, one.stream.fields, "edges"))
        elif one.rest is not None and one.news is not None and one.news.connection:
            gives = KINDS[one.name].gives
            if gives["rest_list"] <= gives["graphql"] and not riding(one.rest):
                found.append(List(one, one.news.connection, "", one.node_fields))
    return found


def count(
    client: InstallationClient, repositories: Sequence[Repository]
) -> dict[int, dict[str, int]]:
    """How many objects each has of each kind, and no commits of one that is empty; a repository or
    kind of which GitHub does not say it is absent. A point.
    """
    counted = [one for one in listed_resources() if one.news is not None]
    asked = " ".join(
        f"{one.name}: {one.news.scalar or f'{one.news.connection} {{ totalCount }}'}"
        for one in counted
        if one.news is not None
    )
    query = (
        "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Repository { databaseId isEmpty "
        f"{asked} }} }} }}"
    )
    found: dict[int, dict[str, int]] = {}
    for start in range(0, len(repositories), COUNTED):
        group = repositories[start : start + COUNTED]
        with made_for(one.name for one in counted):
            reply = client.graphql(query, {"ids": [one.node_id for one in group]}, partial=True)
        for repository, node in _answered(reply, group):
            numbers = {one.name: _number(node.get(one.name)) for one in counted}
            found[repository.pk] = {k: n for k, n in numbers.items() if n is not None}
            if node.get("isEmpty") is True:
                found[repository.pk][GIT] = 0
    return found


def is_small(counts: Mapping[str, int]) -> bool:
    """Whether each of its lists fits a page."""
    return max(counts.values(), default=0) <= PAGE


def read(
    client: InstallationClient,
    repositories: Sequence[Repository],
    counts: Mapping[int, Mapping[str, int]],
) -> Read:
    """Read the lists of small repositories that nobody has begun to read; each pack is a query and
    a transaction, and a kill costs that pack.
    """
    found = Read()
    begun = _begun(repositories)
    for pack, some in _packs(repositories, counts):
        _read(client, pack, some, counts, begun, found)
    return found


def _begun(repositories: Iterable[Repository]) -> set[tuple[int, str]]:
    cursors = ResourceCursor.objects.filter(repository__in=list(repositories))
    return set(cursors.values_list("repository_id", "resource"))


def _packs(
    repositories: Sequence[Repository], counts: Mapping[int, Mapping[str, int]]
) -> Iterator[tuple[list[Repository], list[List]]]:
    """Repositories that are alike in size together, as many as a query may cost, and the lists that
    any of them has.
    """

    def objects(one: Repository) -> int:
        return sum(counts[one.pk].values())

    def costs(pack: Sequence[Repository], some: Sequence[List]) -> int:
        return price(_query(some), _variables(pack, some, counts)).requests

    pack: list[Repository] = []
    some: list[List] = []
    for one in sorted(repositories, key=lambda one: (objects(one), one.pk)):
        more = [*pack, one]
        wanted = _some(more, counts)
        if pack and (len(pack) == COUNTED or costs(more, wanted) > MOST_REQUESTS):
            yield pack, some
            more = [one]
            wanted = _some(more, counts)
        pack, some = more, wanted
    if pack:
        yield pack, some


def _some(pack: Sequence[Repository], counts: Mapping[int, Mapping[str, int]]) -> list[List]:
    # One that is not shown to this installation would take its repository along.
    return [
        one
        for one in lists()
        if any(counts[r.pk].get(one.resource.name) for r in pack)
        and all(shown_to(one.resource, r) for r in pack)
    ]


def _query(some: Sequence[List]) -> str:
    sizes = "".join(f", {one.size}: Int!" for one in some)
    asked = " ".join(one.asked for one in some)
    return (
        f"query($ids: [ID!]!{sizes}) {{ nodes(ids: $ids) {{ ... on Repository {{ databaseId "
        f"{asked} }} }} }}"
    )


def _variables(
    pack: Sequence[Repository], some: Sequence[List], counts: Mapping[int, Mapping[str, int]]
) -> dict[str, Any]:
    """As many of each list as the longest in the pack has."""
    sizes = {
        one.resource.name: max(counts[r.pk].get(one.resource.name, 0) for r in pack) for one in some
    }
    return {"ids": [one.node_id for one in pack], **sizes}


def _read(
    client: InstallationClient,
    pack: Sequence[Repository],
    some: Sequence[List],
    counts: Mapping[int, Mapping[str, int]],
    begun: Collection[tuple[int, str]],
    found: Read,
) -> None:
    """One pack: half of it at a time while that is too heavy, each alone where it is no use."""
    asked_at = timezone.now()
    nodes: list[tuple[Repository, Mapping[str, Any]]] = [(one, {}) for one in pack]
    try:
        if some:
            with made_for(one.resource.name for one in some):
                query, variables = _query(some), _variables(pack, some, counts)
                nodes = _answered(client.graphql(query, variables, partial=True), pack)
        pages = _pages(client, nodes, some)
    except OF_ALL:
        raise
    except GraphQLTooHeavy as error:
        middle = len(pack) // 2
        if not middle:
            logger.info("%s is read alone: %s", pack[0], error)
            return
        for half in (pack[:middle], pack[middle:]):
            _read(client, half, _some(half, counts), counts, begun, found)
        return
    except AutoSyncError as error:
        logger.info("%d repositories are read alone: %s", len(pack), error)
        return
    reached("import: page read, not stored")
    with transaction.atomic():
        lock_repositories({one.pk for one, _ in nodes})
        shown = [one for one, _ in nodes]
        done = _store(shown, pages, counts, begun, asked_at)
        reached("import: page stored, not committed")
    reached("import: page committed")
    for pk, names in done.items():
        found.done[pk] |= names


@dataclass
class Page:
    """All objects of one kind of several repositories, and how many each has."""

    rows: list[Row] = field(default_factory=list)
    totals: dict[int, int] = field(default_factory=dict)


def _pages(
    client: InstallationClient,
    nodes: Sequence[tuple[Repository, Mapping[str, Any]]],
    some: Sequence[List],
) -> dict[str, Page]:
    """By kind what can be believed: lists that are whole, of which every object was understood."""
    found: dict[str, Page] = {}
    for one in some:
        page = found[one.resource.name] = Page()
        for repository, node in nodes:
            if switched_off(one.resource, repository) is not None:
                continue
            listed = whole(node.get(one.resource.name), one.items)
            if listed is None:
                continue
            if one.items == "nodes":
                complete_lists(one.resource, client, listed)
            rows, odd = unread.understood(one.resource, listed, repository.pk)
            if not odd:
                complete_sets(one.resource, client, rows)
                page.rows += rows
                page.totals[repository.pk] = len(rows)
    return found


def whole(page: Any, items: str) -> list[dict[str, Any]] | None:
    """The objects of a page that is a whole list; None if it may not be."""
    try:
        nodes = page[items]
        if page["pageInfo"]["hasNextPage"] or page["totalCount"] != len(nodes) or not all(nodes):
            return None
    except unread.ODD:
        return None
    return list(nodes)


def _store(
    repositories: Sequence[Repository],
    pages: Mapping[str, Page],
    counts: Mapping[int, Mapping[str, int]],
    begun: Collection[tuple[int, str]],
    asked_at: datetime,
) -> dict[int, set[str]]:
    """In the caller's transaction; what is now read to its end, by repository."""
    done: dict[int, set[str]] = {one.pk: set() for one in repositories}
    cursors: list[ResourceCursor] = []
    for resource in listed_resources():
        page = pages.get(resource.name, Page())
        merge = resource.merge
        if page.rows:
            lags = resource.rest is not None and merge.counts_sights
            result, refused = unread.store(
                merge, page.rows, observed_at=asked_at - LAG if lags else asked_at,
                rule=Rule.VERSIONED, lag=LAG if resource.stream else timedelta(0),
            )  # fmt: skip
            follow_parents(merge, result.inserted)
            mark_renamed(merge, result.changed, asked_at)
            unread.remember(resource, refused)
        expected = dict(page.totals)
        for pk in _empty(resource, repositories, counts, done):
            expected.setdefault(pk, 0)
        expected = {pk: n for pk, n in expected.items() if (pk, resource.name) not in begun}
        here = alive(resource, expected)
        for pk, total in expected.items():
            if here.get(pk, 0) == total:
                done[pk].add(resource.name)
                cursors.append(complete(resource, pk, total, asked_at))
    save(cursors)
    return done


def _empty(
    resource: Resource,
    repositories: Sequence[Repository],
    counts: Mapping[int, Mapping[str, int]],
    done: Mapping[int, Collection[str]],
) -> set[int]:
    """The repositories that are known to have none: by GitHub's number, or because nothing that it
    could belong to, all of which is read, says that it has any.
    """
    shown = [one.pk for one in repositories if switched_off(resource, one) is None]
    under = resource.under
    if under is None or not under.column:
        return {pk for pk in shown if counts[pk].get(resource.name) == 0}
    parents = parents_of(under)
    names = {one.name for one in parents}
    if len(parents) < len(under.parents):
        return set()
    found = {pk for pk in shown if names <= set(done[pk])}
    for parent in parents:
        found -= set(having(under, parent, found).values_list("repository", flat=True))
    return found


def parents_of(under: Under) -> list[Resource]:
    """The kinds of its parents, of those that are kept up."""
    return [one for one in listed_resources() if any(one.merge is each for each in under.parents)]


def having(under: Under, parent: Resource, repository_ids: Collection[int]) -> Any:
    """The parents of this kind that have any children, as far as they say."""
    rows = parent.merge.model._default_manager.filter(
        repository__in=repository_ids, deleted_at__isnull=True
    )
    return rows.exclude(**{under.counted: 0}) if under.counted else rows


def alive(resource: Resource, repository_ids: Iterable[int]) -> dict[int, int]:
    """Rows by repository; one of which something could not be read is left out."""
    ids = list(repository_ids)
    if not ids:
        return {}
    rows = resource.merge.model._default_manager.filter(repository__in=ids, deleted_at__isnull=True)
    numbers: dict[int, int] = dict(
        rows.values("repository").annotate(n=Count("pk")).values_list("repository", "n")
    )
    odd = UnreadObject.objects.filter(repository__in=ids, resource=resource.name)
    return numbers | dict.fromkeys(odd.values_list("repository", flat=True), -1)


def complete(
    resource: Resource, repository_id: int, total: int, asked_at: datetime
) -> ResourceCursor:
    """The cursor of a list that was read to its end."""
    return ResourceCursor(
        repository_id=repository_id,
        resource=resource.name,
        state=ResourceCursor.State.COMPLETE,
        backfill_started_at=asked_at,
        backfilled_at=timezone.now(),
        watermark=asked_at - OVERLAP,
        done=total,
        total=total,
        version=wanted_version(resource),
    )


def complete_children(
    resource: Resource, repository_ids: Collection[int], asked_at: datetime
) -> list[ResourceCursor]:
    """Those of a kind that was read with its parents."""
    here = alive(resource, repository_ids)
    return [
        complete(resource, pk, max(here.get(pk, 0), 0), asked_at) for pk in sorted(repository_ids)
    ]


def save(cursors: Iterable[ResourceCursor]) -> None:
    """Nobody else has begun these."""
    ordered = sorted(cursors, key=lambda one: (one.repository_id, one.resource))
    ResourceCursor.objects.bulk_create(ordered, ignore_conflicts=True)


def _answered(
    reply: GraphQLReply, group: Sequence[Repository]
) -> list[tuple[Repository, Mapping[str, Any]]]:
    """The repositories that GitHub showed, without those of which it said that anything is wrong:
    their own sync finds out what.
    """
    nodes = reply.data.get("nodes")
    if not isinstance(nodes, list) or len(nodes) != len(group):
        return []
    spoilt = {error["path"][1] for error in reply.errors if _is_of_one(error.get("path"))}
    if any(not _is_of_one(error.get("path")) for error in reply.errors):
        return []
    return [
        (repository, node)
        for place, (repository, node) in enumerate(zip(group, nodes, strict=True))
        if isinstance(node, dict)
        and node.get("databaseId") == repository.pk
        and place not in spoilt
    ]


def _is_of_one(path: Any) -> bool:
    return isinstance(path, list) and path[:1] == ["nodes"] and len(path) > 1


def _number(said: Any) -> int | None:
    if isinstance(said, dict):
        said = said.get("totalCount")
    return said if isinstance(said, int) else None
