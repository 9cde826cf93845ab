"""Compare the mirror with GitHub at the least cost, repair what differs, record the verdict."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Sum
from django.utils import timezone

from autosync.github import InstallationClient, Priority
from autosync.github.errors import GitHubError
from autosync.killpoints import reached
from autosync.mirror.models import (
    Audit,
    AuditFinding,
    Commit,
    Delivery,
    GitHubAppInstallation,
    QuotaBudget,
    Repository,
    ResourceCursor,
)
from autosync.resources.base import Resource
from autosync.resources.commit import split_ref
from autosync.sync import connect
from autosync.sync.commits import CHUNK, chunks, marked_from, refs_here
from autosync.sync.due import IN_FLIGHT
from autosync.sync.errors import Busy
from autosync.sync.listing import PAGE, alive, pages
from autosync.sync.locks import exclusive
from autosync.sync.names import Names, carriers_of_others, names_there
from autosync.sync.reconcile import GitHubSyncManager
from autosync.sync.refetch import listed_resources, refetch

logger = logging.getLogger(__name__)
Problem = AuditFinding.Problem
Kind = AuditFinding.Kind

_LOOK_AGAIN = 2.0  # seconds until a ref that differs is looked at once more
# The deliveries among which the cause of a difference is looked for.
_DELIVERIES = 500
_COUNTS = (
    "query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Repository {{ databaseId {lists} }} }} }}"
)


@dataclass
class Difference:
    """An object that differs. `node_id` is empty for refs and commits."""

    resource: str
    key: str
    problem: Problem
    node_id: str = ""
    repaired: bool = False


def finish_abandoned() -> None:
    """Finish the records of audits that nobody is at: no other may follow for a day."""
    left = Audit.objects.filter(finished_at__isnull=True)
    for installation_id in left.values_list("installation_id", flat=True).distinct():
        with suppress(Busy), exclusive("audit", installation_id, wait=False):
            _finish_left_open(installation_id)


def _finish_left_open(installation_id: int) -> None:
    """For who holds the installation's lock: an audit that is open was left by a dead worker."""
    Audit.objects.filter(installation_id=installation_id, finished_at__isnull=True).update(
        finished_at=timezone.now(), error="Its worker was killed before the audit ended."
    )


