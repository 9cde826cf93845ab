"""Which repositories an audit is to look at soon."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from autosync.mirror.models import Repository

# A webhook may still be on its way: what changed this recently is no difference yet.
IN_FLIGHT = timedelta(seconds=60)


def audit_soon(repository_ids: Iterable[int]) -> None:
    """Have an audit look once nothing is on its way: no list shows what was deleted meanwhile."""
    Repository.objects.filter(pk__in=repository_ids).update(audit_due_at=timezone.now() + IN_FLIGHT)
