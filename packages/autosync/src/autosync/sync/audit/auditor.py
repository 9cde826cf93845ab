"""Compare the mirror with GitHub at the least cost, repair what differs, record the verdict."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Sum
from django.utils import timezone

from autosync.database import is_away
from autosync.github import InstallationClient, InstallationSuspended, Priority, QuotaExhausted
from autosync.github.errors import GitHubError
from autosync.github.purpose import made_for, turn_to
from autosync.killpoints import reached
from autosync.kinds import KINDS, account_kinds, git_lists, listed_resources, nested_kinds
from autosync.kinds._events import Resource
from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.models import (
    Audit,
    AuditFinding,
    GitHubAppInstallation,
    QuotaBudget,
    Repository,
    ResourceCursor,
)
from autosync.mirror.tallies import recount
from autosync.sync.accounts import AccountSync, reader_of
from autosync.sync.audit import carried, foreign
from autosync.sync.audit.accounts import audit_account
from autosync.sync.audit.compare import Comparison
from autosync.sync.audit.difference import Difference
from autosync.sync.audit.findings import record, record_repairs
from autosync.sync.audit.names import names_of
from autosync.sync.audit.sets import still_different
from autosync.sync.audit.shares import Shares
from autosync.sync.audit.silent import Silent, is_large, silent_differences
from autosync.sync.audit.small import There as SmallThere
from autosync.sync.audit.small import (
    counted_differences,
    differences,
    small_lists,
    told_by_clock,
)
from autosync.sync.audit.streams import Newest, newest
from autosync.sync.audit.streams import differences as of_stream
from autosync.sync.audit.unchanging import missing
from autosync.sync.commits import chunks
from autosync.sync.errors import Busy, is_passing, log_failure
from autosync.sync.followups import sync_gained
from autosync.sync.listing import PAGE
from autosync.sync.locks import exclusive
from autosync.sync.news import NewsReader, There, changed_since, moved
from autosync.sync.reconcile import GitHubSyncManager
from autosync.sync.refetch import refetch
from autosync.sync.refusals import refusal_of, unavailable
from autosync.sync.rest_listing import read_differing
from autosync.sync.rest_listing import read_whole as read_list
from autosync.sync.sets import read_sets
from autosync.sync.sick import GitHubAway, github_answers
from autosync.sync.standing import GIT, read_again_of, standing
from autosync.sync.stream import read_whole as read_stream

logger = logging.getLogger(__name__)
Problem = AuditFinding.Problem

# Objects of a repository and kind of which an audit reads what they carry, if that is not known.
_SETS = 10_000
# Until one that could not be compared is tried again.
_AGAIN = timedelta(minutes=10)


@dataclass(frozen=True)
class Lists:
    """What was read of one repository in queries about many."""

    small: SmallThere | None
    fronts: Mapping[str, Newest]
    silent: Sequence[Silent]
    shares: Shares


def finish_left_open(installation_id: int) -> None:
    """For who holds the installation's lock: an audit that is open was left by a dead worker."""
    Audit.objects.filter(installation_id=installation_id, finished_at__isnull=True).update(
        finished_at=timezone.now(), error="Its worker was killed before the audit ended."
    )


