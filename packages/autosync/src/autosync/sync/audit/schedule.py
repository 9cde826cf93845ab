"""When audits run: every night for all, and soon for what was imported or out of reach."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from autosync.github import GitHubError
from autosync.mirror.models import Audit, GitHubAppInstallation, Repository
from autosync.sync.audit.auditor import Auditor, finish_left_open
from autosync.sync.errors import Busy, is_passing
from autosync.sync.jobs import under_way
from autosync.sync.locks import exclusive
from autosync.sync.queue import AUDIT_DUE, AUDIT_INSTALLATION, defer


def enqueue_all() -> None:
    """An audit of every installation."""
    for installation in GitHubAppInstallation.live.filter(suspended_at__isnull=True):
        defer(AUDIT_INSTALLATION, installation.pk)


def enqueue_due() -> None:
    """An audit of each installation that has repositories to audit now."""
    busy = Repository.objects.filter(pk__in=under_way()).values("installation_id")
    to_audit = _to_audit(busy)
    for installation_id in to_audit.values_list("installation_id", flat=True).distinct():
        defer(AUDIT_DUE, installation_id)


def audit_installation(installation_id: int) -> None:
    """Compare one installation's mirror with GitHub and repair what differs."""
    installation = GitHubAppInstallation.live.filter(pk=installation_id).first()
    if installation is not None and not installation.is_suspended:
        Auditor(installation).run()


def audit_due(installation_id: int) -> None:
    """Audit what was just imported, or was out of GitHub's reach for a while."""
    with exclusive("audit_due", installation_id, wait=False):
        to_audit = list(_to_audit().filter(installation=installation_id))
        try:
            if to_audit:
                Auditor(to_audit[0].installation, names=True).run(to_audit)
        except Exception as error:
            if not isinstance(error, GitHubError) and not is_passing(error):
                # Else it would fail again every few seconds.
                later = timezone.now() + timedelta(minutes=10)
                ids = [one.pk for one in to_audit]
                Repository.objects.filter(pk__in=ids).update(audit_due_at=later)
            raise


def finish_abandoned() -> None:
    """Finish the records of audits that nobody is at: no other may follow for a day."""
    left = Audit.objects.filter(finished_at__isnull=True)
    for installation_id in left.values_list("installation_id", flat=True).distinct():
        with suppress(Busy), exclusive("audit", installation_id, wait=False):
            finish_left_open(installation_id)


def _to_audit(busy_installations: Any = ()) -> QuerySet[Repository]:
    """Repositories to audit now; one audit of many is cheaper than many, so not while some of the
    same installation are being imported or synced.
    """
    return (
        Repository.visible()
        .filter(
            audit_due_at__lte=timezone.now(),
            imported_at__isnull=False,
            failures=0,  # a sick one is audited when it is well again
            auto_sync_enabled=True,
            installation__suspended_at__isnull=True,
        )
        .exclude(installation__in=busy_installations)
    )