class Auditor:
    """Audits one installation.

    Unchanged repositories cost: one GraphQL point per hundred for the counts, one conditional
    request each that is free, one `ls-remote` each that is outside the quota. Objects are listed
    only where these differ, or all of them if `deep`, a hundred a point. `names` compares the
    names of labels and milestones too, three points per hundred repositories.
    """

    def __init__(
        self,
        installation: GitHubAppInstallation,
        *,
        deep: bool = False,
        names: bool = False,
        repair: bool = True,
    ) -> None:
        self.installation = installation
        self.deep = deep
        self.names = names or deep
        self.repair = repair
        self.manager = GitHubSyncManager(installation, Priority.RECONCILE)
        self.client: InstallationClient = self.manager.client

    def run(self, repositories: Iterable[Repository] | None = None) -> Audit:
        """Audit the given repositories, or all; the record is finished, also after an error."""
        with exclusive("audit", self.installation.pk, wait=True):
            _finish_left_open(self.installation.pk)
            return self._run(repositories)

    def _run(self, repositories: Iterable[Repository] | None) -> Audit:
        audit = Audit.objects.create(
            installation=self.installation, deep=self.deep, started_at=timezone.now()
        )
        spent = self._spent()
        try:
            self.manager.sync_repositories()
            targets = (
                Repository.visible()
                .filter(
                    installation=self.installation,
                    auto_sync_enabled=True,
                    imported_at__isnull=False,
                )
                .order_by("pk")
            )
            if repositories is not None:
                targets = targets.filter(pk__in=[r.pk for r in repositories])
            for group in chunks(targets, PAGE):
                there = self._counts(group)
                here = self._counts_here(group)
                names = names_there(self.client, group) if self.names else {}
                reached("audit: counted")
                for repository in group:
                    started_at = timezone.now()
                    if repository.pk in there:  # else gone since: the next listing hides it
                        self._audit(audit, repository, there, here, names.get(repository.pk))
                    Repository.objects.filter(
                        pk=repository.pk, audit_due_at__lte=started_at
                    ).update(audit_due_at=None)
                    reached("audit: repository done, verdict not written")
        except GitHubError as error:
            audit.error = str(error)
            raise
        finally:
            audit.points = self._spent() - spent
            audit.finished_at = timezone.now()
            audit.save()
        return audit

    def _audit(
        self,
        audit: Audit,
        repository: Repository,
        there: Mapping[int, Mapping[str, int]],
        here: Mapping[int, Mapping[str, int]],
        names: Names | None,
    ) -> None:
        started_at = timezone.now()
        with exclusive("repository", repository.pk, wait=True):
            found = self._refs(repository)
            changed = self.manager.something_changed(repository)
            suspicious = there[repository.pk] != here[repository.pk]
            now = self._counts([repository]).get(repository.pk, {}) if suspicious else {}
            for resource in listed_resources():
                # Counted again: the first count may be minutes old.
                differ = suspicious and now.get(resource.name) != alive(resource, repository)
                if changed or differ or self.deep:
                    found += self._objects(resource, repository, whole=differ or self.deep)
                if names is not None:
                    found += _misnamed(resource, repository, names, found)
            if self.deep:
                found += self._commits(repository)
            findings = self._record(audit, repository, found)
            if found:
                reached("audit: found, not repaired")
            if self.repair and (found or changed):
                self._repair(repository, found)
                reached("audit: repaired, not recorded")
                self._record_repairs(findings, found)
        audit.repositories += 1
        audit.equal += not found
        audit.found += len(found)
        audit.repaired += sum(one.repaired for one in found)
        if all(one.repaired for one in found):
            Repository.objects.filter(pk=repository.pk).update(equal_at=started_at)

    # What GitHub has.

    def _counts(self, group: Sequence[Repository]) -> dict[int, dict[str, int]]:
        """Repository → resource → how many there are; a hundred repositories a point."""
        names = {r.name: r.listing.connection for r in listed_resources() if r.listing}
        lists = " ".join(
            f"{name}: {connection} {{ totalCount }}" for name, connection in names.items()
        )
        ids = [repository.node_id for repository in group]
        reply = self.client.graphql(_COUNTS.format(lists=lists), {"ids": ids})
        return {
            repository.pk: {name: node[name]["totalCount"] for name in names}
            for repository, node in zip(group, reply.data.get("nodes") or [], strict=False)
            if node
        }

    def _counts_here(self, group: Sequence[Repository]) -> dict[int, dict[str, int]]:
        ids = [repository.pk for repository in group]
        found: dict[int, dict[str, int]] = {pk: {} for pk in ids}
        for resource in listed_resources():
            rows = resource.merge.model._default_manager.filter(
                repository__in=ids, deleted_at__isnull=True
            )
            counted = dict(rows.values_list("repository").annotate(Count("pk")).order_by())
            for pk in ids:
                found[pk][resource.name] = counted.get(pk, 0)
        return found

    def _refs(self, repository: Repository) -> list[Difference]:
        found = self._refs_now(repository)
        if not found:
            return []
        time.sleep(_LOOK_AGAIN)  # its push may be on its way
        return self._refs_now(repository)

    def _refs_now(self, repository: Repository) -> list[Difference]:
        remote = connect.git_reader(repository, self.client).ls_remote()
        there = {name: sha for name, sha in remote.items() if split_ref(name)}
        here = refs_here(repository)
        found = [
            Difference(
                "ref",
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
        return found or self._default_branch(repository, there)

    def _default_branch(self, repository: Repository, there: Mapping[str, str]) -> list[Difference]:
        """Which branch is the default may change without any ref; commits are marked by it."""
        repository.refresh_from_db(fields=["default_branch", "observed_at"])
        name = f"refs/heads/{repository.default_branch}"
        if there.get(name, "") == marked_from(repository):
            return []
        settled = timezone.now() - IN_FLIGHT
        if (
            repository.observed_at > settled
            or repository.refs.filter(observed_at__gt=settled).exists()
        ):
            return []
        return [Difference("ref", name, Problem.STALE)]

    def _objects(
        self, resource: Resource, repository: Repository, *, whole: bool
    ) -> list[Difference]:
        """Differences by id and clock, of the whole list or of what changed since the last look."""
        listing = resource.listing
        assert listing is not None
        since = None
        order = "orderBy: {field: CREATED_AT, direction: ASC}"
        if not whole:
            cursor = ResourceCursor.objects.filter(
                repository=repository, resource=resource.name
            ).first()
            since = cursor.watermark if cursor else None
            order = "orderBy: {field: UPDATED_AT, direction: DESC}"
        fields = "id fullDatabaseId updatedAt"
        asked_at: datetime | None = None
        there: dict[int, tuple[str, datetime]] = {}
        for at, page in pages(listing.connection, repository, self.client, order, fields, ""):
            asked_at = asked_at or at
            for node in page["nodes"]:
                if node:
                    clock = datetime.fromisoformat(node["updatedAt"])
                    there[int(node["fullDatabaseId"])] = (node["id"], clock)
            if since is not None and there and min(at for _, at in there.values()) < since:
                break
        assert asked_at is not None
        settled = asked_at - IN_FLIGHT
        rows = resource.merge.model._default_manager.filter(repository=repository)
        known = rows if since is None else rows.filter(pk__in=there)
        here = {
            pk: (clock, deleted, observed, node_id)
            for pk, clock, deleted, observed, node_id in known.values_list(
                "pk", "updated_at", "deleted_at", "observed_at", "node_id"
            )
        }
        found = []
        for pk, (node_id, clock) in there.items():
            if clock > settled or (since is not None and clock < since):
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
        return found

    def _commits(self, repository: Repository) -> list[Difference]:
        """Commits that git reaches and the mirror has not."""
        with exclusive("git", repository.pk, wait=True):  # its cache stays meanwhile
            return self._commits_of_git(repository)

    def _commits_of_git(self, repository: Repository) -> list[Difference]:
        reader = connect.git_reader(repository, self.client)
        reader.sync()
        heads = sorted({sha for name, sha in reader.refs().items() if split_ref(name)})
        found = []
        for chunk in chunks(reader.commits(new=heads, known=[]), CHUNK):
            shas = {commit.sha for commit in chunk}
            rows = Commit.objects.filter(repository=repository, sha__in=shas, complete=True)
            found += [
                Difference("commit", sha, Problem.MISSING)
                for sha in sorted(shas - set(rows.values_list("sha", flat=True)))
            ]
        return found

    # Repairs, through the same door as everything else.

    def _repair(self, repository: Repository, found: list[Difference]) -> None:
        by_name = {resource.name: resource for resource in listed_resources()}
        for name, resource in by_name.items():
            nodes = {one.node_id: int(one.key) for one in found if one.resource == name}
            for group in chunks(nodes.items(), PAGE):
                refetch(resource, self.client, dict(group))
        if any(one.resource == "commit" for one in found):
            # The heads whose history counts as stored are forgotten: git's log is read again.
            ResourceCursor.objects.filter(repository=repository, resource="commit").update(
                cursor="", state=ResourceCursor.State.RUNNING
            )
        repository.refresh_from_db()
        self.manager.sync_repository(repository, force=True)
        self._verify(repository, found)

    def _verify(self, repository: Repository, found: list[Difference]) -> None:
        """Look again: a repair is one only if nothing differs any more."""
        there = self._counts([repository]).get(repository.pk, {})
        wrong = {
            resource.name
            for resource in listed_resources()
            if there.get(resource.name) != alive(resource, repository)
        }
        if any(one.resource in ("ref", "commit") for one in found) and self._refs_now(repository):
            wrong |= {"ref", "commit"}
        for one in found:
            one.repaired = one.resource not in wrong

    def _record(
        self, audit: Audit, repository: Repository, found: list[Difference]
    ) -> list[AuditFinding]:
        """Before the repair: a worker killed in its midst leaves word of what differed."""
        if not found:
            return []
        logger.warning("%s differed from GitHub in %d objects", repository, len(found))
        bodies = self._recent_deliveries(repository)
        findings = []
        for one in found:
            kind, cause = _cause(one, bodies)
            findings.append(
                AuditFinding(
                    audit=audit,
                    repository=repository,
                    resource=one.resource,
                    object_key=one.key[:255],
                    problem=one.problem,
                    kind=kind,
                    cause=cause,
                )
            )
        return AuditFinding.objects.bulk_create(findings)

    def _record_repairs(self, findings: list[AuditFinding], found: list[Difference]) -> None:
        for finding, one in zip(findings, found, strict=True):
            finding.repaired = one.repaired
        AuditFinding.objects.bulk_update(findings, ["repaired"], batch_size=1000)

    def _recent_deliveries(self, repository: Repository) -> list[tuple[str, bytes]]:
        rows = Delivery.objects.filter(repository_id=repository.pk).order_by("-id")
        return [
            (status, bytes(body))
            for status, body in rows.values_list("status", "body")[:_DELIVERIES]
        ]

    def _spent(self) -> int:
        budgets = QuotaBudget.objects.filter(installation_id=self.installation.pk)
        return int(budgets.aggregate(sum=Sum("spent"))["sum"] or 0)


def _misnamed(
    resource: Resource, repository: Repository, names: Names, known: Sequence[Difference]
) -> list[Difference]:
    keys = {one.key for one in known if one.resource == resource.name}
    return [
        Difference(resource.name, str(key), Problem.STALE, node_id)
        for key, node_id in carriers_of_others(resource, repository, names)
        if str(key) not in keys
    ]


def _cause(one: Difference, deliveries: Sequence[tuple[str, bytes]]) -> tuple[Kind, str]:
    """What the inbox knows of the object, in a word and in words; a guess, said as one."""
    mark = (one.node_id or one.key).encode()
    fates = [status for status, body in deliveries if mark in body]
    if not fates:
        return Kind.LOST, "no delivery about it is in the inbox: lost, or older than the inbox"
    if Delivery.Status.PARKED in fates:
        return Kind.LATE, "a delivery about it is parked"
    if Delivery.Status.PENDING in fates:
        return Kind.LATE, "a delivery about it is waiting"
    return Kind.BUG, "deliveries about it were applied: a later one was lost, or there is a bug"
