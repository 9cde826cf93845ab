"""Import and reconcile one installation: the same steps, from a cursor or from a watermark."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from autosync.github import (
    Forbidden,
    Gone,
    InstallationClient,
    NotFound,
    Priority,
    Unavailable,
)
from autosync.killpoints import reached
from autosync.mirror.feed import FeedLine, publish
from autosync.mirror.models import GitHubAppInstallation, Repository, ResourceCursor
from autosync.mirror.upsert import Row, Rule, upsert
from autosync.resources.base import FollowUp, Resource
from autosync.resources.installation import MERGE as INSTALLATION
from autosync.resources.installation import row_from_rest as installation_row
from autosync.resources.repository import MERGE as REPOSITORY
from autosync.resources.repository import row_from_rest as repository_row
from autosync.sync import connect
from autosync.sync.absent import (
    installation_there,
    read_repositories,
    really_absent,
    repository_there,
)
from autosync.sync.commits import refresh_contributors, sync_commits, sync_details
from autosync.sync.due import audit_soon
from autosync.sync.listing import sync_listing
from autosync.sync.parts import Parts
from autosync.sync.refetch import listed_resources, refetch_dirty
from autosync.sync.refusals import Refused, lacks, switched_off, unavailable

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

    @classmethod
    def discover(cls) -> list[GitHubAppInstallation]:
        """Bring the list of installations in step with GitHub; returns those that are there."""
        client = connect.app_client()
        asked_at = timezone.now()
        rows = [installation_row(item) for item in client.installations()]
        here = GitHubAppInstallation.objects.filter(
            deleted_at__isnull=True, observed_at__lt=asked_at
        )
        absent = set(here.values_list("pk", flat=True)) - {row["github_id"] for row in rows}
        gone = really_absent(
            absent,
            lambda: [item["id"] for item in client.installations()],
            lambda pk: installation_there(client, pk, rows),
        )
        ids = [row["github_id"] for row in rows] + sorted(absent - gone)
        with transaction.atomic():
            upsert(INSTALLATION, rows, observed_at=asked_at, rule=Rule.AUTHORITATIVE)
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
        row = installation_row(document)
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
        if conditional:
            for page in self.client.pages(
                "/installation/repositories", {"per_page": 100}, conditional=True
            ):
                if not page.not_modified:
                    # Something changed: membership is only known from every page together.
                    return self.sync_repositories(force=True)
            here = Repository.visible().filter(installation=self.installation).count()
            if here != self.installation.repositories_count:
                # Not GitHub's list has changed since, but what is shown here.
                return self.sync_repositories(force=True)
            self._listed(started_at)
            return []
        documents, whole = read_repositories(self.client)
        reached("listing: repositories read, not stored")
        gone = self._gone(documents, started_at) if whole else set()
        return self._store_listing(documents, started_at, gone, whole=whole)

    def sync_repository(
        self, repository: Repository, *, force: bool = False, progress: Progress = _silent
    ) -> int:
        """Bring one repository's content in step with GitHub; returns how many rows changed."""
        first = repository.imported_at is None
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
            work = {"commit": partial(self._sync_commits, repository, progress)}
            for resource in self._lists_to_read(repository, everything=force or first):
                work[resource.name] = partial(self._sync_list, resource, repository, progress)
            work["commit_detail"] = partial(sync_details, repository, self.client, progress)
            for name in parts.in_order(work):
                count += parts.run(name, work[name])
                progress()
            refresh_contributors(repository)
        parts.finish()
        now = timezone.now()
        # Nothing at all was shown: it is not imported, and not failing either.
        imported = repository.imported_at is not None or bool(
            {"commit", *(one.name for one in listed_resources())} & parts.done
        )
        reached("reconcile: all read, not called synced")
        with transaction.atomic():
            Repository.objects.filter(pk=repository.pk).update(
                sync_state=Repository.SyncState.SYNCED
                if imported
                else Repository.SyncState.PENDING,
                sync_error="",
                last_synced_at=now,
                imported_at=(repository.imported_at or now) if imported else None,
            )
            if first and imported:
                audit_soon([repository.pk])
                publish([_imported(repository)])
            progress()
        return count

    def _lists_to_read(self, repository: Repository, *, everything: bool) -> list[Resource]:
        """All lists if anything changed; what GitHub did not show is asked for each time."""
        if everything or self.something_changed(repository):
            reached("reconcile: change announced, not read")
            return listed_resources()
        names = unavailable([repository.pk])[repository.pk]
        return [one for one in listed_resources() if one.name in names]

    def _sync_commits(self, repository: Repository, progress: Progress) -> int:
        return sync_commits(repository, connect.git_reader(repository, self.client), progress)

    def _sync_list(self, resource: Resource, repository: Repository, progress: Progress) -> int:
        refusal = switched_off(resource, repository)
        if refusal is not None:
            raise Refused(refusal)
        if lacks(resource, repository):
            # A token keeps the permissions that it was made with.
            self.client.refuse_token(self.client.token())
        return sync_listing(resource, repository, self.client, progress)

    def sync_git(self, repository: Repository) -> int:
        """After a push: refs, missing commits, their details. Touches no list."""
        parts = Parts(repository, self.client)
        if not repository.node_id or not repository.clone_url:
            parts.run("repository", lambda: self._complete(repository))
            parts.finish()
            repository.refresh_from_db()
        if parts.refused:
            return 0
        reader = connect.git_reader(repository, self.client)
        # A first clone may take an hour: pushes that wait for it must not take every live slot.
        count = parts.run("commit", lambda: sync_commits(repository, reader, _silent, patience=1))
        count += parts.run("commit_detail", lambda: sync_details(repository, self.client, _silent))
        refresh_contributors(repository)
        parts.finish()
        return count

    def settle(self) -> int:
        """Refetch this installation's rows whose clocks could not decide."""
        return refetch_dirty(self.client, self.installation.pk)

    def something_changed(self, repository: Repository) -> bool:
        """Whether any issue or pull request changed since the last look; free if none did.

        The issues list shows pull requests too. Its validator only counts once everything that
        came before has been taken in, which the cursors tell.
        """
        refused = unavailable([repository.pk])[repository.pk]
        names = [r.name for r in listed_resources() if r.name not in refused]
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
        for name in ["issues", "pulls"] if repository.has_issues else ["pulls"]:
            try:
                reply = self.client.get(
                    f"/repos/{repository.full_name}/{name}", query, conditional=complete
                )
            except (Gone, NotFound, Forbidden, Unavailable):
                # Switched off, refused or failing: each list tells which, when it is read.
                continue
            if reply.not_modified:
                cursors.update(state=ResourceCursor.State.COMPLETE)
            return not reply.not_modified
        return True

    def _complete(self, repository: Repository) -> int:
        """A stub from an installation event: fetch the whole."""
        asked_at = timezone.now()
        reply = self.client.get(f"/repositories/{repository.pk}")
        row = repository_row(msgspec.json.decode(reply.content), self.installation.pk)
        return len(upsert(REPOSITORY, [row], observed_at=asked_at, rule=Rule.AUTHORITATIVE).changed)

    def _gone(self, documents: list[dict[str, Any]], started_at: datetime) -> set[int]:
        """Repositories shown until now that a whole list lacks, when GitHub stands by it."""
        shown = Repository.objects.filter(
            installation=self.installation, removed_at__isnull=True, observed_at__lt=started_at
        )
        absent = set(shown.values_list("pk", flat=True)) - {item["id"] for item in documents}
        client = connect.app_client()

        def list_again() -> set[int] | None:
            again, whole = read_repositories(self.client)
            return {row["github_id"] for row in map(self._row, again)} if whole else None

        return really_absent(
            absent, list_again, lambda pk: repository_there(client, pk, self.installation.pk)
        )

    def _store_listing(
        self,
        documents: list[dict[str, Any]],
        started_at: datetime,
        gone: set[int],
        *,
        whole: bool,
    ) -> list[int]:
        from autosync.sync.tasks import hand_over

        rows = [self._row(item) for item in documents]
        ids = [row["github_id"] for row in rows]
        ours = Repository.objects.filter(installation=self.installation)
        with transaction.atomic():
            hidden = set(
                Repository.objects.filter(pk__in=ids, removed_at__lt=started_at).values_list(
                    "pk", flat=True
                )
            )
            seen = Repository.objects.filter(pk__in=ids)
            branches = dict(seen.values_list("pk", "default_branch"))
            result = upsert(REPOSITORY, rows, observed_at=started_at, rule=Rule.AUTHORITATIVE)
            Repository.objects.filter(pk__in=hidden).update(removed_at=None)
            audit_soon(hidden)
            Repository.objects.filter(pk__in=ids, dirty_at__lte=started_at).update(dirty_at=None)
            lost = ours.filter(removed_at__isnull=True, observed_at__lt=started_at)
            lost.filter(pk__in=gone).update(removed_at=started_at)
            # What is not whole, or lacks what is there, is read anew next time.
            believed = whole and not lost.exclude(pk__in=ids).exists()
            self.installation.repositories_count = len(set(ids))
            self._listed(started_at if believed else None)
            now = {row["github_id"]: row["default_branch"] for row in rows}
            for pk, branch in branches.items():
                if branch and branch != now[pk]:  # other commits are to be marked
                    hand_over(FollowUp("sync_git", pk))
            reached("listing: stored, not committed")
        return sorted(hidden | {key[0] for key in result.inserted})

    def _row(self, document: Mapping[str, Any]) -> Row:
        return repository_row(document, self.installation.pk)

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
