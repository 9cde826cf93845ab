"""What of one repository differs between the mirror and GitHub."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from django.utils import timezone

from autosync import moments
from autosync.github import InstallationClient
from autosync.kinds import listed_resources
from autosync.kinds._events import Resource
from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.people import current
from autosync.models import AuditFinding, Commit, Repository, ResourceCursor
from autosync.sync import counted, unread
from autosync.sync.audit import foreign
from autosync.sync.audit.children import ChildrenComparison
from autosync.sync.audit.difference import Difference
from autosync.sync.audit.names import Names, carriers_of_others
from autosync.sync.audit.sets import set_differences, set_fields
from autosync.sync.commits import CHUNK, chunks, followed, marked_from, refs_here
from autosync.sync.identity import advertised, fetched
from autosync.sync.listing import ask_whether_on, pages
from autosync.sync.locks import exclusive
from autosync.sync.news import NewsReader
from autosync.sync.refusals import unavailable
from autosync.sync.standing import GIT

Problem = AuditFinding.Problem
_REF = "ref"
_LOOK_AGAIN = 2.0  # seconds until a ref that differs is looked at once more


class Comparison:
    """Asks GitHub about one repository, each time anew."""

    def __init__(
        self, repository: Repository, client: InstallationClient, reader: NewsReader
    ) -> None:
        current()  # rows are made without forgotten people
        self.repository = repository
        self.client = client
        self.reader = reader
        self.children = ChildrenComparison(repository, client)

    def readable(self) -> list[Resource]:
        """The lists that GitHub shows; of the others nothing can be said."""
        refused = unavailable([self.repository.pk])[self.repository.pk]
        return [one for one in listed_resources() if one.name not in refused]

    def differing_lists(self) -> set[str]:
        """The lists that hold another number of objects at GitHub than here, asked now."""
        refused = unavailable([self.repository.pk])
        news = self.reader.read([self.repository], refused).there.get(self.repository.pk)
        readable = self.readable()
        if news is None:
            return {resource.name for resource in readable}
        return {
            resource.name
            for resource in readable
            if resource.name in news.lists
            and news.lists[resource.name].total != unread.accounted(resource, self.repository)
        } | {resource.name for resource in readable if counted.differing(resource, self.repository)}

    def refs(self) -> list[Difference]:
        """Refs that differ, and still do a moment later."""
        found = self.refs_now()
        if not found:
            return []
        time.sleep(_LOOK_AGAIN)  # its push may be on its way
        return self.refs_now()

    def refs_now(self) -> list[Difference]:
        """Refs that differ, or the default branch that commits are not marked by."""
        remote = advertised(self.repository, self.client)
        there = followed(remote)
        here = refs_here(self.repository)
        found = [
            Difference(
                _REF,
                name,
                Problem.SURPLUS
                if name not in there
                else Problem.MISSING
                if name not in here
                else Problem.STALE,
            )
            for name in sorted(there.keys() | here.keys())
            if there.get(name) != here.get(name)
        ]
        return found or self._default_branch(there)

    def _default_branch(self, there: Mapping[str, str]) -> list[Difference]:
        """Which branch is the default may change without any ref; commits are marked by it."""
        self.repository.refresh_from_db(fields=["default_branch", "observed_at"])
        name = f"refs/heads/{self.repository.default_branch}"
        if there.get(name, "") == marked_from(self.repository):
            return []
        settled = timezone.now() - IN_FLIGHT
        if (
            self.repository.observed_at > settled
            or self.repository.refs.filter(observed_at__gt=settled).exists()
        ):
            return []
        return [Difference(_REF, name, Problem.STALE)]

    def objects(self, resource: Resource, *, whole: bool) -> list[Difference]:
        """Differences by id and clock, of the whole list or of what changed since the last look;
        of the whole list also in what the objects carry.
        """
        listing = resource.listing
        assert listing is not None
        since = None
        order = "orderBy: {field: CREATED_AT, direction: ASC}"
        if not whole:
            cursor = ResourceCursor.objects.filter(
                repository=self.repository, resource=resource.name
            ).first()
            since = cursor.watermark if cursor else None
            order = "orderBy: {field: UPDATED_AT, direction: DESC}"
        fields = f"id fullDatabaseId updatedAt {set_fields(resource) if whole else ''}"
        settled = timezone.now() - IN_FLIGHT
        sets: list[Difference] = []
        asked_at: datetime | None = None
        there: dict[int, tuple[str, datetime]] = {}
        for at, page in pages(listing.connection, self.repository, self.client, order, fields, ""):
            asked_at = asked_at or at
            if whole:
                nodes, home = page["nodes"], self.repository.pk
                sets += set_differences(resource, self.client, nodes, home, settled)
            for node in page["nodes"]:
                one = unread.of_node(node, "")
                with suppress(*unread.ODD):
                    clock = moments.moment(node["updatedAt"]) or moments.LATEST
                    if one.key is not None:
                        there[one.key] = (one.node_id, clock)
            if since is not None and there and min(at for _, at in there.values()) < since:
                break
        assert asked_at is not None
        if since is None and not there:
            ask_whether_on(resource, self.repository, self.client)
        rows = resource.merge.model._default_manager.filter(repository=self.repository)
        known = rows if since is None else rows.filter(pk__in=there)
        here = {
            pk: (clock, deleted, observed, node_id)
            for pk, clock, deleted, observed, node_id in known.values_list(
                "pk", "updated_at", "deleted_at", "observed_at", "node_id"
            )
        }
        found = []
        not_read = unread.keys(resource, self.repository)
        for pk, (node_id, clock) in there.items():
            if pk in not_read or clock > settled or (since is not None and clock < since):
                continue
            mine = here.get(pk)
            if mine is None or mine[1] is not None:
                found.append(Difference(resource.name, str(pk), Problem.MISSING, node_id))
            elif mine[0] is None or mine[0] < clock:
                found.append(Difference(resource.name, str(pk), Problem.STALE, node_id))
        if since is None:
            found += [
                Difference(resource.name, str(pk), Problem.SURPLUS, node_id)
                for pk, (_, deleted, observed, node_id) in here.items()
                if deleted is None and pk not in there and observed < settled
            ]
        return [*found, *sets]

    def commits(self) -> list[Difference]:
        """Commits that git reaches and the mirror has not; those it does not reach are marked."""
        with exclusive("git", self.repository.pk, wait=True):  # its cache stays meanwhile
            return self._commits_of_git()

    def _commits_of_git(self) -> list[Difference]:
        reader = fetched(self.repository, self.client)
        heads = sorted(set(followed(reader.refs()).values()))
        foreign.mark_unreached(self.repository, reader, heads)
        found = []
        for chunk in chunks(reader.commits(new=heads, known=[]), CHUNK):
            shas = {commit.sha for commit in chunk}
            rows = Commit.objects.filter(repository=self.repository, sha__in=shas, complete=True)
            found += [
                Difference(GIT, sha, Problem.MISSING)
                for sha in sorted(shas - set(rows.values_list("sha", flat=True)))
            ]
        return found

    def foreign_commits(self) -> list[Difference]:
        """Commits of another repository."""
        return [
            Difference(GIT, sha, Problem.SURPLUS)
            for sha in foreign.foreign_commits(self.repository, self.client)
        ]

    def misnamed(
        self, resource: Resource, names: Names, known: Sequence[Difference]
    ) -> list[Difference]:
        """Objects not `known` to differ that carry names which the repository does not have."""
        keys = {one.key for one in known if one.resource == resource.name}
        return [
            Difference(resource.name, str(key), Problem.STALE, node_id)
            for key, node_id in carriers_of_others(resource, self.repository, names)
            if str(key) not in keys
        ]
