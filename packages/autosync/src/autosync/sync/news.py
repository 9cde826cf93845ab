"""What is new in many repositories at once: one GraphQL query for a hundred of them.

Unchanged repositories cost nothing else. What GitHub says is compared with the mirror's own rows,
so neither a new token nor another worker makes anything look new.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from autosync.github import GraphQLError, GraphQLTooHeavy, InstallationClient
from autosync.github.purpose import made_for
from autosync.kinds import listed_resources
from autosync.kinds._events import Signal
from autosync.mirror.doubt import list_soon
from autosync.mirror.models import Repository
from autosync.moments import moment
from autosync.sync.children import waiting
from autosync.sync.listing import OVERLAP
from autosync.sync.readers import in_order
from autosync.sync.refusals import to_ask_again, unavailable
from autosync.sync.standing import GIT, Here, ListHere, standing

logger = logging.getLogger(__name__)
# 1 + 100 requests for each connection asked for news (`Resource.news`), each hundred of them
# a point: four for issues, pull requests, milestones and releases; a count alone, as of labels, is
# none.
# https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
GROUP = 100
_GROWTH = 10  # repositories more after each query that was not too heavy
_AT_ONCE = 4  # queries
_OUTAGE = 3  # repositories too heavy alone, and none that was not
# Names of resources that moved; None: read everything.
Moved = frozenset[str] | None


@dataclass(frozen=True, slots=True)
class ListThere:
    """How many objects a list has at GitHub, and when the newest of them changed, if GitHub
    `tells_changes`.
    """

    total: int
    newest: datetime | None
    tells_changes: bool = True


@dataclass(frozen=True, slots=True)
class There:
    """What GitHub says of one repository. A list it does not show is absent: unknown, not empty."""

    lists: Mapping[str, ListThere]
    pushed_at: datetime | None
    default_branch: str
    head: str


@dataclass
class News:
    """What GitHub said. `hidden` it does not show; of `unknown` it could not say."""

    there: dict[int, There] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)

    def add(self, other: News) -> None:
        self.there |= other.there
        self.hidden |= other.hidden
        self.unknown |= other.unknown


@dataclass
class Look:
    """What to do about repositories that were asked about."""

    to_read: dict[int, Moved] = field(default_factory=dict)
    unchanged: set[int] = field(default_factory=set)


def changed_since(there: ListThere, here: ListHere | None) -> bool:
    """Whether something in the list may have changed since it was last read."""
    if here is None or here.watermark is None:
        return True
    if not there.tells_changes:
        return False
    if there.newest is None:
        # An empty list, or one whose newest object GitHub does not show.
        return there.total > 0
    return there.newest >= here.watermark


def git_moved(there: There, here: Here) -> bool:
    """Whether git is to be asked for its refs.

    GitHub does not say whether the deletion of a branch moves `pushedAt`: the nightly audit, which
    asks every repository for its refs, finds what this does not see.
    """
    if here.watermark is None or here.incomplete or there.head != here.head:
        return True
    if there.head != here.marked or there.default_branch not in ("", here.default_branch):
        return True
    return there.pushed_at is not None and there.pushed_at >= here.watermark - OVERLAP


def moved(there: There, here: Here, refused: Collection[str] = ()) -> frozenset[str]:
    """The resources that are to be read, by name, but for those `refused`; the lists from their
    watermark.
    """
    names = set()
    for name, list_there in there.lists.items():
        list_here = here.lists.get(name)
        counted = list_here is not None and list_here.alive == list_there.total
        if not counted or changed_since(list_there, list_here):
            names.add(name)
    names -= set(refused)
    git = GIT not in refused and git_moved(there, here)
    for resource in listed_resources():
        if not resource.follows or resource.name in refused:
            continue
        # Never read whole: this mirror is older than the kind.
        new = resource.name in here.lists and here.lists[resource.name].watermark is None
        if new or names.intersection(resource.follows) or (git and GIT in resource.follows):
            names.add(resource.name)
    if git:
        names.add(GIT)
    return frozenset(names)


def look(client: InstallationClient, repositories: Iterable[Repository]) -> Look:
    """Which of `repositories` are to be read, and what of each.

    What was never imported, failed, or is in doubt is read without asking. A repository that GitHub
    does not show, or cannot tell about, is to be read too: that records why.
    """
    found = Look()
    asked = []
    for repository in repositories:
        if _settled(repository):
            asked.append(repository)
        else:
            found.to_read[repository.pk] = None
    groups = [asked[start : start + GROUP] for start in range(0, len(asked), GROUP)]
    refusals = [unavailable(repository.pk for repository in group) for group in groups]
    # What is asked for next is on its way meanwhile.
    read = [
        partial(NewsReader(client).read, group, refused)
        for group, refused in zip(groups, refusals, strict=True)
    ]
    for group, refused, news in zip(groups, refusals, in_order(read, _AT_ONCE), strict=True):
        again = to_ask_again(repository.pk for repository in group)
        list_soon(news.hidden)
        here = standing(repository.pk for repository in group)
        children = waiting([repository.pk for repository in group], refused)
        for repository in group:
            pk = repository.pk
            if pk not in news.there or pk not in here:
                found.to_read[pk] = None
                continue
            # What is refused is asked for at each sync; what is switched off is not.
            names = moved(news.there[pk], here[pk], refused[pk]) | again[pk] | children[pk]
            if names or here[pk].unfinished:
                found.to_read[pk] = names
            else:
                found.unchanged.add(pk)
    return found


def _settled(repository: Repository) -> bool:
    return bool(
        repository.imported_at is not None
        and repository.sync_state == Repository.SyncState.SYNCED
        and repository.dirty_at is None
        and repository.node_id
        and repository.clone_url
    )


class NewsReader:
    """Asks GitHub what is new, as many repositories at a time as it can answer."""

    def __init__(self, client: InstallationClient) -> None:
        self._client = client
        self._size = GROUP
        self._answered = False
        self._gave_up = 0

    def read(
        self,
        repositories: Sequence[Repository],
        refused: Mapping[int, Collection[str]] | None = None,
    ) -> News:
        """The news of `repositories`, each of which is in one part of the answer.

        Of most that is switched off GitHub has an empty list. Where a null takes its whole
        repository along, it is asked about again without its `refused` kinds.
        Raises what the client raises, but for a repository that alone is too heavy or wrong.
        """
        news = self._read_all(repositories, frozenset())
        alike: dict[frozenset[str], list[Repository]] = defaultdict(list)
        for one in repositories:
            kinds = frozenset((refused or {}).get(one.pk, ()))
            if kinds and one.pk in news.unknown:
                alike[kinds].append(one)
        for without, some in alike.items():
            news.unknown -= {one.pk for one in some}
            news.add(self._read_all(some, without))
        return news

    def _read_all(self, repositories: Sequence[Repository], without: Collection[str]) -> News:
        news = News()
        start = 0
        while start < len(repositories):
            group = repositories[start : start + self._size]
            start += len(group)
            news.add(self._read(group, without))
            self._size = min(GROUP, self._size + _GROWTH)
        return news

    def _read(self, group: Sequence[Repository], without: Collection[str]) -> News:
        try:
            news = self._ask(group, without)
        except GraphQLTooHeavy:
            if len(group) == 1:
                self._gave_up += 1
                if not self._answered and self._gave_up >= _OUTAGE:
                    raise  # no repository's fault: GitHub is down
                logger.warning("GraphQL gives up on %s alone", group[0])
                return News(unknown={group[0].pk})
            middle = len(group) // 2
            self._size = min(self._size, max(middle, _GROWTH))
            news = self._read(group[:middle], without)
            news.add(self._read(group[middle:], without))
            return news
        self._answered = True
        return news

    def _ask(self, group: Sequence[Repository], without: Collection[str]) -> News:
        query = _query(without)
        # A count alone costs nothing: these have a list of their own in the query.
        asked = [one.name for one in listed_resources() if one.news and one.news.clock]
        try:
            with made_for(name for name in asked if name not in without):
                data = self._client.graphql(query, {"ids": [r.node_id for r in group]}).data
        except GraphQLError as error:
            spoilt = {index for one in error.errors if (index := _index(one)) is not None}
            if not spoilt or max(spoilt) >= len(group):
                raise
            logger.warning("no news of %d repositories: %s", len(spoilt), error)
            others = [one for index, one in enumerate(group) if index not in spoilt]
            news = self._ask(others, without) if others else News()
            news.unknown |= {group[index].pk for index in spoilt}
            return news
        news = News()
        for repository, node in zip(group, data.get("nodes") or [], strict=False):
            if not node:
                news.hidden.add(repository.pk)
            elif node.get("databaseId") in (None, repository.pk):
                news.there[repository.pk] = _there(node)
        news.unknown |= {r.pk for r in group} - news.there.keys() - news.hidden
        return news


def _query(without: Collection[str]) -> str:
    lists = " ".join(
        f"{r.name}: {_asked(r.news)}"
        for r in listed_resources()
        if r.news is not None and r.name not in without
    )
    return (
        "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Repository { databaseId pushedAt "
        f"defaultBranchRef {{ name target {{ oid }} }} {lists} }} }} }}"
    )


def _asked(news: Signal) -> str:
    if news.scalar:
        return news.scalar
    if not news.order:
        return f"{news.connection} {{ totalCount }}"
    order = f"orderBy: {{field: {news.order}, direction: DESC}}"
    return f"{news.connection}(first: 1, {order}) {{ totalCount nodes {{ {news.clock} }} }}"


def _index(error: Mapping[str, Any]) -> int | None:
    """Which of the nodes an error is about; None if it is about the query."""
    path = error.get("path")
    if isinstance(path, list) and len(path) > 1 and path[0] == "nodes":
        return path[1] if isinstance(path[1], int) else None
    return None


def _there(node: Mapping[str, Any]) -> There:
    lists = {}
    for resource in listed_resources():
        page = node.get(resource.name)
        if isinstance(page, int):
            page = {"totalCount": page}
        if resource.news and page and page.get("totalCount") is not None:
            newest = next((one for one in page.get("nodes") or [] if one), None)
            lists[resource.name] = ListThere(
                page["totalCount"],
                moment(newest.get(resource.news.clock)) if newest else None,
                tells_changes=bool(resource.news.clock),
            )
    branch = node.get("defaultBranchRef") or {}
    return There(
        lists=lists,
        pushed_at=moment(node.get("pushedAt")),
        default_branch=branch.get("name") or "",
        head=(branch.get("target") or {}).get("oid") or "",
    )
