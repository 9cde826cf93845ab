"""Read a list of one repository by the way that is planned for it."""

from __future__ import annotations

from autosync.github import InstallationClient
from autosync.kinds._events import Resource
from autosync.kinds._ways import Known, Left, Way, plan
from autosync.mirror.models import Repository
from autosync.sync.first_reading import batches
from autosync.sync.listing import Progress, sync_listing
from autosync.sync.rest_listing import sync_rest
from autosync.sync.standing import was_read
from autosync.sync.stream import sync_stream


def sync_list(
    resource: Resource, repository: Repository, client: InstallationClient, progress: Progress
) -> int:
    """Read what was never read, else what is new; rows changed.

    How large it is, its first page tells: what is dear by that way then goes on by another.
    """
    known = Known(was_read=was_read(resource, repository))
    match plan(resource.offers, known, Left()).way:
        case Way.STREAM:
            return sync_stream(resource, repository, client, progress)
        case Way.CONNECTION:
            return sync_listing(resource, repository, client, progress, batches)
        case _:
            return sync_rest(resource, repository, client, progress)
