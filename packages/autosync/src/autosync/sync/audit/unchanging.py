"""Compare kinds whose objects never change and never go: only what is missing is a difference."""

from __future__ import annotations

from django.utils import timezone

from autosync.github import InstallationClient
from autosync.kinds._events import Resource
from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.models import AuditFinding, Repository
from autosync.sync import unread
from autosync.sync.audit.difference import Difference
from autosync.sync.rest_listing import list_pages


def missing(
    resource: Resource, repository: Repository, client: InstallationClient, *, whole: bool
) -> list[Difference]:
    """Those of the newest hundred that are not here, or if `whole` of all; a request a hundred.

    Not what is younger than those here and not read yet: the next sync reads it.
    """
    rest, merge = resource.rest, resource.merge
    assert rest is not None
    settled = timezone.now() - IN_FLIGHT
    there: dict[str, str] = {}
    for _, items, _ in list_pages(rest, repository, client, ""):
        for item in items:
            if isinstance(item, dict) and isinstance(item.get("id"), int):
                there[str(item["id"])] = str(item.get("node_id") or "")
        if not whole:
            break
    rows = merge.model._default_manager.filter(repository=repository)
    here = {str(key) for key in rows.filter(pk__in=there).values_list("pk", flat=True)}
    newest = rows.filter(observed_at__lt=settled).order_by("-pk").values_list("pk", flat=True)
    last = newest.first() or 0
    not_read = {str(key) for key in unread.keys(resource, repository)}
    return [
        Difference(resource.name, key, AuditFinding.Problem.MISSING, node_id)
        for key, node_id in there.items()
        if key not in here | not_read and int(key) < last
    ]
