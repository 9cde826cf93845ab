"""Read what objects carry where it was never read: an older AutoSync stored these objects."""

from __future__ import annotations

from autosync.github import InstallationClient
from autosync.kinds._events import Resource
from autosync.mirror.models import Repository
from autosync.mirror.sets import KNOWN
from autosync.sync.refetch import refetch

_MANY = 100


def read_sets(
    resource: Resource, repository: Repository, client: InstallationClient, *, most: int
) -> int:
    """Ask GitHub for up to `most` objects whose sets are not known, newest first; rows changed."""
    if not resource.sets:
        return 0
    rows = resource.merge.model._default_manager.filter(
        **{KNOWN: False}, repository=repository, deleted_at__isnull=True, node_id__gt=""
    )
    left = list(rows.order_by("-updated_at").values_list("node_id", "pk")[:most])
    return sum(
        refetch(resource, client, dict(left[start : start + _MANY]))
        for start in range(0, len(left), _MANY)
    )
