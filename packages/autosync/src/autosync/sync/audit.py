"""Compare the mirror with GitHub at the least cost, repair what differs, record the verdict."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Sum
from django.utils import timezone

from autosync import moments
from autosync.database import is_away
from autosync.github import InstallationClient, InstallationSuspended, Priority, QuotaExhausted
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
from autosync.sync import foreign, unread
from autosync.sync.commits import CHUNK, chunks, marked_from, refs_here
from autosync.sync.due import IN_FLIGHT
from autosync.sync.errors import Busy, is_passing, log_failure
from autosync.sync.identity import advertised, fetched
from autosync.sync.listing import PAGE, ask_whether_on, pages
from autosync.sync.locks import exclusive
from autosync.sync.names import Names, carriers_of_others, names_there
from autosync.sync.news import NewsReader, There, changed_since
from autosync.sync.reconcile import GitHubSyncManager
from autosync.sync.refetch import listed_resources, refetch
from autosync.sync.refusals import refusal_of, unavailable
from autosync.sync.sick import GitHubAway, github_answers
from autosync.sync.standing import standing

logger = logging.getLogger(__name__)
Problem = AuditFinding.Problem
Kind = AuditFinding.Kind

# Until one that could not be compared is tried again.
_AGAIN = timedelta(minutes=10)
_LOOK_AGAIN = 2.0  # seconds until a ref that differs is looked at once more
# The deliveries among which the cause of a difference is looked for.
_DELIVERIES = 500


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

    Unchanged repositories cost: two GraphQL points per hundred for the news of them, and one
    `ls-remote` each that is outside the quota. Objects are listed only where these differ, or all
    of them if `deep`, a hundred a point. `names` compares the names of labels and milestones too,
    three points per hundred repositories, and asks whose the commits are that no ref reaches, a
    hundred a point.
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
        self.reader = NewsReader(self.client)

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
        left_out: dict[str, str] = {}
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
            sick = targets.filter(failures__gt=0)
            left_out |= dict(sick.values_list("full_name", "sync_error"))
            for group in chunks(targets.filter(failures=0), PAGE):
                refused = unavailable(one.pk for one in group)
                news = self.reader.read(group, refused)
                there = news.there
                names = self._names(group, refused) if self.names else {}
                left_out |= {
                    one.full_name: "GitHub could not say what it has"
                    for one in group
                    if one.pk in news.unknown
                }
                left_out |= {
                    f"{one.full_name} ({name})": "GitHub does not show it"
                    for one in group
                    for name in sorted(refused[one.pk])
                }
                reached("audit: counted")
                for repository in group:
                    started_at = timezone.now()
                    if repository.pk in there:  # else gone since: the next listing hides it
                        with self._alone(repository, left_out):
                            said = there[repository.pk]
                            self._audit(audit, repository, said, names.get(repository.pk))
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
            audit.left_out = "\n".join(f"{name}: {why}" for name, why in left_out.items())[:10_000]
            audit.save()
        return audit

    @contextmanager
    def _alone(self, repository: Repository, left_out: dict[str, str]) -> Iterator[None]:
        """One that fails is recorded, and the audit of the others goes on."""
        try:
            yield
        except (Busy, QuotaExhausted, InstallationSuspended, GitHubAway):
            raise
        except Exception as error:
            if is_away(error) or (is_passing(error) and not github_answers(self.client)):
                raise
            log_failure(logger, error, "the audit of %s failed", repository)
            left_out[repository.full_name] = str(error)
            if refusal_of(error) is None:
                later = timezone.now() + _AGAIN
                Repository.objects.filter(pk=repository.pk).update(audit_due_at=later)

    def _audit(
        self,
        audit: Audit,
        repository: Repository,
        news: There,
        names: Names | None,
    ) -> None:
        started_at = timezone.now()
        with exclusive("repository", repository.pk, wait=True):
            refused = unavailable([repository.pk])[repository.pk]
            found = [] if "commit" in refused else self._refs(repository)
            here = standing([repository.pk])[repository.pk].lists
            lists = {name: one for name, one in news.lists.items() if name not in refused}
            changed = {name for name, one in lists.items() if changed_since(one, here.get(name))}
            # Counted again: the first count may be minutes old.
            counted = all(one.total == here[name].alive for name, one in lists.items())
            differing = set() if counted else self._differing(repository)
            for resource in self._readable(repository):
                differ = resource.name in differing
                if resource.name in changed or differ or self.deep:
                    found += self._objects(resource, repository, whole=differ or self.deep)
                if names is not None:
                    found += _misnamed(resource, repository, names, found)
            if self.deep:
                found += self._commits(repository)
            if self.names:
                found += [
                    Difference("commit", sha, Problem.SURPLUS)
                    for sha in foreign.foreign_commits(repository, self.client)
                ]
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

    def _names(
        self, group: Sequence[Repository], refused: Mapping[int, Set[str]]
    ) -> dict[int, Names]:
        lists = {one.name for one in listed_resources()}
        return names_there(self.client, [one for one in group if not lists <= refused[one.pk]])

    def _readable(self, repository: Repository) -> list[Resource]:
        """The lists that GitHub shows; of the others nothing can be said."""
        refused = unavailable([repository.pk])[repository.pk]
        return [one for one in listed_resources() if one.name not in refused]

    # What GitHub has.

    def _differing(self, repository: Repository) -> set[str]:
        """The lists that hold another number of objects at GitHub than here, asked now."""
        refused = unavailable([repository.pk])
        news = self.reader.read([repository], refused).there.get(repository.pk)
        readable = self._readable(repository)
        if news is None:
            return {resource.name for resource in readable}
        return {
            resource.name
            for resource in listed_resources()
            if resource.name in news.lists
            and news.lists[resource.name].total != unread.accounted(resource, repository)
        }

    def _refs(self, repository: Repository) -> list[Difference]:
        found = self._refs_now(repository)
        if not found:
            return []
        time.sleep(_LOOK_AGAIN)  # its push may be on its way
        return self._refs_now(repository)

    def _refs_now(self, repository: Repository) -> list[Difference]:
        remote = advertised(repository, self.client)
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
                one = unread.of_node(node, "")
                with suppress(*unread.ODD):
                    clock = moments.moment(node["updatedAt"]) or moments.LATEST
                    if one.key is not None:
                        there[one.key] = (one.node_id, clock)
            if since is not None and there and min(at for _, at in there.values()) < since:
                break
        assert asked_at is not None
        if since is None and not there:
            ask_whether_on(resource, repository, self.client)
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
        not_read = unread.keys(resource, repository)
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
        return found

    def _commits(self, repository: Repository) -> list[Difference]:
        """Commits that git reaches and the mirror has not; those it does not reach are marked."""
        with exclusive("git", repository.pk, wait=True):  # its cache stays meanwhile
            return self._commits_of_git(repository)

    def _commits_of_git(self, repository: Repository) -> list[Difference]:
        reader = fetched(repository, self.client)
        heads = sorted({sha for name, sha in reader.refs().items() if split_ref(name)})
        foreign.mark_unreached(repository, reader, heads)
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
        commits = [one for one in found if one.resource == "commit"]
        foreign.remove(repository, [c.key for c in commits if c.problem is Problem.SURPLUS])
        if any(one.problem is Problem.MISSING for one in commits):
            # The heads whose history counts as stored are forgotten: git's log is read again.
            ResourceCursor.objects.filter(repository=repository, resource="commit").update(
                cursor="", state=ResourceCursor.State.RUNNING
            )
        repository.refresh_from_db()
        self.manager.sync_repository(repository)
        self._verify(repository, found)

    def _verify(self, repository: Repository, found: list[Difference]) -> None:
        """Look again: a repair is one only if nothing differs any more."""
        wrong = self._differing(repository)
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
