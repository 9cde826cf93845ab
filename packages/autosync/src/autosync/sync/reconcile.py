"""Import and reconcile one installation: the same steps, from a cursor or from a watermark."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from autosync import connect
from autosync.github import (
    GitHubError,
    InstallationClient,
    NotFound,
    Priority,
    QuotaExhausted,
    Unreadable,
)
from autosync.github.purpose import made_for
from autosync.killpoints import reached
from autosync.kinds import Derived, listed_resources, nested_kinds
from autosync.kinds._events import Resource
from autosync.kinds.installation import MERGE as INSTALLATION
from autosync.kinds.installation import row_from_rest as installation_row
from autosync.kinds.repository import MERGE as REPOSITORY
from autosync.kinds.repository import row_from_rest as repository_row
from autosync.mirror.doubt import audit_soon
from autosync.mirror.feed import FeedLine, publish
from autosync.mirror.models import GitHubAppInstallation, Repository
from autosync.mirror.upsert import Row, Rule, upsert
from autosync.sync import unread
from autosync.sync.absent import (
    installation_there,
    read_repositories,
    really_absent,
    repository_there,
)
from autosync.sync.children import sync_children
from autosync.sync.commit_files import sync_files
from autosync.sync.commits import refresh_contributors, sync_commits, sync_details
from autosync.sync.git_lists import GIT_LISTS, sync_git_lists
from autosync.sync.lists import sync_list
from autosync.sync.news import Look, Moved, look
from autosync.sync.parts import Parts
from autosync.sync.pull_git import RESOURCE as PULL_GIT
from autosync.sync.pull_git import sync_pull_git
from autosync.sync.queue import SYNC_GIT, defer
from autosync.sync.refetch import refetch
from autosync.sync.refusals import Refused, lacks, switched_off
from autosync.sync.standing import GIT, begin, was_read

logger = logging.getLogger(__name__)
Progress = Callable[[], None]


def _silent() -> None:
    """For callers who do not watch."""


class GitHubSyncManager:
    """Imports and reconciles one installation: its repositories, then each repository's content.

    Every write goes through `mirror.upsert`; every page and cursor is committed as it is read, so
    any method may be killed and called again. Errors are those of `autosync.github`.
    """

    def __init__(
        self, installation: GitHubAppInstallation, priority: Priority = Priority.RECONCILE
    ) -> None:
        self.installation = installation
        self.client: InstallationClient = connect.installation_client(installation.pk, priority)
        # What of GitHub's list of repositories could not be read, in a sentence.
        self.not_read = ""

    @classmethod
    def discover(cls) -> list[GitHubAppInstallation]:
        """Bring the list of installations in step with GitHub; returns those that are there."""
        client = connect.app_client()
        asked_at = timezone.now()
        listed = unread.items(client.installations(), installation_row)
        here = GitHubAppInstallation.objects.filter(
            deleted_at__isnull=True, observed_at__lt=asked_at
        )
        # One without a readable id may be any of those that seem to be missing.
        absent = set(here.values_list("pk", flat=True)) - set(listed.ids)
        absent = absent if listed.complete else set()

        def list_again() -> list[int] | None:
            again = unread.items(client.installations(), installation_row)
            return again.ids if again.complete else None

        gone = really_absent(
            absent, list_again, lambda pk: installation_there(client, pk, listed.rows)
        )
        ids = [*listed.ids, *sorted(absent - gone)]
        with transaction.atomic():
            unread.store(INSTALLATION, listed.rows, observed_at=asked_at, rule=Rule.AUTHORITATIVE)
            here.filter(pk__in=gone).update(deleted_at=asked_at)
        reached("discover: installations stored")
        return list(GitHubAppInstallation.objects.filter(pk__in=ids).order_by("pk"))

    def refresh_installation(self) -> bool:
        """Bring the installation's own row in step; False when GitHub no longer has it."""
        asked_at = timezone.now()
        try:
            document = connect.app_client().installation(self.installation.pk)
        except NotFound:
            GitHubAppInstallation.objects.filter(
                pk=self.installation.pk, deleted_at__isnull=True
            ).update(deleted_at=asked_at)
            return False
        for row in unread.items([document], installation_row).rows:
            upsert(INSTALLATION, [row], observed_at=asked_at, rule=Rule.AUTHORITATIVE)
        self.installation.refresh_from_db()
        return True

    def sync_repositories(self) -> list[int]:
        """List what the installation may see; returns the ids of repositories gained.

        A request per hundred. Repositories no longer listed are hidden, those listed again are
        shown again.
        """
        with made_for(["repository"]):
            return self._list_repositories()

    def _list_repositories(self) -> list[int]:
        started_at = timezone.now()
        documents, whole = read_repositories(self.client)
        reached("listing: repositories read, not stored")
        listed = unread.items(documents, self._row)
        # One without a readable id may be any of those that seem to be missing.
        whole = whole and listed.complete
        gone = self._gone(listed, started_at) if whole else set()
        return self._store_listing(listed, started_at, gone, whole=whole)

    def look(self, repositories: Iterable[Repository]) -> Look:
        """Ask GitHub which of `repositories` have anything new; see `autosync.sync.news`."""
        return look(self.client, repositories)

    def sync_repository(
        self,
        repository: Repository,
        *,
        moved: Moved = None,
        progress: Progress = _silent,
        read: Collection[str] = (),
    ) -> int:
        """Bring one repository's content in step with GitHub; returns how many rows changed.

        `moved` names the resources that GitHub said had changed, None reads all of them. It may be
        old: a list is read from its watermark, so what changed since is read too. Of the kinds that
        were `read` just now nothing is asked.
        """
        first = repository.imported_at is None
        if first:
            moved = None
        Repository.objects.filter(pk=repository.pk).update(
            sync_state=Repository.SyncState.IMPORTING if first else repository.sync_state
        )
        parts = Parts(repository, self.client)
        if not repository.node_id or not repository.clone_url:
            parts.run("repository", lambda: self._complete(repository))
            parts.finish()
            repository.refresh_from_db()
        count = 0
        if not parts.refused:
            work: dict[str, Callable[[], int]] = {}
            if moved is None or GIT in moved:
                work[GIT] = partial(sync_commits, repository, self.client, progress)
            for resource in listed_resources():
                if moved is None or resource.name in moved:
                    work[resource.name] = partial(self._sync_list, resource, repository, progress)
                elif resource.stream is None and (
                    again := unread.to_ask_again(resource, repository)
                ):
                    work[resource.name] = partial(refetch, resource, self.client, again)
            for kind in nested_kinds():  # after their parents
                work[kind.name] = partial(self._sync_children, kind, repository, progress)
            work[GIT_LISTS] = partial(sync_git_lists, repository, self.client, progress)
            work["commit_file"] = partial(sync_files, repository, self.client, progress)
            work[PULL_GIT] = partial(sync_pull_git, repository, self.client, progress)
            work["commit_detail"] = partial(sync_details, repository, self.client, progress)
            reached("reconcile: change announced, not read")
            for name in read:
                work.pop(name, None)
            for name in parts.in_order(work):
                count += parts.run(name, work[name])
                progress()
            refresh_contributors(repository)
        parts.finish()
        now = timezone.now()
        # Nothing at all was shown: it is not imported, and not failing either.
        imported = repository.imported_at is not None or bool(
            {GIT, *(one.name for one in listed_resources())} & (parts.done | set(read))
        )
        reached("reconcile: all read, not called synced")
        with transaction.atomic():
            Repository.objects.filter(pk=repository.pk).update(
                sync_state=Repository.SyncState.SYNCED
                if imported
                else Repository.SyncState.PENDING,
                sync_error=unread.sentence(repository),
                last_synced_at=now,
                imported_at=(repository.imported_at or now) if imported else None,
            )
            if first and imported:
                audit_soon([repository.pk])
                publish([_imported(repository)])
            progress()
        return count

    def _sync_list(self, resource: Resource, repository: Repository, progress: Progress) -> int:
        refusal = switched_off(resource, repository)
        if refusal is not None:
            raise Refused(refusal)
        if lacks(resource, repository):
            # A token keeps the permissions that it was made with.
            self.client.refuse_token(self.client.token())

        def read_list(client: InstallationClient) -> int:
            again = 0
            if resource.stream is None:  # what comes as edges has no node id
                again = refetch(resource, client, unread.to_ask_again(resource, repository))
            return again + sync_list(resource, repository, client, progress)

        return self._read(resource, repository, read_list)

    def _sync_children(self, kind: Derived, repository: Repository, progress: Progress) -> int:
        return self._read(
            kind.resource,
            repository,
            lambda client: sync_children(kind, repository, client, progress),
        )

    def _read(
        self,
        resource: Resource,
        repository: Repository,
        read: Callable[[InstallationClient], int],
    ) -> int:
        """What `read` returns. A kind that this mirror is older than, or was not allowed to read,
        is filled in the background and holds up nothing: its cursor says that it is not complete.
        """
        if was_read(resource, repository):
            return read(self.client)
        begin(resource, repository)
        if repository.imported_at is None:
            return read(self.client)
        behind = connect.installation_client(self.installation.pk, Priority.BACKFILL)
        try:
            return read(behind)
        except QuotaExhausted as error:
            logger.info("%s of %s goes on at the next sync: %s", resource.name, repository, error)
            return 0

    def sync_git(self, repository: Repository) -> int:
        """After a push: refs, missing commits, their details. Touches no list."""
        parts = Parts(repository, self.client)
        if not repository.node_id or not repository.clone_url:
            parts.run("repository", lambda: self._complete(repository))
            parts.finish()
            repository.refresh_from_db()
        if parts.refused:
            return 0
        # A first clone may take an hour: pushes that wait for it must not take every live slot.
        count = parts.run(GIT, lambda: sync_commits(repository, self.client, _silent, patience=1))
        count += parts.run(GIT_LISTS, lambda: sync_git_lists(repository, self.client, _silent))
        count += parts.run("commit_file", lambda: sync_files(repository, self.client, _silent))
        count += parts.run("commit_detail", lambda: sync_details(repository, self.client, _silent))
        refresh_contributors(repository)
        parts.finish()
        return count

    def sync_pull_git(self, repository: Repository) -> int:
        """After a pull request moved: what it brings, by git. Touches no list."""
        parts = Parts(repository, self.client)
        count = parts.run(
            PULL_GIT, lambda: sync_pull_git(repository, self.client, _silent, patience=1)
        )
        parts.finish()
        return count

    def _complete(self, repository: Repository) -> int:
        """A stub from an installation event: fetch the whole."""
        asked_at = timezone.now()
        reply = self.client.get(f"/repositories/{repository.pk}")
        try:
            row = repository_row(reply.fields(), self.installation.pk)
        except unread.ODD as error:
            raise Unreadable(
                f"GitHub's answer about {repository} is not as documented: {error}", url=reply.url
            ) from None
        return len(upsert(REPOSITORY, [row], observed_at=asked_at, rule=Rule.AUTHORITATIVE).changed)

    def _gone(self, listed: unread.Listed, started_at: datetime) -> set[int]:
        """Repositories shown until now that a whole list lacks, when GitHub stands by it."""
        shown = Repository.objects.filter(
            installation=self.installation, removed_at__isnull=True, observed_at__lt=started_at
        )
        absent = set(shown.values_list("pk", flat=True)) - set(listed.ids)

        def list_again() -> list[int] | None:
            documents, whole = read_repositories(self.client)
            again = unread.items(documents, self._row)
            return again.ids if whole and again.complete else None

        return really_absent(
            absent,
            list_again,
            lambda pk: repository_there(connect.app_client(), pk, self.installation.pk),
        )

    def _store_listing(
        self, listed: unread.Listed, started_at: datetime, gone: set[int], *, whole: bool
    ) -> list[int]:
        rows, ids = [*listed.rows, *self._read_alone(listed.odd)], listed.ids
        ours = Repository.objects.filter(installation=self.installation)
        with transaction.atomic():
            hidden = set(
                Repository.objects.filter(pk__in=ids, removed_at__lt=started_at).values_list(
                    "pk", flat=True
                )
            )
            seen = Repository.objects.filter(pk__in=ids)
            branches = dict(seen.values_list("pk", "default_branch"))
            result, refused = unread.store(
                REPOSITORY, rows, observed_at=started_at, rule=Rule.AUTHORITATIVE
            )
            for _, one in refused:
                unread.log(f"repository of {self.installation}", one)
            Repository.objects.filter(pk__in=hidden).update(removed_at=None)
            audit_soon(hidden)
            Repository.objects.filter(pk__in=ids, dirty_at__lte=started_at).update(dirty_at=None)
            lost = ours.filter(removed_at__isnull=True, observed_at__lt=started_at)
            lost.filter(pk__in=gone).update(removed_at=started_at)
            believed = whole and not lost.exclude(pk__in=ids).exists()
            if believed:
                self.installation.repositories_listed_at = started_at
                self.installation.save(update_fields=["repositories_listed_at"])
            now = {row["github_id"]: row["default_branch"] for row in rows}
            for pk, branch in branches.items():
                if branch and branch != now.get(pk, branch):  # other commits are to be marked
                    defer(SYNC_GIT, pk)
            reached("listing: stored, not committed")
        return sorted(hidden | {key[0] for key in result.inserted})

    def _read_alone(self, odd: dict[int, str]) -> list[Row]:
        """Repositories that could not be understood in the list, asked for by id."""
        rows, not_read = [], []
        for number, reason in odd.items():
            try:
                reply = self.client.get(f"/repositories/{number}")
                rows.append(repository_row(reply.fields(), self.installation.pk))
            except QuotaExhausted:
                raise
            except (*unread.ODD, GitHubError):
                not_read.append(f"repository {number} ({reason})")
        if not_read:
            self.not_read = f"{len(not_read)} could not be read: {', '.join(not_read)}"[:2000]
        return rows

    def _row(self, document: Mapping[str, Any]) -> Row:
        return repository_row(document, self.installation.pk)


def _imported(repository: Repository) -> FeedLine:
    return FeedLine(
        kind="repository",
        action="imported",
        repository_id=repository.pk,
        installation_id=repository.installation_id,
        object_key=repository.full_name,
        title=repository.full_name,
        html_url=repository.html_url,
    )


def recently_synced(repository: Repository, minutes: int) -> bool:
    """Whether the periodic sync may skip this repository."""
    if repository.last_synced_at is None or repository.imported_at is None:
        return False
    return repository.last_synced_at > timezone.now() - timedelta(minutes=minutes)