class Auditor:
    """Audits one installation.

    Unchanged repositories cost: two GraphQL points per hundred for the news of them, one for each
    small kind, whose lists are read whole, one per hundred objects that change in silence, one per
    hundred parents for each kind that comes unheard, of tonight's share, and one `ls-remote` each
    that is outside the quota. Others are listed only where these differ, or all of them if `deep`,
    a hundred a point. `names` compares the names of labels and milestones too, which is free, and
    asks whose the commits are that no ref reaches, a hundred a point.
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
            finish_left_open(self.installation.pk)
            return self._run(repositories)

    def _run(self, repositories: Iterable[Repository] | None) -> Audit:
        audit = Audit.objects.create(
            installation=self.installation, deep=self.deep, started_at=timezone.now()
        )
        spent = self._spent()
        left_out: dict[str, str] = {}
        try:
            if gained := self.manager.sync_repositories():
                sync_gained(self.installation.pk, gained)
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
                small = small_lists(self.client, group, refused)
                fronts = newest(self.client, group, refused)
                silent = {} if self.deep else silent_differences(self.client, group, refused)
                shown = [one for one in group if one.pk in there]
                shares = Shares(self.client, shown, refused)
                left_out |= {
                    one.full_name: "GitHub could not report its content"
                    for one in group
                    if one.pk in news.unknown
                }
                left_out |= {
                    f"{one.full_name} ({name})": "GitHub does not show it"
                    for one in group
                    for name in sorted(refused[one.pk])
                }
                left_out |= {
                    f"{cursor.repository} ({cursor.resource})": "its new columns are not known "
                    "yet: it is being read again"
                    for cursor in read_again_of(one.pk for one in group).select_related(
                        "repository"
                    )
                }
                reached("audit: counted")
                for repository in group:
                    started_at = timezone.now()
                    if repository.pk in there:  # else gone since: the next listing hides it
                        with self._alone(repository, left_out):
                            said = there[repository.pk]
                            pk = repository.pk
                            some = small.get(pk)
                            front = fronts.get(pk, {}) | (some.fronts if some else {})
                            lists = Lists(some, front, silent.get(pk, []), shares)
                            left_out |= self._audit(audit, repository, said, lists)
                    Repository.objects.filter(
                        pk=repository.pk, audit_due_at__lte=started_at
                    ).update(audit_due_at=None)
                    reached("audit: repository done, verdict not written")
            if repositories is None:
                with self._alone(None, left_out):
                    self._audit_account(audit, left_out)
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
    def _alone(self, repository: Repository | None, left_out: dict[str, str]) -> Iterator[None]:
        """One that fails is recorded, and the audit of the others goes on."""
        try:
            with made_for(["repository"]):
                yield
        except (Busy, QuotaExhausted, InstallationSuspended, GitHubAway):
            raise
        except Exception as error:
            if is_away(error) or (is_passing(error) and not github_answers(self.client)):
                raise
            name = repository.full_name if repository else str(self.installation)
            log_failure(logger, error, "the audit of %s failed", name)
            left_out[name] = str(error)
            if repository is not None and refusal_of(error) is None:
                later = timezone.now() + _AGAIN
                Repository.objects.filter(pk=repository.pk).update(audit_due_at=later)

    def _audit(
        self,
        audit: Audit,
        repository: Repository,
        news: There,
        read: Lists,
    ) -> dict[str, str]:
        """Returns which of its kinds could not be compared, each with its cause."""
        started_at = timezone.now()
        with exclusive("repository", repository.pk, wait=True):
            refused = unavailable([repository.pk])[repository.pk]
            compare = Comparison(repository, self.client, self.reader)
            found = [] if GIT in refused else compare.refs()
            stands = standing([repository.pk])[repository.pk]
            here = stands.lists
            lists = {name: one for name, one in news.lists.items() if name not in refused}
            changed = {name for name, one in lists.items() if changed_since(one, here.get(name))}
            # Counted again: the first count may be minutes old.
            counted = all(one.total == here[name].alive for name, one in lists.items())
            differing = set() if counted else compare.differing_lists()
            names = names_of(read.small.nodes) if self.names and read.small is not None else None
            for resource in compare.readable():
                turn_to(resource.name)
                read_sets(resource, repository, self.client, most=_SETS)
                if resource.rest is not None:
                    found += self._of_rest(resource, repository, read.small, read.silent)
                    continue
                differ = resource.name in differing
                if resource.stream is not None:
                    front, whole = read.fronts.get(resource.name), differ or self.deep
                    found += of_stream(resource, repository, self.client, front, whole=whole)
                    continue
                if resource.name in changed or differ or self.deep:
                    found += compare.objects(resource, whole=differ or self.deep)
                if names is not None:
                    found += compare.misnamed(resource, names, found)
            found += compare.children.compare_all(
                read.silent, read.shares, refused, whole=self.deep, repair=self.repair
            )
            turn_to(GIT)
            if self.deep:
                found += compare.commits()
            if self.names:
                found += compare.foreign_commits()
            to_read = moved(news, stands, refused)
            for one in found:
                # No event brings it: the next sync would, which is to read it anyway.
                one.waits |= one.resource in to_read and one.resource in _only_read()
            waiting = [one for one in found if one.waits]
            found = [one for one in found if not one.waits]
            if waiting:
                logger.info("%s had %d objects that waited to be read", repository, len(waiting))
            findings = record(audit, repository, found)
            if found:
                reached("audit: found, not repaired")
            to_repair = found + [one for one in waiting if one.resource in to_read]
            if self.repair and (to_repair or changed):
                self._repair(compare, to_repair)
                reached("audit: repaired, not recorded")
                record_repairs(findings, found)
            if wrong := recount(repository.pk):
                logger.warning("%d counts of %s were wrong: corrected", len(wrong), repository)
        audit.repositories += 1
        audit.equal += not found
        audit.waited += len(waiting)
        audit.found += len(found)
        audit.repaired += sum(one.repaired for one in found)
        if all(one.repaired for one in found):
            Repository.objects.filter(pk=repository.pk).update(equal_at=started_at)
        of = repository.full_name
        return {f"{of} ({name})": why for name, why in compare.children.left_out.items()}

    def _audit_account(self, audit: Audit, left_out: dict[str, str]) -> None:
        """What belongs to no repository, by the installation that reads for its account."""
        account = self.installation.account_id
        if not account_kinds() or not account or reader_of(account) != self.installation:
            return
        sync = AccountSync(self.installation)
        shown = sync.readable()
        left_out |= {
            f"{self.installation} ({kind.name})": "GitHub does not show it"
            for kind in account_kinds()
            if kind not in shown
        }
        audit_account(audit, sync, repair=self.repair)

    def _of_rest(
        self,
        resource: Resource,
        repository: Repository,
        small: SmallThere | None,
        silent: Sequence[Silent],
    ) -> list[Difference]:
        if resource.rest is not None and resource.rest.newest:
            return missing(resource, repository, self.client, whole=self.deep)
        if resource.under is not None and resource.under.moves_with:
            if self.deep or is_large(KINDS[resource.name], repository):
                return told_by_clock(resource, repository, self.client, whole=self.deep)
            return [one.difference for one in silent if one.difference.resource == resource.name]
        if resource.under is not None:
            return counted_differences(resource, repository, self.client)
        found = differences(resource, repository, small) if small is not None else []
        return found + (carried.differences(resource, repository, self.client) if self.deep else [])

    def _repair(self, compare: Comparison, found: list[Difference]) -> None:
        """Through the same door as everything else."""
        repository = compare.repository
        by_name = {resource.name: resource for resource in listed_resources()}
        for name, resource in by_name.items():
            if resource.rest is not None:
                # The sync below reads the others whole, or from where they were read last.
                mine = [one for one in found if one.resource == name]
                if resource.rest.newest and mine:
                    read_list(resource, repository, self.client)
                if resource.under is not None and mine:
                    if resource.under.moves_with and self.deep:
                        read_list(resource, repository, self.client)
                    elif resource.under.moves_with:
                        refetch(resource, self.client, {one.node_id: int(one.key) for one in mine})
                    read_differing(resource, repository, self.client)
                continue
            if resource.stream is not None:
                if any(one.resource == name for one in found):
                    read_stream(resource, repository, self.client)
                continue
            nodes = {
                one.node_id: int(one.key) for one in found if name in (one.resource, one.carrier)
            }
            for group in chunks(nodes.items(), PAGE):
                refetch(resource, self.client, dict(group))
        commits = [one for one in found if one.resource == GIT]
        foreign.remove(repository, [c.key for c in commits if c.problem is Problem.SURPLUS])
        if any(one.problem is Problem.MISSING for one in commits):
            # The heads whose history counts as stored are forgotten: git's log is read again.
            ResourceCursor.objects.filter(repository=repository, resource=GIT).update(
                cursor="", state=ResourceCursor.State.RUNNING
            )
        for kind in nested_kinds():
            compare.children.read_again(kind)
        repository.refresh_from_db()
        since = {one.resource for one in found} & {
            name for name, one in by_name.items() if one.under and one.under.moves_with
        }
        self.manager.sync_repository(repository)
        silent = silent_differences(self.client, [repository], {}).get(repository.pk, [])
        left = {name for name in since if self._of_rest(by_name[name], repository, None, silent)}
        _verify(compare, found, left)

    def _spent(self) -> int:
        budgets = QuotaBudget.objects.filter(installation_id=self.installation.pk)
        return int(budgets.aggregate(sum=Sum("spent"))["sum"] or 0)


def _only_read() -> set[str]:
    """The kinds of which no event brings anything, and the next sync all that differs.

    It reads what never changes down to what is here: behind that a gap stays, and is a difference.
    """
    return {
        kind.name
        for kind in KINDS.values()
        if kind.only_read
        and not kind.of_git
        and not (kind.resource.rest and kind.resource.rest.newest)
    }


def _verify(compare: Comparison, found: list[Difference], left: Set[str]) -> None:
    """Look again: a repair is one only if nothing differs any more. `left` still do."""
    wrong = compare.differing_lists() | left
    by_git = {GIT, *(kind.name for kind in git_lists())}
    if any(one.resource in by_git for one in found) and compare.refs_now():
        wrong |= by_git
    wrong |= {kind.name for kind in nested_kinds() if compare.children.still_differs(kind)}
    settled = timezone.now() - IN_FLIGHT
    for resource in listed_resources():
        wrong |= still_different(resource, compare.client, found, compare.repository.pk, settled)
    for one in found:
        one.repaired = one.resource not in wrong
