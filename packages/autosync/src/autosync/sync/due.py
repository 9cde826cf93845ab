"""Which repositories are to be looked at again soon: by an audit, or by a listing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from autosync.mirror.models import Repository
from autosync.sync.errors import UnknownRepository

# A webhook may still be on its way: what changed this recently is no difference yet.
IN_FLIGHT = timedelta(seconds=60)
# What was seen this shortly before GitHub was asked may be missing in the answer and exist all the
# same: lists and GraphQL lag behind webhooks and git.
LAG = timedelta(seconds=15)


def audit_soon(repository_ids: Iterable[int]) -> None:
    """Have an audit look once nothing is on its way: no list shows what was deleted meanwhile."""
    Repository.objects.filter(pk__in=repository_ids).update(audit_due_at=timezone.now() + IN_FLIGHT)


def list_soon(repository_ids: Iterable[int]) -> None:
    """Have the next listing of the installation tell whether they are still in its sight."""
    Repository.objects.filter(pk__in=repository_ids).update(dirty_at=timezone.now())


def out_of_sight(repository: Repository) -> UnknownRepository:
    """The error that GitHub shows no such repository; whether it is still ours is asked next."""
    list_soon([repository.pk])
    return UnknownRepository(f"GitHub no longer shows {repository} to its installation.")
