"""Import and reconcile one installation: the same steps, from a cursor or from a watermark."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from autosync.github import (
    GitHubError,
    Gone,
    InstallationClient,
    NotFound,
    Priority,
    QuotaExhausted,
    Unreadable,
)
from autosync.killpoints import reached
from autosync.mirror.feed import FeedLine, publish
from autosync.mirror.models import GitHubAppInstallation, Repository, ResourceCursor
from autosync.mirror.upsert import Row, Rule, upsert
from autosync.resources.base import FollowUp
from autosync.resources.installation import MERGE as INSTALLATION
from autosync.resources.installation import row_from_rest as installation_row
from autosync.resources.repository import MERGE as REPOSITORY
from autosync.resources.repository import row_from_rest as repository_row
from autosync.sync import connect, unread
from autosync.sync.commits import refresh_contributors, sync_commits, sync_details
from autosync.sync.due import audit_soon
from autosync.sync.listing import sync_listing
from autosync.sync.refetch import listed_resources, refetch, refetch_dirty

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
        asked_at = timezone.now()
        listed = unread.items(connect.app_client().installations(), installation_row)
        ids = listed.ids
        with transaction.atomic():
            unread.store(INSTALLATION, listed.rows, observed_at=asked_at, rule=Rule.AUTHORITATIVE)
            if listed.complete:
                GitHubAppInstallation.objects.filter(
                    deleted_at__isnull=True, observed_at__lt=asked_at
                ).exclude(pk__in=ids).update(deleted_at=asked_at)
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

    def sync_repositories(self, *, force: bool = False) -> list[int]:
        """List what the installation may see; returns the ids of repositories gained.

        Unchanged since the last listing: 304s, no quota, no rows; unless their number here is
        no longer the one of that listing. Repositories no longer listed are hidden, those listed
        again are shown again.
        """
        started_at = timezone.now()
        listed_at = self.installation.repositories_listed_at
        ours = Repository.objects.filter(installation=self.installation)
        conditional = (
            listed_at is not None
            and not force
            # Nothing in doubt, and nothing hidden by an event that came after the last listing.
            and not ours.filter(Q(dirty_at__isnull=False) | Q(removed_at__gt=listed_at)).exists()
        )
        if not conditional:
            # The validators of what is read from here on count only once it is stored.
            self._listed(None)
        documents: list[Any] = []
        for page in self.client.pages(
            "/installation/repositories", {"per_page": 100}, conditional=conditional
        ):
            if page.not_modified:
                continue
            if conditional:
                # Something changed: membership is only known from every page together.
                return self.sync_repositories(force=True)
            documents += page.listed("repositories")
        if conditional:
            here = Repository.visible().filter(installation=self.installation).count()
            if here != self.installation.repositories_count:
                # Not GitHub's list has changed since, but what is shown here.
                return self.sync_repositories(force=True)
            self._listed(started_at)
            return []
        reached("listing: repositories read, not stored")
        return self._store_listing(documents, started_at)

    def sync_repository(
        self, repository: Repository, *, force: bool = False, progress: Progress = _silent
    ) -> int:
        """Bring one repository's content in step with GitHub; returns how many rows changed."""
        first = repository.imported_at is None
        Repository.objects.filter(pk=repository.pk).update(
            sync_state=Repository.SyncState.IMPORTING if first else repository.sync_state
        )
        if not repository.node_id or not repository.clone_url:
            repository = self._complete(repository)
        count = sync_commits(repository, self.client, progress)
        progress()
        for resource in listed_resources():
            count += refetch(resource, self.client, unread.due(resource, repository))
        if self.something_changed(repository) or force or first:
            reached("reconcile: change announced, not read")
            for resource in listed_resources():
                count += sync_listing(resource, repository, self.client, progress)
                progress()
        detailed = sync_details(repository, self.client, progress)
        refresh_contributors(repository)
        now = timezone.now()
        reached("reconcile: all read, not called synced")
        with transaction.atomic():
            Repository.objects.filter(pk=repository.pk).update(
                sync_state=Repository.SyncState.SYNCED,
                sync_error=unread.sentence(repository),
                last_synced_at=now,
                imported_at=repository.imported_at or now,
            )
            if first:
                audit_soon([repository.pk])
                publish([_imported(repository)])
            progress()
        return count + detailed

    def sync_git(self, repository: Repository) -> int:
        """After a push: refs, missing commits, their details. Touches no list."""
        if not repository.node_id or not repository.clone_url:
            repository = self._complete(repository)
        # A first clone may take an hour: pushes that wait for it must not take every live slot.
        count = sync_commits(repository, self.client, _silent, patience=1)
        detailed = sync_details(repository, self.client, _silent)
        refresh_contributors(repository)
        return count + detailed

    def settle(self) -> int:
        """Refetch this installation's rows whose clocks could not decide."""
        return refetch_dirty(self.client, self.installation.pk)

    def something_changed(self, repository: Repository) -> bool:
        """Whether any issue or pull request changed since the last look; free if none did.

        The issues list shows pull requests too. Its validator only counts once everything that
        came before has been taken in, which the cursors tell.
        """
        names = [r.name for r in listed_resources()]
        cursors = ResourceCursor.objects.filter(repository=repository, resource__in=names)
        complete = cursors.filter(state=ResourceCursor.State.COMPLETE).count() == len(names)
        # Until what it announces has been read, a validator must not answer for it: a kill from
        # here on leaves the cursors open, and the next look unconditional.
        cursors.update(state=ResourceCursor.State.RUNNING)
        query: dict[str, str | int] = {
            "state": "all",
            "sort": "updated",
            "direction": "desc",
            "per_page": 1,
        }
        lists = ["issues", "pulls"] if repository.has_issues else ["pulls"]
        for name in lists:
            try:
                reply = self.client.get(
                    f"/repos/{repository.full_name}/{name}", query, conditional=complete
                )
                break
            except Gone:  # issues were switched off since; asking costs quota each time
                if name == lists[-1]:
                    raise
        if reply.not_modified:
            cursors.update(state=ResourceCursor.State.COMPLETE)
        return not reply.not_modified

    def _complete(self, repository: Repository) -> Repository:
        """A stub from an installation event: fetch the whole."""
        asked_at = timezone.now()
        reply = self.client.get(f"/repositories/{repository.pk}")
        try:
            row = repository_row(reply.fields(), self.installation.pk)
        except unread.ODD as error:
            raise Unreadable(
                f"GitHub's answer about {repository} is not as documented: {error}", url=reply.url
            ) from None
        upsert(REPOSITORY, [row], observed_at=asked_at, rule=Rule.AUTHORITATIVE)
        return Repository.objects.get(pk=repository.pk)

    def _store_listing(self, documents: list[Any], started_at: datetime) -> list[int]:
        from autosync.sync.tasks import hand_over

        row = partial(repository_row, installation_id=self.installation.pk)
        listed = unread.items(documents, row)
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
            if listed.complete:
                lost.exclude(pk__in=ids).update(removed_at=started_at)
            self.installation.repositories_count = len(set(ids))
            self._listed(started_at)
            now = {row["github_id"]: row["default_branch"] for row in rows}
            for pk, branch in branches.items():
                if branch and branch != now.get(pk, branch):  # other commits are to be marked
                    hand_over(FollowUp("sync_git", pk))
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

    def _listed(self, at: datetime | None) -> None:
        self.installation.repositories_listed_at = at
        self.installation.save(update_fields=["repositories_listed_at", "repositories_count"])


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
