"""Read a list of one repository by the way that its kind declares."""

from __future__ import annotations

from autosync.github import InstallationClient
from autosync.kinds._events import Resource
from autosync.mirror.models import Repository
from autosync.sync.listing import Progress, sync_listing
from autosync.sync.rest_listing import sync_rest
from autosync.sync.stream import sync_stream


def sync_list(
    resource: Resource, repository: Repository, client: InstallationClient, progress: Progress
) -> int:
    """Read what was never read, else what is new; rows changed."""
    if resource.stream is not None:
        return sync_stream(resource, repository, client, progress)
    if resource.rest is not None:
        return sync_rest(resource, repository, client, progress)
    return sync_listing(resource, repository, client, progress)
