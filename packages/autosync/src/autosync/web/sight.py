"""Which repositories pages may show, and what is in them."""

from __future__ import annotations

from django.http import Http404

from autosync.models import Repository
from autosync.storable import BIGGEST_ID


def repository(repository_id: int) -> Repository:
    """The repository, with its installation; Http404 if it may not be shown."""
    rows = Repository.visible().select_related("installation")
    found = rows.filter(pk=repository_id).first() if repository_id <= BIGGEST_ID else None
    if found is None:
        raise Http404("This repository is not mirrored.")
    return found
